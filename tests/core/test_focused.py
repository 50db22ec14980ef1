"""A release for some requests first (``traffic.match``): like is compared with like, and the others follow by steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.api.route import EVERYBODY, MATCHED
from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from tests.core.world import BLUE_GREEN, CANARY, World

MATCH = "traffic: {hosts: [fraud.example.com], match: [{headers: {x-tenant: {exact: internal}}}]}"
FOCUSED = CANARY.replace("traffic: {hosts: [fraud.example.com]}", MATCH)
OLD, NEW = "1.0.1", "1.1.2"


def lives(world: World, seconds: float, matched: dict[str, float], others: dict[str, float]) -> World:
    """Fifty requests a second of the matched, five hundred of all others, with their own shares of bad answers."""
    end = world.now + seconds
    while world.now < end:
        world.matched_requests(250, matched)
        world.requests(2500, others)
        world.step(5)
    return world


def shares(world: World, split: str) -> dict[str, float] | None:
    """Of the live route."""
    found = world.route.split(split) if world.route is not None else None
    return dict(found.shares) if found is not None else None


def releasing() -> World:
    """The second version has 10 % of the matched requests."""
    world = World.of(FOCUSED).installed().apply(version=NEW)
    world.run(15, rate=0)
    assert shares(world, MATCHED) == {OLD: 90, NEW: 10}
    return world


def test_nobody_else_sees_it_at_first() -> None:
    assert shares(releasing(), EVERYBODY) == {OLD: 100}


def test_two_equal_versions_are_not_told_apart_by_who_asks() -> None:
    """The matched requests fail twenty times as often as the others, by both versions alike."""
    alike = {OLD: 0.04, NEW: 0.04}, {OLD: 0.002, NEW: 0.002}
    world = lives(releasing(), 300, *alike)
    assert world.status.phase is Phase.HEALTHY
    assert world.live == {NEW: 100}


def test_the_others_follow_by_the_same_steps() -> None:
    world = releasing()
    seen: list[tuple[object, object]] = []
    for _ in range(60):
        lives(world, 5, {}, {})
        now = (shares(world, MATCHED), shares(world, EVERYBODY))
        if not seen or seen[-1] != now:
            seen.append(now)
    assert seen == [
        ({OLD: 90, NEW: 10}, {OLD: 100}),
        ({OLD: 50, NEW: 50}, {OLD: 100}),
        ({OLD: 5, NEW: 95}, {OLD: 100}),
        ({OLD: 5, NEW: 95}, {OLD: 90, NEW: 10}),
        ({OLD: 5, NEW: 95}, {OLD: 50, NEW: 50}),
        (None, {NEW: 100}),
    ]


def test_a_version_that_fails_the_others_alone_is_found_after_the_matched_round() -> None:
    world = lives(releasing(), 300, {}, {NEW: 0.2})
    assert world.live == {OLD: 100}
    assert world.status.quarantined[0].reason == Reason.EVIDENCE_AGAINST
    assert shares(world, MATCHED) is None, "no rule keeps it"


def test_rollback_takes_it_out_of_every_split_in_one_plan() -> None:
    world = releasing()
    while shares(world, EVERYBODY) == {OLD: 100}:
        lives(world, 5, {}, {})
    world.command = f"abort {NEW} t1"
    plan = world.step(0.5)
    assert plan.route is not None
    assert plan.route.versions == {OLD}


def test_evidence_of_both_rounds_shares_one_alpha() -> None:
    world = lives(releasing(), 20, {}, {})
    assert {(item.split, item.share) for item in world.arm.metrics} == {(MATCHED, 0.5), (EVERYBODY, 0.5)}


def test_without_match_any_more_the_release_begins_again_for_everybody() -> None:
    world = lives(releasing(), 10, {}, {})
    world.configure(traffic={"hosts": ["fraud.example.com"]})
    world.step(0.5)
    assert shares(world, MATCHED) is None
    assert shares(world, EVERYBODY) in ({OLD: 100}, {OLD: 90, NEW: 10}), "never the share that few had"
    assert world.weight <= 10


@pytest.mark.parametrize("kind", ["canary", "blue green"])
def test_promotion_never_moves_the_others_at_once_and_unjudged(kind: str) -> None:
    """The last thing before promotion is a split of everybody's requests, or a bake with all of them."""
    text = FOCUSED if kind == "canary" else BLUE_GREEN.replace("traffic: {hosts: [fraud.example.com]}", MATCH)
    text = text.replace(", smoke: {requests: [{instances: [[1.0]]}], attempts: 2}", "")
    world = World.of(text).installed().apply(version=NEW)
    for _ in range(90):
        lives(world, 5, {}, {})
    assert world.status.phase is Phase.HEALTHY
    routes = [plan.route for plan in world.plans if plan.route is not None]
    last = next(route for route in reversed(routes) if route.split(MATCHED) is not None)
    assert last.everybody.share(NEW) >= 50


