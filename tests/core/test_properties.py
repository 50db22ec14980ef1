"""What holds in every pass of every trial, whatever happens to it: random lives of a rollout, pass by pass.

Every registered strategy takes part, with the specs of its own test, by one to five versions under trial.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelrollout.api.base import to_json
from modelrollout.api.route import MATCHED, RESERVED, Route
from modelrollout.api.status import Phase, Status
from modelrollout.core.decide import decide
from modelrollout.core.observation import LiveRoute, Observation
from modelrollout.core.plan import Reason
from modelrollout.core.validate.probed import Probed
from modelrollout.resource.rollout import parse_status
from modelrollout.strategies import STRATEGIES as ALL_STRATEGIES
from tests.core.copies import Answers
from tests.core.world import CANARY, World, smoked
from tests.core.world import PLAIN as PLAIN_SIGNATURES
from tests.strategies.registry import specs


def reward_of(strategy: dict[str, Any]) -> list[dict[str, Any]]:
    """The metric that the arms of a strategy compete by, if they do."""
    return [REWARD] if any(ALL_STRATEGIES[name].competes for name in strategy) else []


def divides(strategy: dict[str, Any]) -> bool:
    """Whether it divides the requests by itself, so that traffic.match must not."""
    return "contextualBandit" in strategy


FIRST = "1.0.1"
STATUS_LOST = Reason.STATUS_LOST
PLAIN: dict[str, Any] = yaml.safe_load(CANARY)
MATCH = [{"headers": {"x-tenant": {"exact": "internal"}}}]
STRATEGIES = specs()
REWARD = {"name": "clicks", "role": "Reward", "successes": "c{{ service }}", "trials": "s{{ service }}"}
SPECS = {
    f"{name}{' focused' if focused else ''}": PLAIN
    | {"strategy": strategy, "traffic": PLAIN["traffic"] | ({"match": MATCH} if focused else {})}
    | {"analysis": PLAIN["analysis"] | {"metrics": [{"name": "errors"}, *reward_of(strategy)]}}
    for name, strategy in STRATEGIES.items()
    for focused in (False, True)
    if not (focused and divides(strategy))
}
SHADOW = {"validation": {"shadow": {"duration": "10s", "minCompared": 50}}}
SPECS |= {f"{name} shadowed": SPECS[name] | SHADOW for name in ("canary steps", "split three")}

CLICKS = {"1.1.2": 0.06, "1.2.3": 0.07}  # else 0.05
Action = Callable[[World], Any]


def traffic(bad: float) -> Action:
    """Fifteen seconds of requests, with a share of bad answers of every version but the first."""

    def answer(world: World) -> None:
        failing = {version: bad for version in world.workloads if version != FIRST}
        for _ in range(3):
            for split in segments_of(world):
                world.requests_in(split, 100, failing)
                world.requests_in(split, 100, dict.fromkeys(world.workloads, 0.05) | CLICKS, metric="clicks")
            world.matched_requests(100, failing)
            world.matched_requests(100, dict.fromkeys(world.workloads, 0.05) | CLICKS, metric="clicks")
            world.requests(500, dict.fromkeys(world.workloads, 0.05) | CLICKS, metric="clicks")
            world.run(5, bad=failing)

    return answer


def segments_of(world: World) -> list[str]:
    """The splits of a contextual bandit."""
    splits = world.route.splits if world.route is not None else ()
    return [split.name for split in splits if split.name not in RESERVED]


def candidates_lose_their_pods(world: World) -> None:
    """Every version but the control has no ready pod."""
    for version, workload in world.workloads.items():
        if world.status.stable is None or version != world.status.stable.version:
            world.workloads[version] = replace(workload, ready=0, failure="OOMKilled")
    world.step(1)


def one_candidate_loses_its_pods(world: World) -> None:
    """The last arm has no ready pod; the others serve on."""
    if world.status.arms:
        version = world.status.arms[-1].version
        if version in world.workloads:
            world.workloads[version] = replace(world.workloads[version], ready=0, failure="OOMKilled")
    world.step(1)


def command(verb: str, several: bool = False, note: str = "") -> Action:
    """A person's command to the first arm, or to all of them."""

    def give(world: World) -> None:
        versions = [arm.version for arm in world.status.arms] or ["1.1.2"]
        named = ",".join(versions) if several else versions[0]
        world.command = f"{verb} {named} t{world.now} {note}"
        world.step(1)

    return give


