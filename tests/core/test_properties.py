"""What holds in every pass of every release, whatever happens to it: random lives of a rollout, pass by pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelrollout.core.decide import decide
from modelrollout.core.observation import Observation, SmokeResult
from tests.core.world import BLUE_GREEN, CANARY, World

EVIDENCE = CANARY.replace(
    "{steps: [{setWeight: 10, for: 30s}, {setWeight: 50, for: 30s}]}",
    "{evidence: {start: 5, max: 50}, bake: 20s}",
)
APPROVED = CANARY.replace("{setWeight: 50, for: 30s}", "{approval: {}}, {setWeight: 50, for: 30s}, {pause: {for: 10s}}")
SPECS = {"canary": CANARY, "evidence": EVIDENCE, "approval": APPROVED, "blue green": BLUE_GREEN}

Action = Callable[[World], Any]


def traffic(bad: float) -> Action:
    """Fifteen seconds of requests, with a share of bad answers of every version but the first."""
    return lambda world: world.run(15, bad={version: bad for version in world.live or {} if version != "1.0.1"})


def candidate_loses_its_pods(world: World) -> None:
    """Every version but stable has no ready pod."""
    for version, workload in world.workloads.items():
        if world.status.stable is None or version != world.status.stable.version:
            world.workloads[version] = replace(workload, ready=0, failure="OOMKilled")
    world.step(1)


def command(verb: str) -> Action:
    """A person's command to the candidate, if there is one."""

    def give(world: World) -> None:
        version = world.status.candidate.version if world.status.candidate else "1.1.2"
        world.command = f"{verb} {version} t{world.now}"
        world.step(1)

    return give


def prometheus_away(world: World) -> None:
    """Twenty seconds without metrics, then they are back."""
    world.away = "connection refused"
    world.run(20)
    world.away = None


def no_requests(world: World) -> None:
    """A minute without any request."""
    world.run(60, rate=0)


def wrong_spec(world: World) -> None:
    """An edit that cannot be accepted, then the old spec again."""
    good = world.spec
    world.configure(strategy={}).run(10)
    world.spec = good
    world.generation += 1
    world.step(1)


def edited_route(world: World) -> None:
    """Somebody else writes the VirtualService."""
    if world.live:
        world.live = {next(iter(world.live)): 100}
    world.step(1)


ACTIONS: dict[str, Action] = {
    "good traffic": traffic(0.0),
    "bad traffic": traffic(0.3),
    "slightly bad traffic": traffic(0.02),
    "lost pods": candidate_loses_its_pods,
    "blind": prometheus_away,
    "no requests": no_requests,
    "wrong spec": wrong_spec,
    "edited route": edited_route,
    "second version": lambda world: world.apply(version="1.1.2").step(1),
    "third version": lambda world: world.apply(version="1.2.3").step(1),
    "first version": lambda world: world.apply(version="1.0.1").step(1),
    **{verb: command(verb) for verb in ("abort", "promote", "promote-full", "pause", "resume", "retry")},
}

lives = st.tuples(st.sampled_from(sorted(SPECS)), st.lists(st.sampled_from(sorted(ACTIONS)), max_size=14))
many = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def live(kind: str, actions: list[str]) -> World:
    """A world after these actions, with a second version on its way."""
    world = World.of(SPECS[kind]).installed()
    world.smoke = SmokeResult(sent=1)
    world.apply(version="1.1.2").run(10)
    for name in actions:
        ACTIONS[name](world)
    return world


@many
@given(lives)
def test_weights_sum_to_100_and_name_deployed_versions_only(life: tuple[str, list[str]]) -> None:
    for plan in live(*life).plans:
        if plan.route is None:
            continue
        assert sum(plan.route.weights.values()) == 100
        assert all(weight > 0 for weight in plan.route.weights.values())
        assert set(plan.route.weights) <= {item.version for item in plan.versions}
        assert not set(plan.route.weights) & set(plan.remove)


@many
@given(lives)
def test_same_input_gives_the_same_plan(life: tuple[str, list[str]]) -> None:
    world = live(*life)
    seen = world.observe()
    assert decide(world.rollout, seen) == decide(world.rollout, seen)


@many
@given(lives)
def test_pass_without_anything_new_changes_nothing(life: tuple[str, list[str]]) -> None:
    world = live(*life)
    for _ in range(4):
        world.step()
    before = world.status
    plan = world.step()
    assert plan.status == before
    assert plan.events == ()


@many
@given(lives)
def test_abort_takes_all_traffic_away_in_one_plan(life: tuple[str, list[str]]) -> None:
    world = live(*life)
    stable, candidate = world.status.stable, world.status.candidate
    if candidate is None or stable is None:
        return
    world.command = f"abort {candidate.version} now"
    plan = world.step(0.1)
    assert plan.route is not None
    assert plan.route.weights == {stable.version: 100}


@many
@given(lives)
def test_candidate_that_is_lost_has_no_traffic_after_one_plan(life: tuple[str, list[str]]) -> None:
    world = live(*life)
    stable = world.status.stable
    if world.weight == 0 or stable is None:
        return
    candidate_loses_its_pods(world)
    assert world.live == {stable.version: 100}


@many
@given(lives)
def test_no_evidence_never_raises_a_weight(life: tuple[str, list[str]]) -> None:
    world = live(*life)
    world.command = None
    weight = world.weight
    if weight == 0 or weight == 100 or (world.status.release and world.status.release.promote_fully):
        return
    release = world.status.release
    if release and release.approved_step is not None and release.approved_step >= release.step_index:
        return  # a person's word has been given and stands
    world.away = "connection refused"
    world.run(60)
    assert world.weight <= weight


@many
@given(lives)
def test_killed_pass_is_made_again_with_the_same_end(life: tuple[str, list[str]]) -> None:
    """The route was written, the status was not: the next pass decides the same route again."""
    world = live(*life)
    world.now += 5
    world.requests(500)
    first = decide(world.rollout, world.observe())
    if first.route is not None:
        world.live = dict(first.route.weights)
    second = decide(world.rollout, world.observe())
    assert second.route == first.route
    assert second.status.stable == first.status.stable


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_nothing_is_decided_from_an_empty_observation(kind: str) -> None:
    world = World.of(SPECS[kind]).installed()
    before = world.live
    plan = decide(world.rollout, Observation(now=world.now))
    assert plan.route is not None
    assert dict(plan.route.weights) == before
    assert plan.remove == ()
