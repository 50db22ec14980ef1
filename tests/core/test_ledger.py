"""One ledger of alpha for a trial: whatever is edited, lost or begun anew, what is left never rises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.status import Arm
from modelrollout.core.judge import ledger
from tests.core.world import CANARY, World

LONG = CANARY.replace("{setWeight: 10, for: 30s}", "{setWeight: 10, for: 10h}")


def latency(over: str) -> dict[str, Any]:
    """One metric, by this bound."""
    return {"metrics": [{"name": "latency", "over": over}]}


def judged(world: World, passes: int, bad: float = 0.0) -> World:
    """So many samples of both metrics, with bad answers by the candidate."""
    for _ in range(passes):
        world.requests(500, {"1.1.2": bad}, metric="latency").requests(500).step(5)
    return world


def releasing(analysis: dict[str, Any]) -> World:
    """At 10 %, with some samples."""
    world = World.of(LONG).installed().configure(analysis=analysis).apply(version="1.1.2")
    return judged(world, 6)


def spent(world: World) -> float:
    """What all tests of all arms began with, together; at most 1 of alpha."""
    return sum(item.share for arm in world.status.arms for item in arm.metrics)


def accepted(world: World) -> str:
    """What the condition says."""
    return next(item.message for item in world.status.conditions if item.type == "Accepted")


def test_an_edit_of_the_chance_itself_is_for_the_next_release_and_that_is_said() -> None:
    world = releasing(latency("100ms")).configure(analysis={**latency("100ms"), "falseRollback": 0.1}).run(5)
    assert world.trial.alpha.total == 0.01
    assert accepted(world) == (
        "the spec is in order; but what the release of 1.1.2 began with is fixed, 1 %: "
        "analysis.falseRollback 10 % holds for the next release"
    )
    assert accepted(world.configure(analysis=latency("100ms")).run(5)) == "the spec is in order"


def test_half_of_it_after_a_lost_status_is_nobodys_edit() -> None:
    world = releasing(latency("100ms"))
    world.status = type(world.status)()
    world.run(10)
    assert world.trial.alpha.total == 0.005
    assert accepted(world) == "the spec is in order"


EDITS: dict[str, dict[str, Any]] = {
    "bound": latency("50ms"),
    "margin": {**latency("100ms"), "margin": 1.5},
    "floor": {**latency("100ms"), "floor": 0.01},
    "provider": {**latency("100ms"), "provider": "envoy"},
    "metric added": {"metrics": [{"name": "latency", "over": "100ms"}, {"name": "errors"}]},
    "metric replaced": {"metrics": [{"name": "errors"}]},
    "false rollback raised": {**latency("100ms"), "falseRollback": 0.2},
}


@pytest.mark.parametrize("edited", EDITS.values(), ids=EDITS.keys())
def test_an_edit_never_raises_what_is_left(edited: dict[str, Any]) -> None:
    world = releasing(latency("100ms"))
    before = world.trial.alpha.left
    world.configure(analysis=edited).step(0.5)
    assert world.trial.alpha.left <= before + 1e-12
    assert world.trial.alpha.total == 0.01
    assert spent(world) <= 1 + 1e-9


def test_twenty_edits_share_one_alpha() -> None:
    world = releasing(latency("100ms"))
    left = []
    for number in range(20):
        world.configure(analysis=latency(f"{50 + number}ms"))
        judged(world, 3)
        left.append(world.trial.alpha.left)
    assert left == sorted(left, reverse=True)
    assert spent(world) <= 1


def test_an_edit_while_blind_costs_what_it_costs() -> None:
    world = releasing(latency("100ms"))
    world.away = "connection refused"
    world.configure(analysis=latency("50ms")).step(5)
    once = [item.share for item in world.arm.metrics]
    world.step(5)
    world.away = None
    judged(world, 2)
    assert [item.share for item in world.arm.metrics] == once
    assert once[0] < 1


def test_a_metric_that_is_left_out_and_taken_in_again_forgets_nothing() -> None:
    two = {"metrics": [{"name": "errors"}, {"name": "latency", "over": "50ms"}]}
    world = releasing(two)
    world.requests(500).requests(500, {"1.1.2": 0.08}, metric="latency").step(5)
    known = next(item for item in world.arm.metrics if item.metric == "latency")
    assert known.candidate.bad > 0
    world.configure(analysis={"metrics": [{"name": "errors"}]}).step(0.5)
    world.configure(analysis=two).step(0.5)
    again = next(item for item in world.arm.metrics if item.metric == "latency")
    assert (again.share, again.state, again.candidate) == (known.share, known.state, known.candidate)


def test_a_restart_of_the_operator_costs_nothing() -> None:
    world = releasing(latency("100ms"))
    before = world.trial.alpha
    world.step()  # every pass of this world reads the status from JSON, as a new process would
    assert world.trial.alpha == before


def test_a_spoilt_memory_of_a_test_costs_its_part() -> None:
    world = releasing(latency("100ms"))
    before, test = world.trial.alpha.left, world.arm.metrics[0]
    world.change_arm(metrics=(test.model_copy(update={"state": {"metric": "latency"}}),)).step(0.5)
    assert world.trial.alpha.left <= before
    assert world.arm.metrics[0].share < test.share


parts = st.floats(0.0, 5.0, allow_nan=False)
tests = st.lists(st.tuples(st.floats(1e-6, 0.2), parts), max_size=5).map(
    lambda pairs: [
        MetricStatus(metric=f"m{index}", share=share, part=share * part) for index, (share, part) in enumerate(pairs)
    ]
)


def total(known: list[MetricStatus]) -> float:
    """What is left to these tests."""
    return sum(ledger.left(item.share, item.part) for item in known)


@settings(max_examples=300)
@given(tests, st.integers(0, 4))
def test_new_tests_get_no_more_than_the_others_have_left(known: list[MetricStatus], new: int) -> None:
    wanted = [("everybody", f"n{index}") for index in range(new)]
    given_out = ledger.shares(known, wanted)
    after = [
        item.model_copy(
            update={
                "share": given_out[ledger.name_of(item)],
                "part": item.part * given_out[ledger.name_of(item)] / item.share,
            }
        )
        for item in known
    ]
    bought = sum(given_out[name] for name in wanted)
    assert total(after) + bought <= (total(known) if known else 1.0) * (1 + 1e-9) + 1e-8


@settings(max_examples=300)
@given(st.lists(st.tuples(st.floats(1e-4, 0.01), parts), min_size=1, max_size=4), st.integers(1, 3))
def test_new_arms_get_no_more_than_the_others_have_left(known: list[tuple[float, float]], new: int) -> None:
    arms = [
        Arm(version=f"1.0.{index}", uri="", alpha=alpha, metrics=(MetricStatus(metric="m", share=1.0, part=part),))
        for index, (alpha, part) in enumerate(known)
    ]
    before = sum(ledger.alpha_left(arm) for arm in arms)
    kept, each = ledger.alphas(arms, new, 0.01)
    after = sum(ledger.alpha_left(ledger.sold(arm, kept)) for arm in arms) + new * each
    assert after <= before * (1 + 1e-9) + 1e-8


def test_an_edit_of_what_is_counted_and_a_new_metric_at_once_raise_nothing() -> None:
    """Each alone never did; together they gave the edited test what it had sold to the new one."""
    world = releasing(latency("100ms"))
    for number in range(6):
        for _ in range(8):
            world.requests(500, {"1.0.1": 0.05}, metric="latency").requests(500, {"1.0.1": 0.05}).step(5)
        left = world.trial.alpha.left
        counter = {"successes": "s{v='{{ version }}'}", "trials": "t{v='{{ version }}'}"}
        own = [{"name": f"m{index}", **counter} for index in range(number)]
        world.configure(analysis={"metrics": [{"name": "latency", "over": f"{60 + number}ms"}, *own]}).step(0.5)
        assert world.trial.alpha.left <= left * (1 + 1e-9)
