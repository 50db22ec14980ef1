"""Story 24: an A/B test finds the best of four models, by rewards that are told later."""

from __future__ import annotations

from pathlib import Path

from e2e.client.people import People
from e2e.cluster.target import Target
from e2e.harness.evidence import assert_same_evidence, kill_and_wait
from e2e.harness.operator_pods import OperatorPods
from e2e.harness.people import people_of, versions_of, wait_for_visits
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.route import Weights
from e2e.installation import MODELS
from modelrollout.api.status import Phase

FOLDER = Path(__file__).parent
EQUAL: Weights = {"1.0.1": 25, "1.1.2": 25, "1.2.3": 25, "1.3.4": 25}
WITHOUT: Weights = {"1.0.1": 50, "1.1.2": 25, "1.2.3": 25}
LIVE_SECONDS = 2.0  # from the route in the API server to the last request by the one before
SEEN_SECONDS, LEAST = 60.0, 20  # requests of each version that are told of, before the operator is killed
TEST_SECONDS = 420.0  # without a past, nothing is proven before it is known whether rewards come in bursts


def test_the_best_of_four_is_found(rollout: Rollout, target: Target, operator_pods: OperatorPods) -> None:
    rollout.prepare(FOLDER / "rewards.yaml")
    rollout.apply(FOLDER / "rollout.yaml")
    rollout.wait_for(lambda seen: seen.route() == EQUAL, INSTALL_SECONDS, "every version has its share")

    with people_of(target, rollout, MODELS, keep=True) as people:
        rollout.wait_for(
            lambda seen: seen.route() == WITHOUT, 60, "the failing version is out, and no other share moves"
        )
        live_at = rollout.routes()[-1][0] + LIVE_SECONDS
        rollout.wait_for(seen_at_work, SEEN_SECONDS, "every version that is left was rewarded")
        killed = kill_and_wait(rollout, operator_pods)
        assert_same_evidence(rollout, killed)
        rollout.wait_for(lambda seen: seen.route() == {"1.1.2": 100}, TEST_SECONDS, "the better version has won")
        wait_for_visits(people, 300)
        rollout.wait_for(lambda seen: seen.status.phase is Phase.HEALTHY, 30, "the rollout is healthy")

    assert [visit for visit in people.visits if visit.version is None and visit.at > live_at] == []
    assert {visit.version for visit in people.visits[-100:]} == {"1.1.2"}
    routes = [shares for _, shares in rollout.routes()]
    assert routes[routes.index(EQUAL) :] == [EQUAL, WITHOUT, {"1.1.2": 100}], "no share moved until it was won"
    assert_same_evidence(rollout, killed)
    assert_everybody_stayed(people)
    assert_told(rollout, people)


def test_of_two_that_are_equal_nobody_wins(rollout: Rollout, target: Target) -> None:
    """The same model under another number: that they do not differ is proven, and who serves stays."""
    rollout.prepare(FOLDER / "rewards.yaml")
    rollout.apply(FOLDER / "equal.yaml")
    rollout.wait_for(lambda seen: seen.route() == {"1.0.1": 50, "1.1.2": 50}, INSTALL_SECONDS, "both have their share")

    with people_of(target, rollout, MODELS) as people:
        rollout.wait_for(lambda seen: seen.status.trial is None, TEST_SECONDS, "the test is over")
        wait_for_visits(people, 100)

    status = rollout.status
    assert rollout.route() == {"1.0.1": 100}
    assert "the versions do not differ, so 1.0.1 stays (right: " in status.message
    assert [(item.version, item.reason) for item in status.taken_back] == [("1.1.2", "NotChosen")]
    assert status.quarantined == ()
    assert [visit for visit in people.visits if visit.version is None] == []


def seen_at_work(seen: Rollout) -> bool:
    """Whether there is evidence that could be lost, and the status has heard who is out: it comes after the route."""
    contest = seen.status.trial.contest if seen.status.trial is not None else None
    if contest is None or seen.status.arm("1.3.4") is not None:
        return False
    return all(item.requests >= LEAST for item in contest.versions)


def assert_everybody_stayed(people: People) -> None:
    """In each epoch one version answered each person."""
    moved = {who: versions for who, versions in versions_of(people.visits).items() if len(versions) > 1}
    assert moved == {}


def assert_told(rollout: Rollout, people: People) -> None:
    """Whoever looks finds who won by which numbers, and who was to blame."""
    status = rollout.status
    assert [item.version for item in status.quarantined] == ["1.3.4"]
    assert [(item.version, item.reason) for item in status.taken_back] == [
        ("1.2.3", "NotChosen"),
        ("1.0.1", "NotChosen"),
    ]
    contest = status.last_contest
    assert contest is not None
    earned = {item.version: item for item in contest.versions}
    assert earned["1.1.2"].low > (earned["1.2.3"].rate or 0.0)
    assert sum(item.requests for item in contest.versions) <= people.told.accepted
    assert people.told.accepted > 0.8 * len(people.visits) - 1000
    assert set(people.told.refused) <= {"Unknown"}, "only what came when the test was over"
    assert "1.1.2 won by right: " in status.message
