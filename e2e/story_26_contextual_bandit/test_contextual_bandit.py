"""Story 26: a contextual bandit finds another best model for each segment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from e2e.client.people import Visit
from e2e.cluster.target import Target
from e2e.harness.evidence import assert_same_evidence, kill_and_wait
from e2e.harness.operator_pods import OperatorPods
from e2e.harness.people import people_of, wait_for_visits
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.installation import MODELS
from modelrollout.api.route import EVERYBODY
from modelrollout.api.status import Phase

FOLDER = Path(__file__).parent
SECONDS = 240.0
MOST = 80  # percent
BEST = {"lower": "1.1.2", "upper": "1.2.3", EVERYBODY: "1.0.1"}


def shop_of(digit: int) -> Mapping[str, str]:
    """The shop whose picture it is, unless it is some other caller's."""
    if digit in (2, 7):
        return {}
    return {"x-shop": "lower" if digit < 5 else "upper"}


def test_each_segment_gets_its_best_model(rollout: Rollout, target: Target, operator_pods: OperatorPods) -> None:
    rollout.prepare(FOLDER / "rewards.yaml")
    rollout.apply(FOLDER / "rollout.yaml")
    rollout.wait_for(shared_everywhere, INSTALL_SECONDS, "every version has a share of every segment")

    with people_of(target, rollout, MODELS, headers=shop_of) as people:
        rollout.wait_for(lambda seen: has_most(seen, "lower"), SECONDS, "the lower digits go to who knows them")
        killed = kill_and_wait(rollout, operator_pods)
        assert_same_evidence(rollout, killed)
        assert has_most(rollout, "lower"), "what was known of the lower digits was forgotten"
        rollout.wait_for(
            lambda seen: all(has_most(seen, split) for split in BEST), SECONDS, "each has its best version"
        )
        wait_for_visits(people, 1000)
        assert rollout.status.phase is Phase.HEALTHY

    assert_same_evidence(rollout, killed)
    assert [visit for visit in people.visits if visit.version is None] == [], "a request failed"
    assert rollout.status.quarantined == ()
    last = people.visits[-500:]
    assert {(visit.segment, visit.version) for visit in last} >= set(BEST.items())
    assert right(last) > 0.94, f"no more than by the version that knows all digits: {right(last):.3f}"
    assert set(people.told.refused) <= {"Unknown"}


def shared_everywhere(seen: Rollout) -> bool:
    """Whether all three versions answer in each segment."""
    return all(len(seen.route(split)) == 3 for split in BEST)


def has_most(seen: Rollout, split: str) -> bool:
    """Whether the best version of a segment has nearly all of it."""
    return seen.route(split).get(BEST[split], 0) >= MOST


def right(visits: list[Visit]) -> float:
    """The part of the answers that was right."""
    return sum(visit.right for visit in visits) / len(visits)
