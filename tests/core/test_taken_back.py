"""A person takes a version back: it loses its requests at once and does not start again by itself, and yet it is not
to blame; unless the person says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelrollout.api.base import to_json
from modelrollout.api.status import Phase, Quarantined, Status
from modelrollout.core.observation import LiveRoute, Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import parse_status
from tests.core import phases
from tests.core.world import CANARY, World

OLD, NEW, THIRD = "1.0.1", "1.1.2", "1.2.3"
MATCH = [{"headers": {"x-tenant": {"exact": "internal"}}}]


def focused() -> World:
    """For some requests first."""
    world = World.of(CANARY).configure(traffic={"hosts": ["fraud.example.com"], "match": MATCH}).installed()
    world.apply(version=NEW)
    for _ in range(4):
        world.matched_requests(500)
        world.run(5)
    return world


def recalled() -> World:
    """Its requests are back at stable until it is known whose fault it was."""
    return phases.fully_in_the_bake(control=0).run(10, bad={NEW: 0.5})


PHASES: dict[str, Callable[[], World]] = {
    "before it is loaded": phases.loading,
    "while smoke requests are under way": phases.smoking,
    "at a step": phases.at_a_clock,
    "while a person is asked": phases.awaiting,
    "while a person holds it": phases.paused,
    "while nothing can be seen": phases.blind,
    "in the bake": phases.baking,
    "while it is recalled": recalled,
    "while it is for some requests": focused,
}


def say(world: World, verb: str) -> World:
    """One pass with a person's word."""
    world.command = f"{verb} {NEW} t{world.now} wrong data"
    world.step(0.5)
    return world


def taken_back(situation: Callable[[], World] = phases.at_a_clock) -> World:
    """Aborted and drained."""
    return say(situation(), "abort").run(30)


@pytest.mark.parametrize("situation", PHASES.values(), ids=PHASES.keys())
@pytest.mark.parametrize("verb", ["abort", "abort-quarantine"])
def test_it_loses_its_requests_at_once_and_does_not_start_again(situation: Callable[[], World], verb: str) -> None:
    world = say(situation(), verb)
    assert world.route is not None
    assert world.route.versions == {OLD}
    for _ in range(60):
        world.run(5)
        assert world.status.trial is None
    assert world.status.phase is Phase.DEGRADED
    assert world.status.history[-1].outcome == "Aborted"


@pytest.mark.parametrize("situation", PHASES.values(), ids=PHASES.keys())
def test_it_is_not_to_blame_and_its_pods_go_when_it_has_drained(situation: Callable[[], World]) -> None:
    world = say(situation(), "abort")
    assert world.status.quarantined == ()
    world.run(15)
    assert NEW not in world.workloads
    assert world.status.retiring == ()


def test_people_read_what_happened_and_the_way_out() -> None:
    world = taken_back()
    assert world.status.message == (
        f"{NEW} was taken back: aborted by a person: wrong data; {OLD} serves. "
        f"Say modelrollout retry fraud -n prod to release {NEW} again, or name another version"
    )
    stalled = next(item for item in world.status.conditions if item.type == "Stalled")
    assert (stalled.status, stalled.reason) == ("True", "Aborted")


def by_retry(world: World) -> World:
    """A person says so."""
    return say(world, "retry")


def named_anew(world: World) -> World:
    """The spec goes back to what serves, and then names it again."""
    return world.apply(version=OLD).run(5).apply(version=NEW)


def after_another(world: World) -> World:
    """Another version was released meanwhile."""
    world.apply(version=THIRD).run(200)
    assert world.status.stable is not None
    assert world.status.stable.version == THIRD
    return world.configure(validation={"allowDowngrade": True}).apply(version=NEW)


ENDS = {"retry": by_retry, "a spec that names it anew": named_anew, "another release": after_another}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_it_is_released_again_after(end: Callable[[World], World]) -> None:
    world = end(taken_back()).run(25)
    assert world.arm.version == NEW
    assert world.weight == 10
    assert world.status.taken_back == ()


@pytest.mark.parametrize("end", [named_anew, after_another])
def test_one_that_is_quarantined_is_released_by_retry_alone(end: Callable[[World], World]) -> None:
    world = end(say(phases.at_a_clock(), "abort-quarantine").run(30)).run(60)
    assert world.status.trial is None
    assert "It is quarantined: fix it as a new version, or say modelrollout retry fraud -n prod" in world.status.message
    say(world, "retry").run(60)
    assert world.arm.version == NEW


def test_an_edit_of_anything_else_does_not_release_it() -> None:
    world = taken_back()
    world.configure(serving={"replicas": 2, "drain": "10s"}).run(60)
    assert world.status.trial is None


def test_another_version_is_released_at_once() -> None:
    assert taken_back().apply(version=THIRD).run(25).arm.version == THIRD


def test_a_spec_that_cannot_be_accepted_names_nothing() -> None:
    world = taken_back().configure(strategy={}).run(10)
    assert [item.version for item in world.status.taken_back] == [NEW]


def test_it_does_not_start_when_the_status_is_lost() -> None:
    world = taken_back()
    world.status = Status()
    world.run(60)
    assert world.status.trial is None
    assert [item.version for item in world.status.taken_back] == [NEW]
    assert "1.1.2 was taken back: before the status was lost; 1.0.1 serves" in world.status.message