def prometheus_away(world: World) -> None:
    """Twenty seconds without metrics, then they are back."""
    world.away = "connection refused"
    world.run(20)
    world.away = None


def servers_away(world: World) -> None:
    """Twenty seconds in which no model server can be asked."""
    before, world.probed = world.probed, Probed(unread="connection refused")
    world.run(20)
    world.probed = before


def copies_away(world: World) -> None:
    """Twenty seconds in which no answers are compared."""
    world.copies.away = "its comparer is being started"
    world.run(20)
    world.copies.away = None


def wrong_spec(world: World) -> None:
    """An edit that cannot be accepted, then the old spec again."""
    good = world.spec
    world.configure(strategy={}).run(10)
    world.spec = good
    world.generation += 1
    world.step(1)


def edited_spec(**analysis: Any) -> Action:
    """The owner edits how the release is judged."""

    def edit(world: World) -> None:
        edited = {**world.spec["analysis"], **analysis}
        if "metrics" in analysis:
            edited["metrics"] = [*analysis["metrics"], *reward_of(world.spec["strategy"])]
        world.configure(analysis=edited).step(1)

    return edit


def edited_match(world: World) -> None:
    """The owner focuses the release, or lifts that."""
    now = copy.deepcopy(world.spec["traffic"])
    if now.pop("match", None) is None:
        now["match"] = MATCH
    world.configure(traffic=now).step(1)


def edited_route(world: World) -> None:
    """Somebody else writes the VirtualService."""
    if world.route is not None:
        world.route = Route.to(sorted(world.route.versions)[-1])
    world.step(1)


def strange_route(world: World) -> None:
    """Somebody writes rules into it that this operator never would."""
    if world.route is not None:
        world.live_route_override = LiveRoute(None, world.route.versions, recovery=world.recovery)
    world.step(1)
    world.live_route_override = None


def lost_status(world: World) -> None:
    """Somebody deletes the status."""
    world.status = Status()
    world.step(1)


def spoilt_status(world: World) -> None:
    """A part of it cannot be read."""
    status = to_json(world.status)
    if "trial" in status:
        status["trial"]["startedAt"] = {"x": 1}
    world.status = parse_status(status)
    world.step(1)


def killed_pass(world: World) -> None:
    """The route is written, the status is not."""
    world.now += 1
    plan = decide(world.rollout, world.observe())
    if plan.route is not None:
        world.route, world.recovery = plan.route, plan.recovery
    world.deploy(replace(plan, remove=()))


ACTIONS: dict[str, Action] = {
    "good traffic": traffic(0.0),
    "bad traffic": traffic(0.3),
    "slightly bad traffic": traffic(0.02),
    "no requests": lambda world: world.run(60, rate=0),
    "lost pods": candidates_lose_their_pods,
    "one lost": one_candidate_loses_its_pods,
    "blind": prometheus_away,
    "wrong spec": wrong_spec,
    "edited bound": edited_spec(margin=1.5),
    "edited metrics": edited_spec(metrics=[{"name": "errors"}, {"name": "latency", "over": "70ms"}]),
    "first metrics": edited_spec(metrics=[{"name": "errors"}]),
    "edited match": edited_match,
    "edited route": edited_route,
    "strange route": strange_route,
    "lost status": lost_status,
    "spoilt status": spoilt_status,
    "killed pass": killed_pass,
    "second version": lambda world: world.apply(version="1.1.2").step(1),
    "third version": lambda world: world.apply(version="1.2.3").step(1),
    "first version": lambda world: world.apply(version=FIRST).step(1),
    **{verb: command(verb) for verb in ("abort", "promote", "promote-full", "pause", "resume", "retry")},
    "servers away": servers_away,
    "required": lambda world: world.configure(validation={"signature": "RequireMajorBump"}).step(1),
    "compared": lambda world: world.configure(**SHADOW).step(1),
    "copies away": copies_away,
    "bad copies": lambda world: world.copies.answers.update({"1.1.2": Answers(failed=0.5)}),
    "other signature": lambda world: setattr(world, "probed", Probed({}, PLAIN_SIGNATURES)),
    "lower": command("lower", note="3"),
    "lower all": command("lower", several=True, note="7 looks odd"),
    **{f"{verb} all": command(verb, several=True) for verb in ("abort", "promote", "pause", "resume")},
}

