"""Story 21: a version whose server hangs is rolled back, by what never came."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from e2e.cluster.target import Target
from e2e.harness import pods
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"
PATIENCE = 0.5  # seconds that a caller waits


@pytest.mark.parametrize("grpc", [False, True], ids=["REST", "gRPC"])
def test_it_is_rolled_back(rollout: Rollout, clients: Clients, target: Target, grpc: bool) -> None:
    if not target.local:
        pytest.skip("a process of a cluster elsewhere is not ours to stop")
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host, grpc=grpc, timeout=PATIENCE) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_weight("1.1.2", 20)
        requests.wait_for_answers(100)
        (pod,) = rollout.pods("1.1.2")
        with pods.hung(pod):
            stopped = time.time()
            rollout.wait_for(lambda seen: bool(seen.status.quarantined), 45, "1.1.2 is quarantined")
            rollout.wait_route({"1.0.1": 100})
        requests.wait_for_answers(100)

    quarantined = rollout.status.quarantined[-1]
    assert (quarantined.version, quarantined.reason) == ("1.1.2", "EvidenceAgainstCandidate")
    assert rollout.weights("1.1.2")[-1] == 20, "a version that answers nobody got further"
    lost = [answer.done_at for answer in requests.failed() if answer.done_at > stopped]
    back = next(at for at, weights in rollout.routes() if at > stopped and weights == {"1.0.1": 100})
    assert min(lost) < back, "nobody's answer was lost, so that was not the reason"
    assert max(lost) < back + PATIENCE + 2, "requests went to it after the rollback"