def test_one_that_was_aborted_and_quarantined_by_an_earlier_operator_stays_so() -> None:
    world = taken_back()
    [taken] = world.status.taken_back
    stored = to_json(world.status.model_copy(update={"quarantined": (Quarantined(**dict(taken)),)}))
    del stored["takenBack"]
    world.status = parse_status(stored)
    named_anew(world).run(60)
    assert world.status.trial is None
    assert world.status.message.startswith(
        f"{NEW} was taken back: aborted by a person: wrong data; {OLD} serves. It is"
    )


def one_of_two() -> World:
    """The second of two versions in a split was taken back."""
    others = [
        {"version": version, "uri": f"pvc://models/fraud/{version}", "weight": weight}
        for version, weight in ((NEW, 30), (THIRD, 10))
    ]
    world = World.of(CANARY).configure(strategy={"split": {"weight": 60, "versions": others}}).installed().run(30)
    assert world.live == {OLD: 60, NEW: 30, THIRD: 10}
    world.command = f"abort {THIRD} t1"
    world.step(0.5)
    return world.run(60)


def test_one_of_several_leaves_alone_and_comes_again_by_retry() -> None:
    world = one_of_two()
    assert world.live == {OLD: 70, NEW: 30}
    assert world.status.message.endswith(
        f"Say modelrollout retry fraud -n prod to release {THIRD} again, or name another version"
    )
    world.command = f"retry {THIRD} t2"
    world.run(30)
    assert world.live == {OLD: 60, NEW: 30, THIRD: 10}


RETRIED = {
    "what drained": (taken_back, f"{NEW} may be released again: the release of {NEW} starts from the beginning"),
    "what drains": (
        lambda: say(phases.at_a_clock(), "abort"),
        f"{NEW} may be released again: the release of {NEW} starts from the beginning when what ran",
    ),
    "what the spec does not name": (
        lambda: say(phases.at_a_clock(), "abort-quarantine").apply(version=THIRD).run(20),
        f"{NEW} may be released again: the spec names {THIRD}, so nothing starts until it names {NEW}",
    ),
}


@pytest.mark.parametrize(("situation", "said"), RETRIED.values(), ids=RETRIED.keys())
def test_retry_says_what_it_starts(situation: Callable[[], World], said: str) -> None:
    world = say(situation(), "retry")
    assert world.said(Reason.RETRIED)[-1].startswith(said)


@pytest.mark.parametrize("given", ["abort", "undo", "proven worse"])
@pytest.mark.parametrize("obstacle", [{"refused": "a webhook says no"}, {"foreign_owner": "somebody"}])
def test_nobody_is_told_that_stable_serves_while_the_route_still_leads_elsewhere(
    given: str, obstacle: dict[str, str]
) -> None:
    """Events and the history have the decision; the status says where the requests go."""
    world = phases.at_a_clock()
    if given == "undo":
        world = World.of(CANARY).configure(rollback={"keepPrevious": "1h"}).installed().apply(version=NEW).run(200)
        assert world.live == {NEW: 100}
    assert world.route is not None
    live = LiveRoute(world.route, world.route.versions, recovery=world.recovery, **obstacle)
    world.live_route_override = live
    world.command = None if given == "proven worse" else f"{given} {NEW} t1"
    world.run(40, bad={NEW: 0.5})
    taken = "rolled" if given == "proven worse" else "taken"
    assert f"{NEW} was {taken} back: " in world.status.message
    words = f"{OLD} shall serve all requests, and they go another way: the VirtualService"
    assert words in world.status.message
    assert f"{OLD} serves" not in world.status.message
    world.live_route_override = None
    world.run(20)
    assert f"; {OLD} serves. " in world.status.message


def test_a_second_retry_hears_that_the_first_one_counts() -> None:
    world = say(say(phases.at_a_clock(), "abort"), "retry")
    say(world, "retry")
    starts = f"retry: {NEW} is not quarantined, its release starts already when what ran before is gone"
    assert world.status.command_ignored == starts
    say(world.run(30), "retry")
    assert world.status.command_ignored == f"retry: {NEW} is not quarantined, its release is under way"


def test_a_retry_of_what_serves_hears_so() -> None:
    world = phases.at_a_clock()
    world.command = f"retry {OLD} t1"
    world.step(0.5)
    assert world.status.command_ignored == f"retry: {OLD} is not quarantined, it serves"


VERBS = "verbs are promote, skip, promote-full, abort, abort-quarantine, lower, pause, resume, undo and retry"
NO_COMMANDS = {
    "approve 1.1.2": f": did you mean promote? The {VERBS}",
    "promot 1.1.2": f": did you mean promote? The {VERBS}",
    "dance 1.1.2": f": the {VERBS}",
    "promote": ": promote of which version?; write for example promote 2.4.1187",
    "promote --full": ": --full is no version; write for example promote 2.4.1187",
}


@pytest.mark.parametrize(("text", "words"), NO_COMMANDS.items())
def test_what_is_no_command_is_answered_with_what_there_is(text: str, words: str) -> None:
    world = phases.at_a_clock()
    world.command = text
    world.step(0.5)
    assert world.status.command_ignored == f"command {text!r} is not VERB VERSION{words}"


def test_where_a_newer_spec_that_is_refused_names_another_the_way_back_says_what_to_write() -> None:
    """``retry`` releases what the spec names; named by the sentence alone it would be refused."""
    world = phases.at_a_clock()
    world.refusal = Refusal(Reason.DOWNGRADE, "spec.model.version: 1.0.0 is below 1.0.1")
    world.apply(version="1.0.0").step(1)
    phases.say(world, "abort")
    said = f"Set spec.model.version to {NEW} and say modelrollout retry fraud -n prod to release it again"
    assert said in world.status.message
