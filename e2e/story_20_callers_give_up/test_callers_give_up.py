"""Story 20: a version that is slower than its callers wait is rolled back, by what never came."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"
PATIENCE = 0.1  # seconds that a caller waits; the slow model takes 0.16 for half of the rows


CALLERS: dict[str, tuple[bool, dict[str, str]]] = {
    "REST": (False, {}),
    "gRPC": (True, {}),
    "REST, by Istio's names": (False, {"provider": "istio"}),
}


@pytest.mark.parametrize(("grpc", "source"), CALLERS.values(), ids=CALLERS)
def test_it_is_rolled_back(rollout: Rollout, clients: Clients, grpc: bool, source: dict[str, str]) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good", cancels="Bad", **source)
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host, grpc=grpc, timeout=PATIENCE):
        rollout.apply(MANIFEST, version="1.2.4", model="slow", cancels="Bad", **source)
        rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "1.2.4 is quarantined")
        rollout.wait_route({"1.0.1": 100})

    quarantined = rollout.status.quarantined[-1]
    assert (quarantined.version, quarantined.reason) == ("1.2.4", "EvidenceAgainstCandidate")
    errors = next(metric for metric in rollout.status.last_analysis if metric.metric == "errors")
    assert errors.verdict == "Fail"
    lost, usual = (side.bad / side.requests for side in (errors.candidate, errors.stable))
    assert lost > 5 * usual, "stable's callers gave up, too: is the machine too slow for this story?"
    assert 50 not in rollout.weights("1.2.4"), "a version that half of the callers wait for in vain got further"


def test_whoever_leaves_out_what_callers_end_does_not_see_it(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good", cancels="Ignore")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host, timeout=PATIENCE):
        rollout.apply(MANIFEST, version="1.2.4", model="slow", cancels="Ignore")
        rollout.wait_healthy("1.2.4")
