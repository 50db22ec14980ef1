"""Story 11: Prometheus stops in the middle of a release."""

from __future__ import annotations

from pathlib import Path

from e2e.cluster.programs import PROMETHEUS
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.servers import Servers
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"


def blind(rollout: Rollout) -> bool:
    """Whether the status says that the metrics cannot be read."""
    return rollout.condition("AnalysisHealthy")[:2] == ("False", "Blind")


def test_weights_are_frozen_while_prometheus_is_away(rollout: Rollout, clients: Clients, servers: Servers) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_weight("1.1.2", 20, RELEASE_SECONDS)
        with servers.away(PROMETHEUS):
            rollout.wait_for(blind, 30, "the status says Blind")
            # The step's own four seconds are long over in this time.
            frozen = {"1.0.1": 80, "1.1.2": 20}
            rollout.stays(lambda seen: blind(seen) and seen.route() == frozen, 12, "frozen and blind")
        rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
        requests.wait_for_answers(100)

    requests.none_failed()
    assert [weights.get("1.1.2", 0) for _, weights in rollout.routes()] == [0, 20, 60, 100]
    assert [event.kind for event in rollout.events("Blind")] == ["Warning"]
    assert len(rollout.events("SightRestored")) == 1