def second_round() -> World:
    """The matched requests have been through it, and the others begin."""
    world = releasing()
    while shares(world, EVERYBODY) == {OLD: 100}:
        lives(world, 5, {}, {})
    return world


def test_the_matched_requests_are_watched_to_the_end() -> None:
    """Those who were exposed first fail in the second round, and nobody else does."""
    world = lives(second_round(), 60, {NEW: 0.5}, {})
    assert world.live == {OLD: 100}
    assert world.status.quarantined[0].reason == Reason.EVIDENCE_AGAINST


@pytest.mark.parametrize("text", [FOCUSED, FOCUSED.replace("canary: {steps", "canary: {bake: 5m, steps")])
def test_and_in_the_bake(text: str) -> None:
    world = World.of(text).installed().apply(version=NEW)
    while world.status.trial is None or world.live != {NEW: 100}:
        lives(world, 5, {}, {})
        if world.status.stable is not None and world.status.stable.version == NEW:
            return  # without a bake the end comes with the last step
    lives(world, 60, {NEW: 0.5}, {})
    assert world.live == {OLD: 100}


OTHERS = [{"headers": {"x-tenant": {"exact": "customer"}}}]


@pytest.mark.parametrize("round", ["first", "second"])
def test_other_people_in_match_are_not_moved_at_once(round: str) -> None:
    world = lives(releasing(), 40, {}, {}) if round == "first" else second_round()
    everybody = shares(world, EVERYBODY)
    world.configure(traffic={"hosts": ["fraud.example.com"], "match": OTHERS}).step(0.5)
    found = shares(world, MATCHED)
    assert found in (None, {OLD: 100}, {OLD: 90, NEW: 10}), "never what others had"
    assert shares(world, EVERYBODY) == everybody


@pytest.mark.parametrize("verb", ["promote-full", "skip"])
def test_what_was_said_of_some_people_is_not_said_of_others(verb: str) -> None:
    """A word that waited for a pod was carried out for other people, who went from nothing to 95 %."""
    world = releasing()
    world.workloads[NEW] = replace(world.workloads[NEW], desired=2, ready=1)
    world.command = f"{verb} {NEW} t1"
    world.step(0.5)
    world.configure(traffic={"hosts": ["fraud.example.com"], "match": OTHERS}).step(0.5)
    world.workloads[NEW] = replace(world.workloads[NEW], ready=2)
    lives(world, 20, {}, {})
    assert (shares(world, MATCHED) or {}).get(NEW, 0) <= 10
    assert shares(world, EVERYBODY) == {OLD: 100}


def test_blue_green_shows_the_matched_first_and_the_others_only_what_was_seen() -> None:
    text = BLUE_GREEN.replace("traffic: {hosts: [fraud.example.com]}", MATCH)
    text = text.replace(", smoke: {requests: [{instances: [[1.0]]}], attempts: 2}", "")
    world = World.of(text).installed().apply(version=NEW)
    world.run(60, rate=0)
    assert shares(world, MATCHED) == {OLD: 5, NEW: 95}
    assert world.live == {OLD: 100}, "nobody asked, so nothing was seen"
    lives(world, 30, {NEW: 0.5}, {})
    assert world.live == {OLD: 100}
    assert world.status.quarantined[0].version == NEW


def test_whom_a_release_is_for_comes_too_late_when_it_has_begun_for_everybody() -> None:
    world = World.of(CANARY).installed().apply(version=NEW).run(20)
    world.configure(traffic={"hosts": ["fraud.example.com"], "match": OTHERS}).step(0.5)
    accepted = next(item for item in world.status.conditions if item.type == "Accepted")
    assert (
        "traffic.match came when 1.1.2 had begun for everybody: abort it and say modelrollout retry fraud -n prod"
        in (accepted.message)
    )
