"""Story 33: the cluster's own servers are restarted, or slow, in the middle of a release."""

from __future__ import annotations

import time
from pathlib import Path

from e2e.cluster.programs import API_SERVER, CONTAINERD, ETCD, ISTIOD
from e2e.harness.operator_pods import OperatorPods
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.servers import Servers
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"
STANDS, RUNS = 1.5, 0.3  # seconds of etcd in turn
SCRAPES = 5.0  # seconds in which a version that fails is seen to fail


def test_a_release_goes_on_through_all_of_them(
    rollout: Rollout, clients: Clients, servers: Servers, operator_pods: OperatorPods
) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
    before = operator_pods.incarnations()

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_weight("1.1.2", 10)
        servers.restart(API_SERVER)
        with servers.slow(ETCD, STANDS, RUNS):
            rollout.wait_weight("1.1.2", 30)
        rollout.wait_weight("1.1.2", 50)
        servers.restart(ISTIOD)
        rollout.wait_weight("1.1.2", 70)
        servers.restart(CONTAINERD)
        rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
        requests.wait_for_answers(100)

    requests.none_failed()
    assert [weights.get("1.1.2", 0) for _, weights in rollout.routes()] == [0, 10, 30, 50, 70, 100]
    assert rollout.weights("1.1.2") == [0, 10, 30, 50, 70]
    assert [entry.outcome for entry in rollout.status.history] == ["Installed", "Promoted"]
    assert operator_pods.incarnations() == before, "the operator was restarted"


def test_what_failed_meanwhile_is_rolled_back_first(
    rollout: Rollout, clients: Clients, servers: Servers, operator_pods: OperatorPods
) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
    before = operator_pods.incarnations()

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.2.3", model="failing")
        rollout.wait_weight("1.2.3", 10)
        with servers.away(API_SERVER, killed=True):
            time.sleep(SCRAPES)
        # Pods reach the API server some seconds later than we do: kube-proxy has to learn its address anew.
        rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "1.2.3 is quarantined")
        rollout.wait_route({"1.0.1": 100})
        requests.wait_for_answers(100)

    assert [weights.get("1.2.3", 0) for _, weights in rollout.routes()] == [0, 10, 0], "it got more before it got less"
    assert {answer.version for answer in requests.failed()} == {"1.2.3"}, "somebody else's request failed"
    assert rollout.status.quarantined[-1].reason == "EvidenceAgainstCandidate"
    assert operator_pods.incarnations() == before, "the operator was restarted"
