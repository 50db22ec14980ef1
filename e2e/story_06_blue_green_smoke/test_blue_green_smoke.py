"""Story 6: green fails its smoke requests, and blue keeps all the traffic."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"


def test_failing_smoke_requests_prevent_the_switch(rollout: Rollout, clients: Clients) -> None:
    rollout.give_smoke_requests("digits-smoke")
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.2.3", model="failing")
        rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "1.2.3 is quarantined")
        requests.wait_for_answers(100)

    requests.none_failed()
    assert requests.share("1.0.1") == 1.0
    assert rollout.weights("1.2.3") == [0]
    assert all(weights == {"1.0.1": 100} for _, weights in rollout.routes())
    quarantined = rollout.status.quarantined[-1]
    assert (quarantined.version, quarantined.reason) == ("1.2.3", "SmokeFailed")
    assert "through the gateway: 2 of 10 requests are not answered well" in quarantined.message
    assert "500" in quarantined.message