lives = st.tuples(st.sampled_from(sorted(SPECS)), st.lists(st.sampled_from(sorted(ACTIONS)), max_size=14))
many = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def live(kind: str, actions: list[str]) -> World:
    """A world after these actions, with a second version on its way."""
    world = World(spec=copy.deepcopy(SPECS[kind])).installed()
    world.smoke = smoked()
    world.apply(version="1.1.2").run(10)
    for name in actions:
        ACTIONS[name](world)
    return world


@many
@given(lives)
def test_shares_sum_to_100_in_every_split_and_name_deployed_versions_only(life: tuple[str, list[str]]) -> None:
    for plan in live(*life).plans:
        for split in plan.route.splits if plan.route is not None else ():
            assert sum(split.shares.values()) == 100
            assert all(share > 0 for share in split.shares.values())
            deployed = {item.version: item.splits for item in plan.versions}
            assert all(split.name in deployed[version] for version in split.shares), "each has its Service"
            assert not split.shares.keys() & set(plan.remove)


@many
@given(lives)
def test_the_control_is_never_removed_and_only_a_trial_that_was_won_or_is_undone_replaces_it(
    life: tuple[str, list[str]],
) -> None:
    world = live(*life)
    for before, plan in zip(world.plans, world.plans[1:], strict=False):
        if before.status.stable is None:
            continue
        assert before.status.stable.version not in plan.remove
        if plan.status.phase is Phase.INVALID:  # nothing is known but that the spec is refused, and nothing is touched
            continue
        assert plan.status.stable is not None
        if plan.status.stable.version != before.status.stable.version:
            outcome, previous = plan.status.history[-1].outcome, before.status.previous
            undone = outcome == "Undone" and previous is not None and previous.version == plan.status.stable.version
            assert undone or (before.status.arm(plan.status.stable.version) and outcome == "Promoted")


@many
@given(lives)
def test_alpha_that_is_spent_never_exceeds_the_ledger(life: tuple[str, list[str]]) -> None:
    for plan in live(*life).plans:
        trial = plan.status.trial
        if trial is None:
            continue
        shares = [sum(item.share for item in arm.metrics) if arm.metrics else 1.0 for arm in trial.arms]
        assert all(share <= 1 + 1e-9 for share in shares)
        given_out = sum(arm.alpha * share for arm, share in zip(trial.arms, shares, strict=True))  # who enters buys
        assert given_out <= trial.alpha.total * (1 + 1e-9)
        assert trial.alpha.left <= trial.alpha.total * (1 + 1e-9)


@many
@given(lives)
def test_alpha_that_is_left_never_rises_by_an_edit(life: tuple[str, list[str]]) -> None:
    world = live(*life)
    if world.status.trial is None:
        return
    before, started = world.trial.alpha.left, world.trial.started_at
    world.command = None
    for analysis in ({"margin": 3.0}, {"metrics": [{"name": "latency", "over": "1s"}]}, {"falseRollback": 0.2}):
        world.configure(analysis={**world.spec["analysis"], **analysis}).step()
        if world.status.trial is None or world.trial.started_at != started:
            return
        assert world.trial.alpha.left <= before * (1 + 1e-9)


@many
@given(lives)
def test_every_status_that_is_written_can_be_read_again(life: tuple[str, list[str]]) -> None:
    for plan in live(*life).plans:
        assert parse_status(to_json(plan.status)) == plan.status


@many
@given(lives)
def test_never_a_share_before_it_is_validated(life: tuple[str, list[str]]) -> None:
    """Nor a preview. Whoever has had one is past the gate, as long as the status remembers it."""
    world = live(*life)
    for before, plan in zip(world.plans, world.plans[1:], strict=False):
        shown = before.route.versions if before.route is not None else set()
        for arm in plan.status.arms:
            if plan.route is None or arm.version not in plan.route.versions or arm.version in shown:
                continue
            if (earlier := before.status.arm(arm.version)) is not None and earlier.weight_since is not None:
                continue  # an edit took its share for a moment
            wanted = plan.spec is not None and plan.spec.asked_before_traffic.shadow and before.status.stable
            shown_all = arm.validation.passed and (arm.shadow.passed or not wanted)
            assert shown_all or STATUS_LOST in {event.reason for event in plan.events}


