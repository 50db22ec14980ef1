"""Story 30: whatever is wrong with a version, it is stopped before its first request, with the right sentence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.samples import give_samples
from e2e.harness.traffic import Clients
from modelrollout.manifests.serving import SERVER_CONTAINER

MANIFEST, SAMPLES = (Path(__file__).parent / name for name in ("rollout.yaml", "samples.yaml"))
BOUND = 90.0  # seconds: its pod is started, loaded and asked
LIMITS = {"maxLatency": "5s", "maxLoadTime": "60s"}


@dataclass(frozen=True, slots=True)
class Unfit:
    """A model, what is asked of it besides what is asked of all, and the reason and the words by which it fails."""

    model: str
    words: str
    reason: str = "ValidationFailed"
    limits: tuple[tuple[str, str], ...] = ()


UNFIT = (
    Unfit("nan", "which is no finite number"),
    Unfit("constant", "rows of the samples are answered the same"),
    Unfit("permuted", "samples are not answered as golden says"),
    Unfit("nondeterministic", "samples are answered otherwise when they are sent again"),
    Unfit("other_signature_incompatible", "callers of 1.0.1 cannot call it: signature serving_default: "),
    Unfit("slow", "maxLatency is 100ms", limits=(("maxLatency", "100ms"),)),
    Unfit("slow_to_load", "maxLoadTime is 8s", limits=(("maxLoadTime", "8s"),)),
    Unfit("hungry", "out of memory; raise its memory limit", reason="LoadFailed"),
    Unfit("unloadable", "NOT_FOUND", reason="LoadFailed"),
)


def test_no_user_gets_an_answer_of_any_of_them(rollout: Rollout, clients: Clients) -> None:
    give_samples(rollout)
    rollout.apply(MANIFEST, version="1.0.1", model="good", **LIMITS)
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        for number, unfit in enumerate(UNFIT, start=2):
            version = f"1.1.{number}"
            rollout.apply(MANIFEST, version=version, model=unfit.model, **LIMITS | dict(unfit.limits))
            rollout.wait_for(partial(is_out, version=version), BOUND, f"{unfit.model} is stopped")
        assert all(weights == {"1.0.1": 100} for _, weights in rollout.routes()), "the route has never moved"
        rollout.apply(MANIFEST, version="1.2.20", model="better", **LIMITS)
        rollout.wait_healthy("1.2.20", RELEASE_SECONDS)
        requests.wait_for_answers(100)

    requests.none_failed()
    assert {answer.version for answer in requests.answers()} == {"1.0.1", "1.2.20"}
    said = {item.version: item for item in rollout.status.quarantined}
    for number, unfit in enumerate(UNFIT, start=2):
        found = said[f"1.1.{number}"]
        print(f"{unfit.model}: {found.reason}: {found.message}")
        assert (unfit.model, found.reason) == (unfit.model, unfit.reason)
        assert unfit.words in found.message, unfit.model


def test_samples_are_warm_up_requests_and_warm_up_requests_are_samples(rollout: Rollout) -> None:
    give_samples(rollout)
    written = "{configMap: digits-samples, warmUpFile: true}"
    rollout.apply(SAMPLES, version="1.0.1", model="good", samples=written)
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
    [pod] = rollout.pods("1.0.1")
    log = rollout.world.kubectl.run("logs", pod["metadata"]["name"], "-n", rollout.namespace, "-c", SERVER_CONTAINER)
    assert "Number of warmup records read: 10." in log

    rollout.apply(SAMPLES, version="1.1.2", model="slow_to_load", samples="{fromModel: true, varied: Report}")
    rollout.wait_for(lambda seen: rows(seen, "1.1.2") != {}, BOUND, "it is asked what it brings")
    found = rows(rollout, "1.1.2")
    assert found["answers"] == ("Pass", "20 samples were answered well, each of them twice")
    assert found["form"][0] == "Pass"
    print(found["latency"][1])


def test_one_that_says_more_than_before_is_no_other_signature(rollout: Rollout, clients: Clients) -> None:
    """Callers who read an output by its name, as by gRPC, are not disturbed by another one."""
    give_samples(rollout)
    samples = "{configMap: digits-samples, protocol: gRPC}"
    rollout.apply(SAMPLES, version="1.0.1", model="good", samples=samples)
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host, grpc=True) as requests:
        rollout.apply(SAMPLES, version="1.1.2", model="other_signature_compatible", samples=samples)
        rollout.wait_weight("1.1.2", 50)
        requests.wait_for_answers(100)

    requests.none_failed()
    assert {answer.version for answer in requests.answers()} == {"1.0.1", "1.1.2"}
    found = rows(rollout, "1.1.2")
    new = "new: output digit of signature serving_default"
    assert found["signature"] == ("Pass", f"callers of 1.0.1 can call it; {new}")
    assert (found["answers"][0], found["form"][0]) == ("Pass", "Pass")
    assert not rollout.status.quarantined


def rows(rollout: Rollout, version: str) -> dict[str, tuple[str, str]]:
    """Verdict and words of each check of a version that has passed."""
    arm = rollout.status.arm(version)
    if arm is None or not arm.validation.passed:
        return {}
    return {item.check: (item.verdict, item.message) for item in arm.validation.checks}


def is_out(rollout: Rollout, version: str) -> bool:
    """Whether a version is quarantined."""
    return any(item.version == version for item in rollout.status.quarantined)
