"""No way round the judgement: whatever the steps are and whatever a person approves, nobody gets all of it unseen."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelrollout.api.status import Phase, Status
from modelrollout.core.plan import Reason
from modelrollout.resource.former import upgraded_spec
from modelrollout.resource.rollout import SpecError, parse_accepted, parse_spec
from tests.core.world import BLUE_GREEN, CANARY, World, smoked

NEW = "1.1.2"
PLAIN: dict[str, Any] = yaml.safe_load(CANARY)
TEN: dict[str, Any] = {"setWeight": 10, "for": "0s"}
PAUSE: dict[str, Any] = {"pause": {"for": "1s"}}
APPROVAL: dict[str, Any] = {"approval": {}}
waits = st.sampled_from([{"pause": {}}, PAUSE, {"pause": {"for": "30s"}}, APPROVAL])
times = st.sampled_from([{}, {"for": "0s"}, {"for": "20s"}])


@st.composite
def canaries(draw: st.DrawFn) -> dict[str, Any]:
    """Any canary that the API takes."""
    more = {"bake": draw(st.sampled_from(["0s", "20s"])), "stepEarly": draw(st.booleans())}
    if draw(st.integers(0, 4)) == 0:
        return {"evidence": {"start": draw(st.integers(1, 99)), "max": draw(st.integers(99, 100))}} | more
    weights = draw(st.lists(st.integers(1, 100), min_size=1, max_size=4, unique=True).filter(lambda w: min(w) < 100))
    steps = draw(st.lists(waits, max_size=2))
    for weight in sorted(weights):
        steps += [{"setWeight": weight} | draw(times), *draw(st.lists(waits, max_size=2))]
    return {"steps": steps} | more


def released(canary: dict[str, Any], **analysis: Any) -> World:
    """A release by this canary begins."""
    spec = copy.deepcopy(PLAIN) | {"strategy": {"canary": canary}}
    spec["analysis"] |= analysis
    assert not isinstance(parse_spec(spec), SpecError)
    return World(spec=spec).installed().apply(version=NEW)


def pushed(world: World, bad: float, passes: int, rate: int = 100, every: float = 1.0) -> World:
    """A person says skip in each pass, two or more of them between samples."""
    for number in range(passes):
        if number % 3 == 0:
            world.requests(int(rate * every * 3), {NEW: bad})
        world.command = f"skip {NEW} t{number}"
        world.step(every)
        if world.status.trial is None:
            break
    return world


def said_and_unseen(world: World, bad: float, passes: int, away: list[int]) -> World:
    """A person says promote in each pass. Prometheus goes away and comes back at these passes, whatever is on."""
    for number in range(passes):
        if number in away:
            world.away = None if world.away else "connection refused"
        if number % 3 == 0:
            world.requests(300, {NEW: bad})
        world.command = f"promote {NEW} t{number}"
        world.step(1)
        if world.status.trial is None:
            break
    return world


def outcomes(world: World) -> list[str]:
    """How the new version's releases ended."""
    return [entry.outcome for entry in world.status.history if entry.version == NEW]


many = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@many
@given(canaries(), st.sampled_from([1.0, 0.5]), st.sampled_from([Reason.APPROVED, None]))
def test_a_version_that_fails_is_never_promoted(canary: dict[str, Any], bad: float, pushes: Reason | None) -> None:
    world = released(canary)
    if pushes:
        pushed(world, bad, passes=240)
    else:
        world.run(400, bad={NEW: bad})
    assert "Promoted" not in outcomes(world)


blue_greens = st.builds(
    lambda approval, bake: {"approval": approval, "bake": bake},
    st.booleans(),
    st.sampled_from(["20s", "1m", {"for": "20s", "control": 5}]),
)


@many
@given(
    st.one_of(canaries().map(lambda it: {"canary": it}), blue_greens.map(lambda it: {"blueGreen": it})),
    st.sampled_from([1.0, 0.5, 0.3]),
    st.integers(0, 80),
    st.lists(st.integers(0, 200), max_size=8, unique=True),
)
def test_no_promote_at_any_moment_promotes_a_version_that_fails_by_then(
    strategy: dict[str, Any], bad: float, healthy: int, away: list[int]
) -> None:
    """Good at first, at fault from some moment on in a step or in the bake, seen or unseen."""
    world = World(spec=copy.deepcopy(PLAIN) | {"strategy": strategy}).installed().apply(version=NEW)
    said_and_unseen(world, 0.0, healthy, away)
    if world.status.trial is None:
        return  # through with it before it failed
    said_and_unseen(world, bad, 240, [number - healthy for number in away])
    assert "Promoted" not in outcomes(world)


@many
@given(canaries(), st.sampled_from(["Promote", "Pause"]), st.booleans())
def test_nobody_gets_all_requests_without_having_been_seen(canary: dict[str, Any], policy: str, away: bool) -> None:
    """No request at all, or no metrics: neither a person's promote nor a policy stands for the evidence."""
    world = released(canary, onTimeout=policy, maxHold="10s")
    world.away = "connection refused" if away else None
    pushed(world, 0.0, passes=90, rate=100 if away else 0, every=2.0)
    assert outcomes(world) == []
    assert world.weight < 100