@many
@given(lives)
def test_a_version_in_quarantine_has_no_requests(life: tuple[str, list[str]]) -> None:
    for plan in live(*life).plans:
        failed = {item.version for item in plan.status.quarantined}
        assert not failed & (plan.route.versions if plan.route is not None else set())


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
    for _ in range(6):
        world.step()
    before = world.status
    plan = world.step()
    assert plan.status == before
    assert plan.events == ()


@many
@given(lives)
def test_whatever_the_next_pass_would_change_is_looked_at_soon(life: tuple[str, list[str]]) -> None:
    world = live(*life)
    for _ in range(4):
        plan = world.step()
        following = decide(world.rollout, world.observe())
        if following.status != plan.status or following.route != plan.route or following.remove != plan.remove:
            assert plan.requeue_after <= 0.5


@many
@given(lives)
def test_abort_takes_all_traffic_away_in_one_plan(life: tuple[str, list[str]]) -> None:
    world = live(*life)
    stable = world.status.stable
    if world.status.trial is None or stable is None:
        return
    world.command = f"abort {','.join(arm.version for arm in world.status.arms)} now"
    plan = world.step(0.1)
    assert plan.route is not None
    assert plan.route == Route.to(stable.version)


@many
@given(lives)
def test_an_arm_that_is_lost_has_no_traffic_after_one_plan_and_the_others_keep_theirs(
    life: tuple[str, list[str]],
) -> None:
    world = live(*life)
    world.command = None
    world.step(0.1)
    stable, route = world.status.stable, world.route
    if stable is None or route is None or world.workloads[stable.version].ready == 0:
        return
    routed = [arm.version for arm in world.status.arms if route.largest_share(arm.version)]
    if not routed or any(world.workloads[version].ready == 0 for version in routed):
        return
    gone, others = routed[-1], routed[:-1]
    world.workloads[gone] = replace(world.workloads[gone], ready=0)
    plan = world.step(0.1)
    assert plan.route is not None
    assert gone not in plan.route.versions
    for version in others:
        assert plan.route.largest_share(version) >= route.largest_share(version)


@many
@given(lives)
def test_no_evidence_never_raises_a_share(life: tuple[str, list[str]]) -> None:
    world = live(*life)
    world.command = None
    if world.status.trial is None or not world.trial.arms[0].metrics:
        return  # nobody is judged
    said = world.trial.promote_fully or world.trial.approved is not None
    before = world.route
    if before is None or said or not before.largest_share(world.arm.version):
        return  # a person's word has been given and stands
    world.away = "connection refused"
    for _ in range(12):
        plan = world.step(5)
        assert plan.route is not None
        if plan.status.trial is None or plan.route.split(MATCHED) is None:
            continue
        for arm in plan.status.arms:
            assert plan.route.largest_share(arm.version) <= max(before.largest_share(arm.version), 0)


@many
@given(lives)
def test_killed_pass_is_made_again_with_the_same_end(life: tuple[str, list[str]]) -> None:
    """The route was written, the status was not: the next pass decides the same route again."""
    world = live(*life)
    world.now += 5
    world.requests(500)
    first = decide(world.rollout, world.observe())
    if first.route is not None:
        world.route, world.recovery = first.route, first.recovery
    second = decide(world.rollout, world.observe())
    assert second.route == first.route
    assert second.status.stable == first.status.stable


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_nothing_is_decided_from_an_empty_observation(kind: str) -> None:
    world = World(spec=copy.deepcopy(SPECS[kind])).installed()
    before = world.live
    plan = decide(world.rollout, Observation(now=world.now))
    assert plan.route is not None
    assert plan.route.everybody.shares == before
    assert plan.remove == ()


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_a_release_from_good_traffic_alone_comes_to_an_end(kind: str) -> None:
    world = World(spec=copy.deepcopy(SPECS[kind])).installed()
    world.smoke = smoked()
    world.apply(version="1.1.2")
    for _ in range(160):
        if world.status.trial is None and world.status.history and "1.1.2" in (world.live or {}):
            break
        alike = dict.fromkeys(world.workloads, 0.02)
        world.matched_requests(5000, alike)
        world.matched_requests(5000, alike | {"1.1.2": 0.04}, metric="clicks")
        world.requests(500, alike | {"1.1.2": 0.04}, metric="clicks")
        world.run(5, bad=alike)
        if world.status.phase.value == "AwaitingApproval":
            world.command = f"promote 1.1.2 t{world.now}"
    assert world.status.phase.value == "Healthy", world.status.message
    assert world.route is not None
    assert "1.1.2" in world.route.versions
