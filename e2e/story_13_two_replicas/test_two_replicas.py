"""Story 13: two replicas of the operator, and the leader is killed."""

from __future__ import annotations

import time
from pathlib import Path

from e2e.harness.operator_pods import OperatorPods
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"
BOUND = 20.0  # seconds


def test_the_other_replica_goes_on(rollout: Rollout, clients: Clients, operator_pods: OperatorPods) -> None:
    with operator_pods.replicas(2):
        rollout.apply(MANIFEST, version="1.0.1", model="good")
        rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
        with clients(rollout.host) as requests:
            rollout.apply(MANIFEST, version="1.1.2", model="better")
            rollout.wait_weight("1.1.2", 20, RELEASE_SECONDS)
            leader = operator_pods.leader()
            other = next(name for name in operator_pods.names() if name != leader)
            killed = time.time()
            operator_pods.kill(leader)
            rollout.wait_for(lambda seen: seen.states()[-1].at > killed, BOUND, "the status is written again")
            rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
            requests.wait_for_answers(100)
        assert operator_pods.leader() == other

    requests.none_failed()
    written = next(state.at for state in rollout.states() if state.at > killed)
    assert written - killed < BOUND
    assert [weights.get("1.1.2", 0) for _, weights in rollout.routes()] == [0, 20, 60, 100]
