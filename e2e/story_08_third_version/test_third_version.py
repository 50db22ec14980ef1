"""Story 8: a third version in the middle of a release, then back to the version that serves."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"


def test_third_version_waits_until_the_second_has_drained(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_weight("1.1.2", 50)
        rollout.apply(MANIFEST, version="1.3.6", model="third")
        rollout.wait_weight("1.3.6", 50, RELEASE_SECONDS)
        rollout.apply(MANIFEST, version="1.0.1", model="good")
        rollout.wait_healthy("1.0.1", 60)
        rollout.wait_for(lambda seen: not seen.status.retiring, 60, "the third version has drained and is gone")
        requests.wait_for_answers(100)

    requests.none_failed()
    outcomes = [(entry.version, entry.outcome, entry.reason) for entry in rollout.status.history[1:]]
    assert outcomes == [("1.1.2", "Superseded", "Superseded"), ("1.3.6", "Aborted", "ReturnedToStable")]
    assert rollout.status.quarantined == ()
    assert [weights for _, weights in rollout.routes()] == [
        {"1.0.1": 100},
        {"1.0.1": 50, "1.1.2": 50},
        {"1.0.1": 100},
        {"1.0.1": 50, "1.3.6": 50},
        {"1.0.1": 100},
    ]
    assert_drained_before(rollout, "1.1.2", "1.3.6")
    for version in ("1.1.2", "1.3.6"):
        assert rollout.told_to_go_at(version) >= int(drained_at(rollout, version)), f"{version} had not drained yet"


def assert_drained_before(rollout: Rollout, old: str, new: str) -> None:
    """The new version's release starts no earlier than the end of the old one's drain, by the operator's own clock."""
    began = [status.trial.started_at for status in rollout.statuses() if status.trial and status.arm(new)]
    assert began[0] >= drained_at(rollout, old)


def drained_at(rollout: Rollout, version: str) -> float:
    """When the drain of a version ended, as the status told in advance."""
    retiring = [entry for status in rollout.statuses() for entry in status.retiring if entry.version == version]
    return retiring[-1].drain_until
