"""Story 25: a bandit gives the requests to the best model."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.client.people import Visit
from e2e.cluster.target import Target
from e2e.harness.people import people_of, shares_of, wait_for_visits
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.installation import MODELS
from modelrollout.api.status import Phase

FOLDER = Path(__file__).parent
SECONDS = 240.0
MOST = 80  # percent
LATE = 15.0  # seconds, on average


def test_the_best_gets_the_requests(rollout: Rollout, target: Target) -> None:
    rollout.prepare(FOLDER / "rewards.yaml")
    rollout.apply(FOLDER / "rollout.yaml")
    rollout.wait_for(lambda seen: len(seen.route() or {}) == 3, INSTALL_SECONDS, "every version has a share")

    with people_of(target, rollout, MODELS) as people:
        rollout.wait_for(lambda seen: (seen.route() or {}).get("1.1.2", 0) >= MOST, SECONDS, "the better has most")
        rollout.wait_for(lambda seen: seen.route() == {"1.1.2": 100}, SECONDS, "the better version has won")
        wait_for_visits(people, 300)
        rollout.wait_for(lambda seen: seen.status.phase is Phase.HEALTHY, 30, "the rollout is healthy")

    assert [visit for visit in people.visits if visit.version is None] == [], "a request failed"
    assert rollout.status.quarantined == ()
    during = people.visits[:-300]
    rights = {version: rate_of(during, version) for version in ("1.0.1", "1.1.2", "1.2.3")}
    right = sum(visit.right for visit in during) / len(during)
    assert right > sum(rights.values()) / 3, f"no better than equal shares: {right:.3f}, {rights}, {shares_of(during)}"
    assert set(people.told.refused) <= {"Unknown"}, "only what came when it was over"


def rate_of(visits: list[Visit], version: str) -> float:
    """The part of a version's answers that was right."""
    answered = [visit.right for visit in visits if visit.version == version]
    return sum(answered) / len(answered)


def test_complaints_come_late_and_how_late_is_measured(rollout: Rollout, target: Target) -> None:
    """Nobody says how late: the reward gateway sees it. People tell of wrong answers alone."""
    rollout.prepare(FOLDER / "rewards.yaml")
    rollout.apply(FOLDER / "late.yaml")
    rollout.wait_for(lambda seen: len(seen.route() or {}) == 2, INSTALL_SECONDS, "every version has a share")

    with people_of(target, rollout, MODELS, complain=LATE) as people:
        rollout.wait_for(lambda seen: delay_of(seen) is not None, SECONDS, "it is known how late complaints come")
        rollout.wait_for(lambda seen: seen.route() == {"1.1.2": 100}, SECONDS, "the better version has won")
        rollout.wait_for(lambda seen: seen.status.last_contest is not None, 30, "the status tells of the test")

    assert [visit for visit in people.visits if visit.version is None] == [], "a request failed"
    last = rollout.status.last_contest
    assert last is not None
    assert last.reward_delay == pytest.approx(LATE, rel=0.5)
    assert {item.version for item in last.versions} == {"1.0.1", "1.1.2"}
    assert rollout.status.quarantined == ()


def delay_of(rollout: Rollout) -> float | None:
    """As the operator knows it, in seconds."""
    trial = rollout.status.trial
    return trial.contest.reward_delay if trial is not None and trial.contest is not None else None
