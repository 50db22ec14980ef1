"""Before its first request a version's answers are compared: what passes, what fails, and what proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from modelrollout.core.validate.probed import Probed
from tests.core.copies import STARTING, Answers
from tests.core.shadows import NEW, copied, never_asked, released, shadowing
from tests.core.world import CANARY, GOOD, PLAIN, World

AWAY = Probed(None, PLAIN, "1.1.2 at 10.0.0.1:8500: UNAVAILABLE: connection refused")


def conditions(world: World) -> dict[str, tuple[str, str]]:
    return {item.type: (item.status, item.reason) for item in world.status.conditions}


def test_servers_are_asked_first_then_a_comparer_is_made_and_copies_go_to_it_once_it_is_there() -> None:
    world = shadowing()
    world.probed = None
    world.apply(version=NEW).run(10)
    assert world.status.phase is Phase.VALIDATING
    assert set(copied(world)) == {None}
    world.probed, world.copies.away = GOOD, STARTING
    world.run(10)
    assert (world.status.phase, world.status.message) == (Phase.SHADOWING, f"{NEW} is in the shadow: {STARTING}")
    assert copied(world)[-1] is False
    world.copies.away = None
    world.run(5)
    assert copied(world)[-1] is True
    wanted = world.plans[-1].comparer
    assert wanted is not None
    assert (wanted.control, wanted.arms, wanted.settings.min_compared) == ("1.0.1", (NEW,), 100)
    assert conditions(world)["Validated"] == ("Unknown", Reason.VALIDATING)
    assert never_asked(world)


def test_it_gets_its_first_weight_when_it_has_passed_and_no_copies_are_made_any_more() -> None:
    world = released()
    world.run(50)
    assert (world.status.phase, world.weight) == (Phase.SHADOWING, 0)
    assert never_asked(world)
    world.run(15)
    assert world.weight == 10
    assert copied(world)[-1] is None
    assert [row.check for row in world.arm.validation.checks] == [
        "signature",
        "shadow errors",
        "shadow answers",
        "shadow scores",
    ]
    assert conditions(world)["Validated"] == ("True", Reason.VALIDATED)
    [validated], [shadowed] = world.said(Reason.VALIDATED), world.said(Reason.SHADOWED)
    assert validated == f"{NEW} is compared in the shadow next: signature: callers of 1.0.1 can call it"
    assert shadowed.startswith(f"{NEW} may get requests: shadow errors: 0 of 600 copies failed at {NEW}, 0 of 600 at")
    world.run(200)
    assert world.status.stable is not None
    assert (world.status.stable.version, len(world.status.stable.validation.checks)) == (NEW, 4)


SHORT: dict[str, tuple[dict[str, Any], float, str]] = {
    "the time is not over": ({"duration": "10m"}, 10.0, "it ends at"),
    "too few were compared": ({"minCompared": 1_000_000}, 10.0, "of minCompared 1000000 were compared"),
    "nobody asks": ({}, 0.0, "no answer of 1.1.2 was compared with 1.0.1's; 0 of minCompared 100 were compared"),
    "what is allowed is not decided": ({"maxDisagreement": 0.001, "duration": "1s"}, 1.0, "is not decided yet"),
    "scores are too few": ({"maxPSI": 0.01, "duration": "1s"}, 3.0, "is not decided yet"),
}


@pytest.mark.parametrize(("shadow", "rate", "words"), SHORT.values(), ids=SHORT)
def test_it_waits(shadow: dict[str, Any], rate: float, words: str) -> None:
    """However long: that is no failure."""
    world = shadowing(**shadow)
    world.copies.rate = rate
    if shadow.get("maxPSI"):
        world.copies.answers[NEW] = Answers(score=0.57)
    world.apply(version=NEW).run(160, tick=10)
    assert (world.status.phase, world.status.quarantined) == (Phase.SHADOWING, ())
    assert words in world.status.message
    assert never_asked(world)


EDGE: dict[str, tuple[dict[str, Any], Answers, str]] = {
    "differs by just what is allowed": (
        {"maxDisagreement": 0.02},
        Answers(different=0.02),
        "of 1.1.2 differ from 1.0.1's (2 %), ",
    ),
    "its scores shift by just what is allowed": ({"maxPSI": 0.01}, Answers(score=0.57), "maxPSI is 0.01"),
}


@pytest.mark.parametrize(("shadow", "answers", "words"), EDGE.values(), ids=EDGE)
def test_what_stays_undecided_ends_after_max_hold_and_nobody_is_to_blame(
    shadow: dict[str, Any], answers: Answers, words: str
) -> None:
    world = shadowing(**shadow).configure(analysis={"metrics": [{"name": "errors"}], "maxHold": "5m"})
    world.copies.answers[NEW] = answers
    world.copies.rate = 10.0 if "maxDisagreement" in shadow else 0.5
    if "maxPSI" in shadow:
        world.configure(validation={"shadow": {"duration": "1m", "minCompared": 10, **shadow}})
    world.apply(version=NEW).run(350, tick=5)
    assert (world.status.phase, world.status.taken_back) == (Phase.SHADOWING, ())
    assert "not decided yet; undecided for maxHold 5m it is taken back" in world.status.message
    world.run(60, tick=5)
    assert not world.status.quarantined
    [taken] = world.status.taken_back
    assert (taken.version, taken.reason) == (NEW, Reason.VALIDATION_TIMEOUT)
    assert taken.message.startswith("in the shadow it was undecided for maxHold 5m after its time whether it keeps to")
    assert words in taken.message
    assert never_asked(world)
    assert copied(world)[-1] is None
    world.command = f"retry {NEW} t1"
    world.run(15)
    assert world.status.phase is Phase.SHADOWING


def test_time_in_which_nothing_is_seen_is_not_that_of_being_undecided() -> None:
    world = shadowing(maxDisagreement=0.02).configure(
        analysis={"metrics": [{"name": "errors"}], "maxHold": "5m", "maxBlind": "1h"}
    )
    world.copies.answers[NEW] = Answers(different=0.02)
    world.apply(version=NEW).run(200, tick=5)
    world.copies.unseen = "connection refused"
    world.run(600, tick=5)
    world.copies.unseen = None
    world.run(120, tick=5)
    assert (world.status.phase, world.status.taken_back) == (Phase.SHADOWING, ())
    world.run(120, tick=5)
    assert [item.version for item in world.status.taken_back] == [NEW]


def test_without_any_copies_it_waits_for_ever() -> None:
    world = shadowing()
    world.copies.rate = 0.0
    world.apply(version=NEW).run(4 * 3600, tick=60)
    assert (world.status.phase, world.status.history[1:]) == (Phase.SHADOWING, ())
    assert not world.said(Reason.BLIND)


BAD: dict[str, tuple[dict[str, Any], Answers, str]] = {
    "answers": (
        {"maxDisagreement": 0.02},
        Answers(different=0.3),
        "15 of 50 answers of 1.1.2 differ from 1.0.1's (30 %), 15 of them each time; 1.0.1 differs from itself in 0 of "
        "5; maxDisagreement is 2 %",
    ),
    "errors": ({}, Answers(failed=0.5), "25 of 50 copies failed at 1.1.2, 0 of 50 at 1.0.1"),
    "errors, though most copies are lost": (
        {},
        Answers(failed=0.5, dropped=0.6),
        "10 of 20 copies failed at 1.1.2, 0 of 20 at 1.0.1",
    ),
    "errors of all copies": ({}, Answers(failed=1.0), "50 of 50 copies failed at 1.1.2, 0 of 50 at 1.0.1"),
    "scores": (
        {"maxPSI": 0.2},
        Answers(score=0.97),
        "the population stability index of the scores of 1.1.2 against those of 1.0.1 is",
    ),
}


@pytest.mark.parametrize(("shadow", "answers", "words"), BAD.values(), ids=BAD)
def test_what_is_proven_against_it_ends_it_in_quarantine(shadow: dict[str, Any], answers: Answers, words: str) -> None:
    world = released(answers=answers, **shadow).run(15)
    [failed] = world.status.quarantined
    assert failed.reason == Reason.VALIDATION_FAILED
    assert failed.message.startswith(f"in the shadow: {words}")
    assert failed.message.endswith("; no request reached it")
    assert world.status.message.startswith(f"{NEW} failed: in the shadow: {words}")
    assert conditions(world)["Validated"] == ("False", Reason.VALIDATION_FAILED)
    assert world.status.last_validation is not None
    assert "Fail" in {row.verdict for row in world.status.last_validation.checks if row.check.startswith("shadow")}
    assert never_asked(world)
    assert copied(world)[-1] is None


LATENCY = CANARY.replace("{name: errors}", "{name: errors}, {name: latency, over: 200ms}")
BOUND_BY = {"a bound of the spec": (LATENCY, True), "no bound": (CANARY, False)}


@pytest.mark.parametrize(("text", "fails"), BOUND_BY.values(), ids=BOUND_BY)
def test_latency_is_judged_by_the_bound_of_the_metric(text: str, fails: bool) -> None:
    world = released(text, answers=Answers(slow=0.5)).run(10)
    messages = [item.message for item in world.status.quarantined]
    words = "in the shadow: 25 of 50 copies took 1.1.2 more than 250ms, and 0 1.0.1; no request reached it"
    assert messages == ([words] if fails else [])


def test_without_a_limit_differences_are_told_and_it_goes_on() -> None:
    world = released(answers=Answers(different=0.3, score=0.97)).run(65)
    assert world.weight == 10
    verdicts = {row.check: row.verdict for row in world.arm.validation.checks}
    assert verdicts["shadow answers"] == verdicts["shadow scores"] == "Reported"
    assert conditions(world)["Validated"] == ("True", Reason.REPORTED)
    assert [event.warning for event in world.events if event.reason is Reason.SHADOWED] == [True]


def test_noise_of_the_version_that_serves_is_not_held_against_the_next_one() -> None:
    world = released(answers=Answers(different=0.3, repeats=0.3), maxDisagreement=0.02, duration="3m").run(120)
    assert (world.status.phase, world.status.quarantined) == (Phase.SHADOWING, ())


def test_what_nobody_looks_at_needs_no_server_that_can_be_asked() -> None:
    world = shadowing().configure(validation={"signature": "Ignore", "shadow": {"duration": "10s", "minCompared": 50}})
    world.probed = AWAY
    world.apply(version=NEW).run(45)
    assert world.weight == 10


def test_the_first_version_has_nothing_to_be_compared_with() -> None:
    world = World.of(CANARY).configure(validation={"shadow": {}}).installed()
    assert set(copied(world)) == {None}
    assert world.status.stable is not None


def test_a_version_that_is_only_looked_at_is_compared_with_no_copies() -> None:
    """There is no route of its own whose requests could be copied."""
    world = World.of(CANARY).configure(validation={"shadow": {}}, validateOnly={"against": "fraud"}).run(20)
    assert set(copied(world)) == {None}
    assert world.status.phase is Phase.HEALTHY, world.status.message
