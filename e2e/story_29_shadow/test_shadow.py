"""Story 29: what a model would answer is known before any user gets it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
import requests

from e2e.cluster.target import Target
from e2e.harness import pods
from e2e.harness.kubectl import Object
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients, Requests
from e2e.story_29_shadow.picture import draw, read
from modelrollout.api.compared import DROPPED
from modelrollout.api.status import Arm, Phase
from modelrollout.resource.rollout import ModelRollout

MANIFEST = Path(__file__).parent / "rollout.yaml"
PICTURE = Path(__file__).parents[2] / "build" / "pictures" / "shadow.png"
MAX_DISAGREEMENT = 0.05  # as the manifest has it
LEAST = 200  # answers compared
LONG = 800  # the same where two comparers are killed on the way
BLIND, BLIND_LONGER = "4s", "6s"
LARGE = 6_000_000  # bytes of a request
LARGE_RATE = 1.0  # a second
PATIENCE = 8.0  # seconds of who sends such; whoever waits until the candidate is taken back waits longer
BOUND = 90.0  # seconds: its pod is started and loaded, the comparer is started and scraped


@pytest.mark.parametrize("grpc", [False, True], ids=["REST", "gRPC"])
def test_wrong_answers_are_compared_before_a_user_gets_one(
    rollout: Rollout, clients: Clients, target: Target, grpc: bool
) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good", blind=BLIND, least=LEAST)
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
    began = time.time()

    with ExitStack() as stack:
        requests = stack.enter_context(clients(rollout.host, grpc=grpc))
        large = None if grpc else stack.enter_context(large_requests(rollout, clients))
        rollout.apply(MANIFEST, version="1.1.2", model="permuted", blind=BLIND, least=LEAST)
        rollout.wait_for(lambda seen: seen.status.phase is Phase.SHADOWING, BOUND, "its answers are compared")
        rollout.wait_for(lambda seen: seen.status.phase is Phase.DEGRADED, BOUND, "it fails before any request")
        assert all(weights == {"1.0.1": 100} for _, weights in rollout.routes()), "the route has never moved"

        rollout.apply(MANIFEST, version="1.2.3", model="retrained", blind=BLIND, least=LEAST)
        if not grpc:
            shows_examples(rollout)
        rollout.wait_healthy("1.2.3", RELEASE_SECONDS + BOUND)
        requests.wait_for_answers(100)

    requests.none_failed()
    if large is not None:
        large.none_failed()
        assert too_large(rollout, target) > 0, "they are not compared, and it is told how many they are"
    assert {answer.version for answer in requests.answers()} == {"1.0.1", "1.2.3"}
    failed = next(item for item in rollout.status.quarantined if item.version == "1.1.2")
    assert failed.reason == "ValidationFailed"
    assert "answers of 1.1.2 differ from 1.0.1's" in failed.message
    assert "no request reached it" in failed.message
    assert rollout.status.stable is not None
    checks = {item.check: item for item in rollout.status.stable.validation.checks}
    assert "answers of 1.2.3 differ from 1.0.1's" in checks["shadow answers"].message
    print(failed.message)
    print(checks["shadow answers"].message)
    if not grpc:
        picture(rollout, target, began)
    # One that ends still has its log, and describe shows what is in it.
    rollout.wait_for(lambda seen: comparers(seen, ending=True) == [], BOUND, "nothing of the comparer is left")
    assert "the comparer has gone, and its log with it" in rollout.say("describe", rollout.name)


def slow(pod: Object) -> AbstractContextManager[None]:
    """It answers after ten seconds."""
    return pods.slow(pod, stands=10.0, runs=0.3)


SUFFERS: dict[str, Callable[[Object], AbstractContextManager[None]]] = {"1.1.2": pods.hung, "1.2.3": slow}


def test_a_comparer_that_hangs_or_is_slow_harms_nobody(rollout: Rollout, clients: Clients, target: Target) -> None:
    if not target.local:
        pytest.skip("a process of a cluster elsewhere is not ours to stop")
    rollout.apply(MANIFEST, version="1.0.1", model="good", blind=BLIND_LONGER, least=LEAST)
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests, large_requests(rollout, clients, 2 * LARGE_RATE) as large:
        for version, suffer in SUFFERS.items():
            rollout.apply(MANIFEST, version=version, model="retrained", blind=BLIND_LONGER, least=LEAST)
            rollout.wait_for(lambda seen: compared(seen) > 0, BOUND, "its answers are compared")
            (pod,) = comparers(rollout)
            with suffer(pod):
                rollout.wait_for(lambda seen: arm_of(seen) is None, BOUND, "it is taken back")
            taken = rollout.status.taken_back[-1]
            assert (taken.version, taken.reason) == (version, "ValidationTimeout"), (
                "nobody could see; nobody is to blame"
            )
            assert "could not be compared in the shadow for maxBlind 6s" in taken.message
        requests.wait_for_answers(100)

    requests.none_failed()
    large.none_failed()
    print("requests of 6 MB waited, at most, seconds:", sorted(answer.seconds for answer in large.answers())[-3:])
    assert {answer.version for answer in requests.answers()} == {"1.0.1"}
    assert not rollout.status.quarantined


def test_what_a_comparer_that_is_killed_had_counted_goes_on(rollout: Rollout, clients: Clients, target: Target) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good", blind=BLIND, least=LONG)
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
    seen: list[float] = []
    killed: list[str] = []

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="good", blind="2m", least=LONG)
        for least in (40, 120):
            # What was counted before one was killed may still come: only one that runs can be killed.
            pod = wait_for_comparer(rollout, killed)
            seen.append(wait_for_compared(rollout, least))
            pods.kill(rollout.world.kubectl, pod, local=target.local)
            killed.append(pod["metadata"]["uid"])
        rollout.wait_healthy("1.1.2", RELEASE_SECONDS + BOUND)
        requests.wait_for_answers(100)

    requests.none_failed()
    counted = compared_so_far(rollout)
    assert counted == sorted(counted), "what was counted is never forgotten"
    assert counted[-1] >= LONG
    assert max(counted) > max(seen)
    assert rollout.status.stable is not None
    checks = {item.check: item for item in rollout.status.stable.validation.checks}
    assert checks["shadow answers"].message.startswith("0 of "), "who is equal differs in nothing, and passes"
    assert not rollout.status.quarantined
    assert not rollout.status.taken_back


def large_requests(rollout: Rollout, clients: Clients, rate: float = LARGE_RATE) -> AbstractContextManager[Requests]:
    """Of users who send large bodies beside all others."""
    return clients(rollout.host, rate, timeout=PATIENCE, size=LARGE)


def too_large(rollout: Rollout, target: Target) -> float:
    """How many copies its comparers have dropped because of their size."""
    labels = f'{{rollout_namespace="{rollout.namespace}",reason="TooLarge"}}'
    query = {"query": f"sum(max_over_time({DROPPED}{labels}[5m]))"}
    reply = requests.get(f"{target.prometheus_url_outside}/api/v1/query", query, timeout=30)
    return sum(float(series["value"][1]) for series in reply.json()["data"]["result"])


def shows_examples(rollout: Rollout) -> None:
    """`modelrollout describe` has examples of answers that differ, as long as the comparer is there."""
    rollout.wait_for(lambda seen: different(seen) > 0, BOUND, "one of its answers differs")
    described = rollout.say("describe", rollout.name)
    assert "Answers that differ" in described
    assert re.search(r"row 0 of output predictions: 1\.2\.3 says \[.+\], and 1\.0\.1 says \[.+\]", described)


def different(rollout: Rollout) -> float:
    """How many of its answers differ."""
    arm = arm_of(rollout)
    return arm.shadow.last.different if arm is not None and arm.shadow.last is not None else 0.0


def picture(rollout: Rollout, target: Target, began: float) -> None:
    """Of both versions in the shadow."""
    words = {"1.1.2": ("its labels turned", "failed"), "1.2.3": ("trained anew", "passed")}
    span = began, time.time()
    known = [
        read(target.prometheus_url_outside, rollout.namespace, version, "1.0.1", span, model=model, outcome=outcome)
        for version, (model, outcome) in words.items()
    ]
    draw(known, "1.0.1", MAX_DISAGREEMENT, PICTURE)


def arm_of(rollout: Rollout) -> Arm | None:
    """The version under trial."""
    trial = rollout.status.trial
    return trial.arms[0] if trial is not None else None


def compared(rollout: Rollout) -> float:
    """How many of its answers were compared."""
    arm = arm_of(rollout)
    return arm.shadow.compared if arm is not None else 0.0


def wait_for_compared(rollout: Rollout, least: int) -> float:
    """Until so many of its answers were compared; how many it were then."""
    rollout.wait_for(lambda seen: compared(seen) >= least, BOUND, f"{least} of its answers are compared")
    return compared(rollout)


def compared_so_far(rollout: Rollout) -> list[float]:
    """How many of the answers of a version under trial were compared, in every state of the rollout."""
    states = rollout.world.rollouts.states(rollout.namespace, rollout.name)
    trials = [ModelRollout.from_json(state.body).status.trial for state in states]
    return [trial.arms[0].shadow.compared for trial in trials if trial is not None and trial.arms[0].version == "1.1.2"]


def wait_for_comparer(rollout: Rollout, killed: list[str]) -> Object:
    """Until one runs that is none of the killed ones, by their unique ids."""

    def running(seen: Rollout) -> list[Object]:
        return [pod for pod in comparers(seen) if pods.is_ready(pod) and pod["metadata"]["uid"] not in killed]

    rollout.wait_for(lambda seen: bool(running(seen)), BOUND, f"a comparer runs after {len(killed)} were killed")
    (pod,) = running(rollout)
    return pod


def comparers(rollout: Rollout, *, ending: bool = False) -> list[Object]:
    """The pods that compare answers; with ``ending``, also those that were told to end."""
    found = rollout.world.kubectl.list("pods", rollout.namespace, labels="modelrollout.dev/component=comparer")
    return [item for item in found if ending or "deletionTimestamp" not in item["metadata"]]
