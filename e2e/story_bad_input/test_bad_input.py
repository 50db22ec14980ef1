"""Bad input: what is refused, where, and in which words. What serves goes on serving, in the same pod."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.harness.kubectl import Refused
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.traffic import Clients, Requests
from e2e.harness.world import World

HERE = Path(__file__).parent
SERVES = HERE / "rollout.yaml"


@dataclass(frozen=True, slots=True)
class AtApply:
    """`kubectl apply` ends with an error that has these words in it."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """The operator sets `Accepted=False` with this reason, and a message that has these words in it."""

    reason: str
    words: tuple[str, ...]
    name: str = "digits"


Refusal = AtApply | NotAccepted


def at_apply(manifest: str, *words: str) -> object:
    """A row of the table: refused by the API server."""
    return pytest.param(manifest, AtApply(words), id=manifest)


def not_accepted(manifest: str, reason: str, *words: str, name: str = "digits") -> object:
    """A row of the table: refused by the operator."""
    return pytest.param(manifest, NotAccepted(reason, words, name), id=manifest)


CHANGES_OF_A_ROLLOUT = [
    at_apply("no_strategy", "spec.strategy", "exactly one strategy", "none is given"),
    at_apply("two_strategies", "spec.strategy", "exactly one strategy", "several are given"),
    at_apply("shares_of_ninety", "spec.strategy.split", "must sum to 100", "90"),
    at_apply("steps_out_of_order", "spec.strategy.canary.steps", "ascend", "60, 50"),
    at_apply("weight_101", "spec.strategy.canary.steps[1].setWeight", "101", "100"),
    at_apply("version_of_two_numbers", "spec.model.version", "'2.4'", "MAJOR.MINOR.PIPELINE"),
    at_apply("unknown_scheme", "spec.model.uri", "ftp://models.example/digits", "pvc://, file:// or https://"),
    at_apply("path_climbs_out", "spec.model.uri", "climbs out of its volume"),
    at_apply("other_digest", "spec.model.digest", "version 1.0.1", "never changes", "new version"),
    not_accepted("outside_of_file_root", "FileRootNotAllowed", "spec.model.uri", "file:///etc"),
    not_accepted("unknown_metric", "UnknownMetric", "spec.analysis.metrics", "clicks"),
    not_accepted("broken_promql", "InvalidMetric", "spec.analysis.metrics", "clicks", "parse"),
    not_accepted("pod_template", "ObjectRefused", "spec.serving.template", "readinessProb", "no field of a pod"),
    not_accepted("unreachable_uri", "FetchFailed", "spec.model.uri", "https://127.0.0.1:9/", "refused"),
]

OTHER_ROLLOUTS = [
    at_apply("name_too_long", "metadata.name", "67 characters of at most 63", "shorten"),
    not_accepted("foreign_virtual_service", "ForeignVirtualService", "VirtualService", "foreign", name="foreign"),
    not_accepted("host_of_another_namespace", "ForeignHost", "spec.traffic.hosts", "namespace default", name="thief"),
    not_accepted("host_of_another_rollout", "HostTaken", "spec.traffic.hosts", "digits", name="twin"),
]


@pytest.fixture(scope="module")
def serving(world: World) -> Iterator[Rollout]:
    """A rollout whose first version serves."""
    with world.namespace("bad-input") as namespace:
        rollout = Rollout(world, namespace)
        rollout.apply(SERVES)
        rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
        yield rollout


@pytest.fixture(scope="module")
def requests(serving: Rollout, clients: Clients) -> Iterator[Requests]:
    """Clients that send requests while all the manifests are refused."""
    with clients(serving.host) as requests:
        yield requests


@pytest.mark.parametrize(("manifest", "expected"), CHANGES_OF_A_ROLLOUT)
def test_refused_change_leaves_stable_alone(
    serving: Rollout, requests: Requests, manifest: str, expected: Refusal
) -> None:
    before = serving.incarnations("1.0.1")
    refuse(serving, manifest, expected)
    assert_untouched(serving, requests, before)
    serving.apply(SERVES)
    serving.wait_healthy("1.0.1", 30)


@pytest.mark.parametrize(("manifest", "expected"), OTHER_ROLLOUTS)
def test_refused_rollout_leaves_others_alone(
    serving: Rollout, requests: Requests, manifest: str, expected: Refusal
) -> None:
    before = serving.incarnations("1.0.1")
    if manifest == "foreign_virtual_service":
        serving.world.kubectl.apply(serving.fill(HERE / "somebody_elses_route.yaml"))
    name = expected.name if isinstance(expected, NotAccepted) else serving.name
    refuse(Rollout(serving.world, serving.namespace, name), manifest, expected)
    assert_untouched(serving, requests, before)


def test_somebody_elses_route_is_as_it_was(serving: Rollout) -> None:
    route = serving.world.kubectl.get("virtualservice", "foreign", serving.namespace)
    assert route["spec"]["http"] == [{"directResponse": {"status": 204}}]


def refuse(rollout: Rollout, manifest: str, expected: Refusal) -> None:
    """Apply the manifest, and look for the refusal and its words."""
    path = HERE / f"{manifest}.yaml"
    match expected:
        case AtApply(words):
            with pytest.raises(Refused) as refused:
                rollout.apply(path)
            message = str(refused.value)
        case NotAccepted(reason, words):
            rollout.apply(path)
            rollout.wait_for(lambda seen: seen.condition("Accepted")[0] == "False", 30, f"{manifest} is refused")
            _, given, message = rollout.condition("Accepted")
            assert given == reason, message
    for word in words:
        assert word in message, f"{word!r} is not in the sentence: {message}"


def assert_untouched(rollout: Rollout, requests: Requests, before: dict[str, int]) -> None:
    """The stable version has all the traffic, in the pods that it had, and no request has failed."""
    requests.wait_for_answers(20)
    requests.none_failed()
    assert requests.share("1.0.1") == 1.0
    assert rollout.route() == {"1.0.1": 100}
    assert rollout.incarnations("1.0.1") == before
    assert all(set(weights) == {"1.0.1"} for _, weights in rollout.routes()), "another version had traffic meanwhile"
