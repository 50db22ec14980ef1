"""Story 12: a release to which nobody sends a request."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout, verdicts
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"


def says_no_traffic(rollout: Rollout) -> bool:
    """Whether the status says that there are no requests to judge by."""
    return rollout.condition("AnalysisHealthy")[:2] == ("False", "NoTraffic")


def test_no_requests_are_neither_a_pass_nor_a_failure(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    rollout.apply(MANIFEST, version="1.1.2", model="better")
    rollout.wait_weight("1.1.2", 50, RELEASE_SECONDS)
    rollout.wait_for(says_no_traffic, 30, "the status says NoTraffic")
    # The step's own three seconds are long over in this time.
    rollout.stays(lambda seen: says_no_traffic(seen) and seen.route() == {"1.0.1": 50, "1.1.2": 50}, 10, "held")
    assert rollout.status.quarantined == ()
    assert {metric.verdict for metric in verdicts(rollout.status)} == {"NoTraffic"}

    with clients(rollout.host) as requests:
        rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
    requests.none_failed()
