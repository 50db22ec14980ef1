"""``lower``: in every phase a version keeps no more than a person says, is judged on, and is not raised by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelrollout.api.command import Command, Verb, Weight, parse
from modelrollout.api.route import MATCHED
from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from tests.core import phases
from tests.core.world import BLUE_GREEN, CANARY, World

OLD, NEW = "1.0.1", "1.1.2"

PHASES: dict[str, tuple[Callable[[], World], int]] = {
    **phases.WITH_A_PART,
    "in a bake with all requests": (lambda: phases.fully_in_the_bake(control=0), 100),
}
every_phase = pytest.mark.parametrize(("phase", "had"), PHASES.values(), ids=PHASES.keys())


def lower(world: World, note: str = "3 clicks fell") -> World:
    """One pass with a person's word."""
    world.command = f"lower {NEW} t{world.now} {note}"
    world.step(0.5)
    return world


@every_phase
def test_the_control_has_the_rest_in_one_plan(phase: Callable[[], World], had: int) -> None:
    world = phase()
    assert world.weight == had
    lower(world)
    assert world.live == {OLD: 97, NEW: 3}
    assert world.said(Reason.WEIGHT_CHANGED)[-1] == f"{NEW}: {had} % -> 3 %, lowered to 3 % by a person: clicks fell"


@every_phase
def test_nothing_raises_it_until_a_person_says_so(phase: Callable[[], World], had: int) -> None:
    world = lower(phase())
    world.away = None
    world.run(900)
    assert world.live == {OLD: 97, NEW: 3}
    assert world.status.phase is Phase.PAUSED
    assert world.status.message == "lowered to 3 % by a person: clicks fell; modelrollout resume fraud -n prod goes on"
    world.command = f"resume {NEW} go"
    world.run(1500, rate=1000)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW or "approval" in world.status.message


@every_phase
def test_it_is_judged_on(phase: Callable[[], World], had: int) -> None:
    world = lower(phase())
    world.away = None
    world.run(300, rate=1000, bad={NEW: 0.3})
    assert world.live == {OLD: 100}
    assert [item.version for item in world.status.quarantined] == [NEW]


@every_phase
def test_a_second_time_it_gets_less_still(phase: Callable[[], World], had: int) -> None:
    world = lower(lower(phase()), "1")
    assert world.live == {OLD: 99, NEW: 1}
    assert world.status.message == "lowered to 1 % by a person; modelrollout resume fraud -n prod goes on"


@pytest.mark.parametrize(
    ("note", "says"),
    [
        ("10", "it has 10 % of the requests, and 10 % is no less"),
        ("50", "it has 10 % of the requests, and 50 % is no less"),
        ("0", "say to which weight, 1 to 99"),
        ("100", "say to which weight, 1 to 99"),
        ("few", "say to which weight, 1 to 99"),
        ("", "say to which weight, 1 to 99"),
    ],
)
def test_what_is_not_less_changes_nothing(note: str, says: str) -> None:
    world = lower(phases.at_a_clock(), note)
    assert world.live == {OLD: 90, NEW: 10}
    assert world.status.command_ignored is not None
    assert says in world.status.command_ignored
    assert world.status.phase is not Phase.PAUSED


def test_of_a_version_without_requests_there_is_nothing_to_lower() -> None:
    world = phases.loading()
    lower(world)
    assert world.status.command_ignored is not None
    assert "it has 0 % of the requests" in world.status.command_ignored


@pytest.mark.parametrize(
    ("note", "weight"),
    [
        ("5", Weight(5)),
        ("5%", Weight(5)),
        ("5 %", Weight(5)),
        ("5 % fell", Weight(5, "fell")),
        ("5 clicks fell", Weight(5, "clicks fell")),
        ("5%x", None),
        ("-5", None),
    ],
)
def test_its_note(note: str, weight: Weight | None) -> None:
    assert Weight.of(note) == weight
    if weight is not None:
        command = Command(Verb.LOWER, NEW, "t", weight.render())
        assert parse(command.render()) == command
        assert Weight.of(command.note) == weight


def test_what_it_went_through_with_more_it_goes_through_again() -> None:
    """Lowered in the bake to a share that a bake may have, and resumed when its time was over, it won in one pass."""
    world = lower(phases.baking(), "60").run(900)
    world.command = f"resume {NEW} go"
    world.step(0.5)
    assert world.live == {OLD: 40, NEW: 60}
    assert world.run(60, rate=1000).live == {OLD: 5, NEW: 95}
    assert world.run(540, rate=1000).status.phase is Phase.BAKING
    assert world.run(120, rate=1000).live == {NEW: 100}


@pytest.mark.parametrize("verb", ["promote-full", "skip"])
def test_what_a_person_said_before_is_forgotten(verb: str) -> None:
    world = phases.at_a_clock()
    world.workloads[NEW] = replace(world.workloads[NEW], desired=2, ready=1)
    phases.say(world, verb)
    lower(world)
    world.workloads[NEW] = replace(world.workloads[NEW], ready=2)
    world.command = f"resume {NEW} go"
    world.run(10)
    assert world.weight <= 10


@pytest.mark.parametrize("note", ["3", "30", "80"])
def test_green_is_switched_to_again(note: str) -> None:
    green = {"blueGreen": {"bake": "10m", "approval": True}}
    world = World.of(BLUE_GREEN).configure(strategy=green).installed().apply(version=NEW).run(20)
    phases.say(world, "promote").run(20)
    assert world.live == {NEW: 100}
    lower(world, note).run(60)
    world.command = f"resume {NEW} go"
    assert world.run(60, rate=1000).live == {NEW: 100}


def test_a_focused_one_begins_again_with_the_matched() -> None:
    match = [{"headers": {"x-tenant": {"exact": "internal"}}}]
    world = World.of(CANARY).configure(traffic={"hosts": ["fraud.example.com"], "match": match}).installed()
    world.apply(version=NEW)
    for _ in range(200):
        if world.weight == 0 or world.trial.audience == MATCHED:
            world.matched_requests(500).requests(500).step(2)
    assert world.route is not None
    assert world.route.share(NEW, MATCHED) == 95
    lower(world)
    assert (world.route.share(NEW, MATCHED), world.weight) == (3, 3)
    world.command = f"resume {NEW} go"
    for _ in range(300):
        assert world.route.everybody.share(NEW) <= 3 or world.route.share(NEW, MATCHED) in (0, 95)
        world.matched_requests(500).requests(500).step(2)
    assert world.live == {NEW: 100}


def test_stable_without_a_pod_gets_no_more() -> None:
    world = phases.fully_in_the_bake(control=0)
    world.workloads[OLD] = replace(world.workloads[OLD], ready=0)
    world.autoload = False
    lower(world)
    assert world.live == {NEW: 100}
    assert world.status.command_ignored is not None
    assert "no pod of 1.0.1 is ready to answer more" in world.status.command_ignored


@pytest.mark.parametrize("next_version", ["1.2.3", OLD], ids=["superseded", "gone back"])
@every_phase
def test_what_ends_a_release_ends_one_that_was_lowered(phase: Callable[[], World], had: int, next_version: str) -> None:
    world = lower(phase()).apply(version=next_version)
    world.step(0.5)
    assert world.live == {OLD: 100}
    assert world.status.quarantined == ()


def test_the_spec_and_the_word_in_one_pass() -> None:
    world = phases.at_a_clock().apply(version="1.2.3")
    lower(world)
    assert world.live == {OLD: 100}, "safety asks first whether it may stay at all"
    assert not any(arm.version == NEW for arm in world.status.arms)
