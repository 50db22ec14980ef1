"""Story 5: a version that cannot be loaded never gets a request."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"


def test_unloadable_version_never_gets_traffic(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.2.5", model="unloadable")
        rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "1.2.5 is quarantined")
        requests.wait_for_answers(100)

    requests.none_failed()
    assert requests.share("1.0.1") == 1.0
    assert [weights for _, weights in rollout.routes()] == [{"1.0.1": 100}], "the route was touched"
    assert rollout.weights("1.2.5") == [0]
    quarantined = rollout.status.quarantined[-1]
    assert (quarantined.version, quarantined.reason) == ("1.2.5", "LoadFailed")
    for words in ("NOT_FOUND", "variables"):
        assert words in quarantined.message, "the status does not quote the model server"
    assert quarantined.message in rollout.events("LoadFailed")[0].message
