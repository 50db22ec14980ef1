"""What is copied and cannot be seen: a comparer or a Prometheus that is away, copies that are lost, a control that
answers nothing. It holds the version, fails it never, and ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from modelrollout.api.base import clock_time
from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from tests.core.copies import Answers
from tests.core.shadows import NEW, never_asked, released, shadowing
from tests.core.test_shadowing import conditions
from tests.core.world import CANARY, World

MAX_BLIND = CANARY.replace("noTrafficAfter: 20s", "noTrafficAfter: 20s, maxBlind: 40s")


@dataclass(frozen=True)
class Trouble:
    """Something that keeps the comparison from being seen, and its end."""

    begin: Callable[[World], None]
    words: str
    end: Callable[[World], None]


def set_to(**fields: object) -> Callable[[World], None]:
    def change(world: World) -> None:
        for name, value in fields.items():
            setattr(world.copies, name, value)

    return change


def answering(answers: Answers) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.copies.answers[NEW] = answers
        world.copies.counted = {}

    return change


LOST = "its comparer is being started: 0/3 nodes are available: insufficient cpu"
DEAD = "Prometheus at http://prometheus:9090 is away: connection refused"
TROUBLES = {
    "comparer away": Trouble(set_to(away=LOST), LOST, set_to(away=None)),
    "Prometheus away": Trouble(set_to(unseen=DEAD), DEAD, set_to(unseen=None)),
    "most copies dropped": Trouble(
        answering(Answers(dropped=0.6)), "copies (QueueFull)", answering(Answers(dropped=0.4))
    ),
    "control answers nothing": Trouble(
        answering(Answers(unusable=0.9)), "with nothing that could be compared", answering(Answers())
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_it_is_held_and_said_once_and_goes_on(trouble: Trouble) -> None:
    world = released(MAX_BLIND).run(30)
    trouble.begin(world)
    world.run(30)
    assert (world.status.phase, world.weight) == (Phase.SHADOWING, 0)
    assert world.status.message.startswith(f"{NEW} is in the shadow: ")
    assert trouble.words in world.status.message
    assert conditions(world)["Validated"] == ("Unknown", Reason.VALIDATION_HELD)
    assert world.arm.fails_at is not None
    assert f"{NEW} fails at {clock_time(world.arm.fails_at)} (maxBlind) unless that is" in world.status.message
    [said] = world.said(Reason.BLIND)
    assert said.startswith(f"{NEW} in the shadow: ")
    assert said.endswith(f"{trouble.words}; it gets no request before its answers were compared")
    trouble.end(world)
    world.run(20)
    assert world.weight == 0, "the time in which nothing was seen does not count"
    world.run(30)
    assert world.weight == 10


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_it_ends_without_blame(trouble: Trouble) -> None:
    world = released(MAX_BLIND).run(30)
    trouble.begin(world)
    world.run(50)
    assert world.status.quarantined == ()
    [taken] = world.status.taken_back
    assert taken.reason == Reason.VALIDATION_TIMEOUT
    assert taken.message.startswith("its answers could not be compared in the shadow for maxBlind 40s: ")
    assert trouble.words in taken.message
    assert conditions(world)["Validated"] == ("Unknown", Reason.VALIDATION_TIMEOUT)
    assert never_asked(world)
    trouble.end(world)
    world.command = f"retry {NEW} t1"
    world.run(100)
    assert world.weight == 10


def test_who_edits_what_is_compared_has_it_tried_again_without_a_word() -> None:
    world = released(MAX_BLIND).run(30)
    TROUBLES["most copies dropped"].begin(world)
    world.run(50)
    assert world.status.trial is None
    shadow = {**world.spec["validation"]["shadow"], "percent": 5}
    world.configure(validation={**world.spec["validation"], "shadow": shadow}).run(10)
    assert [arm.version for arm in world.status.arms] == [NEW]


def test_what_cannot_be_seen_for_a_moment_is_no_news() -> None:
    world = released(MAX_BLIND).run(30)
    for _ in range(4):
        world.copies.unseen = DEAD
        world.run(10)
        assert world.status.message == f"{NEW} is in the shadow: {DEAD}"
        world.copies.unseen = None
        world.run(5)
    assert not world.said(Reason.BLIND)
    assert world.status.taken_back == ()


def test_a_comparer_that_never_comes_is_waited_for_as_a_model_is() -> None:
    world = shadowing(MAX_BLIND)
    world.copies.away = LOST
    world.apply(version=NEW).run(100)
    assert world.status.phase is Phase.SHADOWING
    assert not world.said(Reason.BLIND)
    world.run(50)
    [taken] = world.status.taken_back
    assert taken.message == f"its answers could not be compared in the shadow for loadTimeout 2m: {LOST}"
    assert world.status.quarantined == ()


@pytest.mark.parametrize("name", ["most copies dropped", "control answers nothing"])
def test_what_is_lost_from_the_first_copy_is_blind_too(name: str) -> None:
    world = shadowing(MAX_BLIND)
    TROUBLES[name].begin(world)
    world.apply(version=NEW).run(45)
    assert len(world.said(Reason.BLIND)) == 1
    world.run(40)
    assert [item.reason for item in world.status.taken_back] == [Reason.VALIDATION_TIMEOUT]


def test_what_failed_while_most_was_lost_has_failed() -> None:
    world = released(MAX_BLIND)
    answering(Answers(dropped=0.9, failed=1.0))(world)
    world.run(30)
    assert [item.reason for item in world.status.quarantined] == [Reason.VALIDATION_FAILED]
