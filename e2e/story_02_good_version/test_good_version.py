"""Story 2: a good version is promoted by canary."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"


def test_good_version_is_promoted_and_nobody_notices(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_weight("1.1.2", 60)
        before = rollout.incarnations("1.1.2")
        rollout.wait_healthy("1.1.2")
        rollout.wait_for(lambda seen: not seen.status.retiring, 60, "the old version has drained and is gone")
        requests.wait_for_answers(100)

    requests.none_failed()
    assert rollout.weights("1.1.2") == [0, 5, 25, 60], "the steps of the manifest, each once"
    assert [weights.get("1.1.2", 0) for _, weights in rollout.routes()] == [0, 5, 25, 60, 100]
    assert rollout.incarnations("1.1.2") == before, "the promotion restarted a pod"
    assert rollout.pods_wanted("1.0.1") == 0, "the old version's pods are still wanted"
    assert [entry.outcome for entry in rollout.status.history] == ["Installed", "Promoted"]
    assert requests.share("1.1.2", last=100) == 1.0
