"""The shadow for every strategy, against every word and every edit, and after what goes wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelrollout.api.route import Route
from modelrollout.api.status import Phase, Status
from modelrollout.core.decide import decide
from modelrollout.core.plan import Reason
from modelrollout.core.validate.probed import Probed
from tests.core.copies import Answers
from tests.core.shadows import NEW, SHADOW, copied, inside, never_asked, released, shadowing
from tests.core.test_properties import SPECS
from tests.core.world import CANARY, GOOD, PLAIN, World


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_every_strategy_waits_for_it_and_no_word_passes_it(kind: str) -> None:
    world = released(SPECS[kind], duration="10m")
    for verb in ("promote", "skip", "promote-full", "pause", "resume", "promote", "lower"):
        world.command = f"{verb} {','.join(arm.version for arm in world.status.arms) or NEW} t{verb}{world.now} 50"
        world.run(15)
        assert never_asked(world)
        if len(world.status.arms) == 1:
            assert world.status.phase is Phase.PAUSED if verb == "pause" else Phase.SHADOWING
    assert NEW not in [item.version for item in world.status.withheld if item.reason != Reason.NOT_CHOSEN]
    if world.status.arm(NEW) is None:
        return  # the others' test was ended by a word, and the control or another one stays
    world.run(700)
    assert [words for words in world.said(Reason.SHADOWED) if words.startswith(f"{NEW} may get requests")]
    assert world.status.arm(NEW) is None or NEW in (world.route or Route.to("nobody")).versions


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_every_strategy_loses_a_version_that_fails_in_it(kind: str) -> None:
    world = released(SPECS[kind], Answers(failed=1.0)).run(20)
    assert never_asked(world)
    [failed] = [item for item in world.status.quarantined if item.version == NEW]
    assert failed.message.startswith("in the shadow: 50 of 50 copies failed at 1.1.2, 0 of 50 at 1.0.1")


def test_a_pause_ends_the_copies_and_it_begins_anew() -> None:
    world = released().run(30)
    world.command = f"pause {NEW} t1"
    world.run(600)
    assert (world.status.phase, copied(world)[-1], world.said(Reason.BLIND)) == (Phase.PAUSED, None, [])
    world.command = f"resume {NEW} t2"
    world.run(55)
    assert (world.status.phase, inside(world)) == (Phase.SHADOWING, (NEW,))
    world.run(30)
    assert world.weight == 10


ENDS = {
    "aborted": lambda world: setattr(world, "command", f"abort {NEW} t1"),
    "superseded": lambda world: world.apply(version="1.2.3"),
    "taken out of the spec": lambda world: world.apply(version="1.0.1"),
    "without a shadow": lambda world: world.configure(validation={}),
    "cannot be loaded any more": lambda world: world.workloads.update(
        {NEW: replace(world.workloads[NEW], ready=0, failure="OOMKilled")}
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_nothing_is_copied_any_more(end: Any) -> None:
    world = released().run(30)
    end(world)
    world.step(1)
    assert copied(world)[-1] is None


def test_it_is_no_sooner_for_an_edit_and_counts_by_the_new_settings() -> None:
    world = released(answers=Answers(different=0.3)).run(40)
    before = world.plans[-1].comparer
    world.configure(validation={"shadow": SHADOW | {"duration": "2m", "maxDisagreement": 0.5}}).step(1)
    assert world.status.arms, "what was counted by other rules proves nothing by these"
    world.run(10)
    after = world.plans[-1].comparer
    assert before is not None
    assert after is not None
    assert before.trial != after.trial, "its series are its own"
    world.run(100)
    assert world.weight == 0
    assert world.arm.shadow.compared <= 1100
    world.run(30)
    assert world.weight == 10


def test_an_edit_after_it_has_passed_compares_again_what_has_had_no_request() -> None:
    strategy = {"canary": {"steps": [{"approval": {}}, {"setWeight": 10, "for": "30s"}]}}
    world = released({**yaml.safe_load(CANARY), "strategy": strategy}).run(70)
    assert world.status.phase is Phase.AWAITING_APPROVAL
    world.configure(validation={"shadow": SHADOW | {"minCompared": 200}}).run(30)
    assert (world.status.phase, inside(world)) == (Phase.SHADOWING, (NEW,))
    world.run(60)
    assert world.status.phase is Phase.AWAITING_APPROVAL
    assert [row.check for row in world.arm.validation.checks].count("shadow answers") == 1


def test_who_has_requests_is_past_it() -> None:
    world = World.of(CANARY).installed().apply(version=NEW).run(20)
    assert world.weight == 10
    world.copies.answers[NEW] = Answers(failed=1.0)
    world.configure(validation={"shadow": SHADOW}).run(100)
    assert set(copied(world)) == {None}
    assert world.status.history[-1].outcome == "Promoted"


def test_servers_that_are_asked_again_after_a_long_shadow_have_their_time() -> None:
    world = released(duration="10m").run(300)
    world.probed = None
    world.configure(validation={"signature": "Report", "shadow": SHADOW | {"duration": "10m"}}).run(60)
    assert (world.status.phase, inside(world)) == (Phase.VALIDATING, ())
    world.probed = GOOD
    world.run(15)
    assert inside(world) == (NEW,)


def test_retry_compares_anew() -> None:
    world = released(answers=Answers(failed=1.0)).run(20)
    before = {plan.comparer.trial for plan in world.plans if plan.comparer is not None}
    assert world.status.quarantined
    world.copies.answers, world.command = {}, f"retry {NEW} t1"
    world.run(40)
    assert world.status.phase is Phase.SHADOWING
    assert {plan.comparer.trial for plan in world.plans if plan.comparer is not None} > before
    world.run(60)
    assert world.weight == 10


def test_a_status_that_is_lost_meanwhile_compares_anew() -> None:
    world = released().run(50)
    world.status = Status()
    world.run(55)
    assert never_asked(world)
    assert world.status.phase is Phase.SHADOWING
    world.run(60)
    assert NEW in (world.live or {})


def test_a_pass_that_is_killed_comes_to_the_same() -> None:
    world = released().run(50)
    first = decide(world.rollout, world.observe())
    assert decide(world.rollout, world.observe()) == first


def test_a_hand_on_the_route_gives_it_no_request() -> None:
    world = released().run(20)
    world.route = Route.to(NEW)
    plan = world.step(1)
    assert plan.route == Route.to("1.0.1")
    assert world.status.phase is Phase.SHADOWING


def test_the_matched_requests_wait_for_it_too() -> None:
    text = {**yaml.safe_load(CANARY)}
    text["traffic"] = {**text["traffic"], "match": [{"headers": {"x-tenant": {"exact": "internal"}}}]}
    world = released(text).run(70)
    assert world.route is not None
    assert world.route.largest_share(NEW) == 10


def test_what_its_servers_show_stands_before_what_is_compared() -> None:
    other = Probed({}, PLAIN)
    world = shadowing(signature="Report")
    world.configure(validation={"signature": "RequireMajorBump", "shadow": SHADOW})
    world.probed = other
    world.apply(version=NEW).run(20)
    assert [item.reason for item in world.status.quarantined] == [Reason.VALIDATION_FAILED]
    assert set(copied(world)) == {None}