@many
@given(canaries())
def test_a_good_version_that_a_person_hurries_is_promoted(canary: dict[str, Any]) -> None:
    """The other side: what is asked for can be had."""
    world = pushed(released(canary), 0.0, passes=300, rate=1000)
    assert outcomes(world) == ["Promoted"], world.status.message


FIRST_STEPS = {
    "a pause": [PAUSE, TEN],
    "an approval": [APPROVAL, TEN],
    "two waits": [APPROVAL, PAUSE, TEN],
}


@pytest.mark.parametrize("steps", FIRST_STEPS.values(), ids=FIRST_STEPS.keys())
def test_a_wait_before_the_first_weight_gives_no_requests(steps: list[dict[str, Any]]) -> None:
    world = released({"steps": steps})
    weights = []
    for number in range(8):
        world.requests(100).step(1)
        if world.status.phase is Phase.AWAITING_APPROVAL:
            world.command = f"skip {NEW} t{number}"
        weights.append(world.weight)
    assert set(weights) == {0, 10}, "and the first weight is judged"


def test_promote_full_skips_the_evidence_and_says_so() -> None:
    world = released({"steps": [TEN, {"setWeight": 50}]})
    while world.weight == 0:
        world.step(1)
    world.command = f"promote-full {NEW} t1"
    world.run(10)
    assert outcomes(world) == ["Promoted"]
    [said] = world.said(Reason.SWITCHED)
    assert said.startswith(
        f"all requests go to {NEW}: a person asked for it, and skipped weight 10 % for 0s, weight 50 % until proven"
    )
    assert "needs minRequests 50 and 3 samples of 1.1.2 at 10 %" in said


def test_a_bake_that_a_person_ends_has_seen_the_version() -> None:
    world = World.of(BLUE_GREEN).installed()
    world.smoke = smoked()
    world.apply(version="2.0.2")
    while world.live != {"2.0.2": 100}:
        world.run(1, tick=1)
    world.command = "skip 2.0.2 t1"
    world.run(2, rate=10, tick=1)
    assert world.status.phase is Phase.BAKING
    assert "needs minRequests 50" in (world.status.command_ignored or "")


BEFORE = {
    "zero first": (
        {"steps": [{"setWeight": 0, "for": "10s"}, {"setWeight": 10}]},
        {"steps": [{"pause": {"for": "10s"}}, {"setWeight": 10}]},
    ),
    "zero without a time": ({"steps": [{"setWeight": 0}, TEN]}, {"steps": [{"pause": {}}, TEN]}),
    "zero alone": ({"steps": [{"setWeight": 0, "for": "0m"}]}, {"steps": [{"pause": {}}, {"setWeight": 1}]}),
    "all at once": (
        {"steps": [APPROVAL, {"setWeight": 100, "for": "5m"}]},
        {"steps": [APPROVAL, {"setWeight": 1}, {"setWeight": 100, "for": "5m"}]},
    ),
    "evidence at once": ({"evidence": {"start": 100, "max": 100}}, {"evidence": {"start": 99, "max": 100}}),
    "in order": ({"steps": [TEN], "bake": "5m"}, {"steps": [TEN], "bake": "5m"}),
    "no canary": ({"steps": 7}, {"steps": 7}),
}


@pytest.mark.parametrize(("before", "after"), BEFORE.values(), ids=BEFORE.keys())
def test_a_spec_that_was_accepted_before_is_read_as_one_that_is_judged(before: Any, after: Any) -> None:
    spec = PLAIN | {"strategy": {"canary": before}}
    assert upgraded_spec(spec) == PLAIN | {"strategy": {"canary": after}}
    accepted = parse_accepted(Status(accepted_spec=spec))
    assert (accepted is None) == isinstance(parse_spec(upgraded_spec(spec)), SpecError)


@pytest.mark.parametrize("spec", [{}, {"strategy": None}, {"strategy": {"blueGreen": {}}}, {"strategy": {"canary": 1}}])
def test_what_is_no_canary_stays_as_it_is(spec: dict[str, Any]) -> None:
    assert upgraded_spec(spec) == spec


@pytest.mark.parametrize("bad", [0.0, 0.2])
def test_a_release_under_way_by_a_weight_of_zero_goes_on_and_is_judged(bad: float) -> None:
    """As it was found: promoted after seventeen seconds without one answer, with 20 % errors."""
    world = released({"steps": [TEN, {"setWeight": 50, "for": "1m"}]})
    world.step(1)
    zero = {"canary": {"steps": [{"setWeight": 0, "for": "10s"}]}}
    world.configure(strategy=zero)
    world.status = world.status.model_copy(update={"accepted_spec": copy.deepcopy(world.spec)})
    world.run(20, bad={NEW: bad})
    assert world.status.phase is not Phase.INVALID
    accepted = {item.type: item for item in world.status.conditions}["Accepted"]
    assert "setWeight 0 gives the candidate no requests to be judged by" in accepted.message
    assert outcomes(world) == []
    world.run(20, rate=1000, bad={NEW: bad})
    world.command = f"skip {NEW} t1"
    world.run(100, rate=1000, bad={NEW: bad})
    assert outcomes(world) == ["RolledBack" if bad else "Promoted"]
    assert any(arm.weight == 1 for plan in world.plans for arm in plan.status.arms), "it was judged by 1 %"
