"""Story 15: the same releases, judged by the metrics of TensorFlow Serving itself and of Istio's proxies."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"


@pytest.mark.parametrize("source", ["tensorflow-serving", "istio"])
def test_good_is_promoted_and_bad_is_rolled_back(rollout: Rollout, clients: Clients, source: str) -> None:
    rollout.apply(MANIFEST, source=source, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, source=source, version="1.1.2", model="better")
        rollout.wait_healthy("1.1.2")
        requests.none_failed()
        assert_rolled_back(rollout, source, version="1.2.3", model="failing", on="errors")
        assert_rolled_back(rollout, source, version="1.2.4", model="slow", on="latency")

    assert {answer.version for answer in requests.failed()} == {"1.2.3"}, "somebody else's request failed"


def assert_rolled_back(rollout: Rollout, source: str, version: str, model: str, on: str) -> None:
    """One metric speaks against the version, with numbers of both versions, and no other does."""
    rollout.apply(MANIFEST, source=source, version=version, model=model)
    rollout.wait_for(
        lambda seen: any(item.version == version for item in seen.status.quarantined),
        RELEASE_SECONDS,
        f"{version} is quarantined",
    )
    quarantined = rollout.status.quarantined[-1]
    assert (quarantined.version, quarantined.reason) == (version, "EvidenceAgainstCandidate")
    metrics = {metric.metric: metric for metric in rollout.status.last_analysis}
    assert [name for name, metric in metrics.items() if metric.verdict == "Fail"] == [on]
    assert metrics[on].candidate.bad > 0
    assert metrics[on].stable.requests > metrics[on].candidate.requests, "stable has most of the requests"
    rollout.wait_route({"1.1.2": 100})
