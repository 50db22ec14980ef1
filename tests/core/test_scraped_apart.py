"""Versions whose servers count by themselves are scraped one after the other, never at one moment."""

from __future__ import annotations

import pytest

from modelrollout.core.evidence import Count
from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World

STABLE, CANDIDATE = "1.0.1", "1.1.2"


def scraped_apart(world: World, seconds: int, share_bad: float = 0.0, unseen: str | None = None) -> None:
    """A pass each second, 200 requests a second; each version is scraped every two seconds, the candidate in the even
    ones and stable in the odd ones, ``unseen`` never."""
    true = dict(world.counts["errors"])
    for second in range(seconds):
        for version, weight in (world.live or {}).items():
            trials = round(2 * weight)
            failed = round(trials * share_bad) if version == CANDIDATE else 0
            true[version] = true.get(version, Count(0, 0)) + Count(failed, trials)
        scraped = STABLE if second % 2 else CANDIDATE
        if scraped in true and scraped != unseen:
            world.counts["errors"] = {**world.counts["errors"], scraped: true[scraped]}
            world.read[scraped] = world.now + 1.0
        world.step(1.0)


def releasing() -> World:
    world = World.of(CANARY).installed()
    world.scrape_interval, world.apart = 2.0, True
    world.apply(version=CANDIDATE).run(10, tick=1)
    assert world.weight == 10
    world.read = {STABLE: world.now, CANDIDATE: world.now}
    return world


@pytest.mark.parametrize("offset", [0, 1], ids=["the candidate first", "stable first"])
def test_a_failing_version_is_rolled_back(offset: int) -> None:
    world = releasing()
    scraped_apart(world, offset)
    scraped_apart(world, 20, share_bad=0.2)
    assert world.live == {STABLE: 100}
    assert world.status.quarantined[0].reason == Reason.EVIDENCE_AGAINST


def test_a_good_version_is_promoted() -> None:
    world = releasing()
    scraped_apart(world, 120)
    assert world.status.stable is not None
    assert world.status.stable.version == CANDIDATE


@pytest.mark.parametrize("share_bad", [0.0, 0.5])
def test_nothing_rises_while_stable_is_not_seen(share_bad: float) -> None:
    world = releasing()
    scraped_apart(world, 20)
    before = world.weight
    uncounted = [item.model_copy(update={"requests_at_weight": 0, "ticks_at_weight": 0}) for item in world.analysis]
    world.change_arm(metrics=tuple(uncounted))
    scraped_apart(world, 120, share_bad=share_bad, unseen=STABLE)
    assert world.weight == before, "the candidate's own requests alone are no comparison"
    why = f"and none by {STABLE} to compare with yet" if share_bad else "needs minRequests"
    assert why in world.status.message


def test_a_version_without_requests_does_not_keep_the_other_waiting() -> None:
    world = releasing()
    scraped_apart(world, 10)
    for _ in range(30):
        seen = world.counts["errors"][STABLE]
        world.counts["errors"] = {**world.counts["errors"], STABLE: seen + Count(0, 200)}
        world.read = {STABLE: world.now + 1.0, CANDIDATE: world.now + 1.0}
        world.step(1.0)
    assert world.analysis[0].verdict == "NoTraffic"
    assert world.analysis[0].stable.requests > 4000


@pytest.mark.parametrize("period", [30, 60, 120])
@pytest.mark.parametrize("first", [STABLE, CANDIDATE])
def test_requests_in_bursts_are_compared_after_any_silence(period: int, first: str) -> None:
    world = releasing()
    true = dict(world.counts["errors"])
    for second in range(3 * period):
        if second % period == 10:
            for version, weight in (world.live or {}).items():
                trials = round(2 * weight)
                failed = trials if version == CANDIDATE else 0
                true[version] = true.get(version, Count(0, 0)) + Count(failed, trials)
        scraped = first if second % 2 == 0 else {STABLE: CANDIDATE, CANDIDATE: STABLE}[first]
        world.counts["errors"] = {**world.counts["errors"], scraped: true.get(scraped, Count(0, 0))}
        world.read[scraped] = world.now + 1.0
        world.step(1.0)
    assert world.live == {STABLE: 100}, "it failed every request of three bursts"


def test_few_requests_are_compared_when_the_next_of_stable_comes() -> None:
    world = World.of(CANARY.replace("noTrafficAfter: 20s", "noTrafficAfter: 5m")).installed()
    world.configure(strategy={"canary": {"steps": [{"setWeight": 90, "for": "10s"}]}})
    world.apply(version=CANDIDATE).run(6, tick=1)
    assert world.weight == 90
    for turn in range(300):
        version = STABLE if turn % 10 == 9 else CANDIDATE
        seen = world.counts["errors"].get(version, Count(0, 0))
        world.counts["errors"] = {**world.counts["errors"], version: seen + Count(0, 1)}
        world.step(10.0)
    assert world.status.stable is not None
    assert world.status.stable.version == CANDIDATE


@pytest.mark.parametrize("late", [0, 5, 40])
def test_a_version_that_shows_itself_only_with_its_first_request_is_compared(late: int) -> None:
    """A server's histogram has no series before it: then it is a reporter that nobody has seen yet, and silent."""
    world = World.of(CANARY).installed()
    world.scrape_interval, world.apart = 2.0, True
    world.apply(version=CANDIDATE)
    counts = {STABLE: Count(0, 1000)}
    since_share = 0
    for _ in range(120):
        counts[STABLE] += Count(0, 180)
        since_share += world.weight == 10
        if since_share > late:
            counts[CANDIDATE] = counts.get(CANDIDATE, Count(0, 0)) + Count(4, 20)
        # One after the other in each round, and always the candidate first.
        times = {STABLE: world.now + 2.0, CANDIDATE: world.now + 1.7}
        world.read = {version: times[version] for version in counts}
        world.counts["errors"] = dict(counts)
        world.step(2.0)
        if world.status.quarantined:
            break
    assert world.live == {STABLE: 100}
    assert world.status.quarantined[0].reason == Reason.EVIDENCE_AGAINST
