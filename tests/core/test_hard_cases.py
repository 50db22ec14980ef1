"""Cases that are easy to get wrong: edits, gaps and accidents in the middle of a release."""

from __future__ import annotations

from dataclasses import replace

from modelrollout.api.route import Route
from modelrollout.api.status import Phase
from modelrollout.core.decide import decide
from modelrollout.core.evidence import Count
from modelrollout.core.observation import LiveRoute, Refusal
from modelrollout.core.plan import Reason
from modelrollout.core.validate.probed import Probed
from modelrollout.resource.rollout import parse_status
from tests.core.world import BLUE_GREEN, CANARY, World, smoked


def green(world: World) -> World:
    """Green has all requests."""
    world.smoke = smoked()
    world.apply(version="2.0.2").run(15, tick=1)
    assert world.live == {"2.0.2": 100}
    return world


def test_green_is_judged_by_stables_record_of_the_minutes_before_the_switch() -> None:
    world = green(World.of(BLUE_GREEN).installed())
    world.run(25, bad={"2.0.2": 0.15})
    assert world.live == {"1.0.1": 100}
    assert world.status.quarantined[-1].reason == Reason.EVIDENCE_AGAINST


def test_green_that_fails_is_taken_back_though_nothing_is_known_of_stable() -> None:
    world = World.of(BLUE_GREEN)
    for _ in range(4):
        world.step(2.0)
    world.smoke = smoked()
    world.apply(version="2.0.2")
    for _ in range(12):
        world.step(1.0)
    assert world.live == {"2.0.2": 100}
    world.run(20, bad={"2.0.2": 1.0})
    assert world.live == {"1.0.1": 100}


def test_an_edit_of_what_callers_ends_count_as_starts_counting_anew() -> None:
    """Other counters follow, and the step from the ones to the others is no answer of anybody's."""
    world = World.of(CANARY.replace("{setWeight: 10, for: 30s}", "{setWeight: 10, for: 10m}")).installed()
    world.apply(version="1.1.2").run(40)
    assert world.analysis[0].candidate.requests > 0
    world.configure(analysis={"clientCancels": "Ignore"})
    world.counts["errors"] = {version: count + Count(900, 900) for version, count in world.counts["errors"].items()}
    world.step(5)
    assert world.analysis[0].candidate.requests == 0
    world.run(40)
    assert (world.analysis[0].candidate.bad, world.weight) == (0, 10)
    assert world.analysis[0].share <= 1


def test_latency_bound_edited_in_the_middle_starts_counting_anew() -> None:
    latency = [{"name": "latency", "over": "100ms"}]
    world = World.of(CANARY.replace("{setWeight: 10, for: 30s}", "{setWeight: 10, for: 10m}")).installed()
    world.configure(analysis={"metrics": latency})
    world.apply(version="1.1.2")
    for _ in range(8):
        world.requests(500, metric="latency").step(5)
    world.configure(analysis={"metrics": [{"name": "latency", "over": "50ms"}]})
    slow = {version: Count(count.trials // 2, count.trials) for version, count in world.counts["latency"].items()}
    world.counts["latency"] = slow
    for _ in range(3):
        world.requests(500, metric="latency").step(5)
    assert [item.verdict for item in world.analysis] == ["Undecided"]
    assert world.analysis[0].needed == 100
    assert world.analysis[0].share < 1, "an edit hands on what the old test had left, and no more"
    assert world.trial.alpha.left < world.trial.alpha.total == 0.01
    assert world.analysis[0].candidate.bad == 0
    for _ in range(4):
        world.requests(500, {"1.1.2": 0.6}, metric="latency").step(5)
    assert world.live == {"1.0.1": 100}


def test_impossible_counters_blind_one_sample_only() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    series = world.counts["errors"]
    before = series["1.1.2"]
    series["1.1.2"] = Count(before.bad + 30, before.trials + 10 if before.trials > 20 else before.trials)
    world.step(5)
    assert [item.verdict for item in world.analysis] == ["Blind"]
    world.run(10)
    assert [item.verdict for item in world.analysis] == ["Undecided"]


def test_requests_at_a_weight_are_counted_for_each_metric() -> None:
    clicks = {"name": "clicks", "successes": "c{v='{{ version }}'}", "trials": "t{v='{{ version }}'}"}
    text = CANARY.replace("metrics: [{name: errors}]", "minRequests: 100, metrics: [{name: errors}]")
    world = World.of(text).installed()
    world.configure(analysis={**world.spec["analysis"], "metrics": [{"name": "errors"}, clicks]})
    world.apply(version="1.1.2").run(120)
    assert world.weight == 10, "errors has enough requests, clicks has none"


def test_timeout_policy_promote_ends_a_step_without_a_time() -> None:
    text = CANARY.replace("{setWeight: 10, for: 30s}", "{setWeight: 10}").replace(
        "noTrafficAfter: 20s", "maxHold: 1m, onTimeout: Promote, notWorseThan: 1.01"
    )
    world = World.of(text).installed().apply(version="1.1.2").run(300)
    assert world.status.phase is Phase.HEALTHY


def test_foreign_route_stops_the_release_and_is_not_called_restored() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    seen = replace(world.observe(), route=LiveRoute(foreign_owner="Helm"), now=world.now + 60)
    plan = decide(world.rollout, seen)
    assert plan.remove == ()
    assert not [event for event in plan.events if event.reason is Reason.ROUTE_RESTORED]
    assert plan.status.trial is not None
    assert plan.status.arms[0].weight == 10
    traffic = {item.type: item for item in plan.status.conditions}["TrafficApplied"]
    assert (traffic.status, traffic.reason) == ("False", "ForeignVirtualService")


def test_refused_route_stops_the_release_and_says_why() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    words = "admission webhook denied the request: invalid retryOn"
    seen = replace(world.observe(), route=LiveRoute(Route.to("1.0.1"), refused=words), now=world.now + 60)
    plan = decide(world.rollout, seen)
    assert plan.status.trial is not None
    assert plan.status.arms[0].weight == 10
    traffic = {item.type: item for item in plan.status.conditions}["TrafficApplied"]
    assert (traffic.status, traffic.reason) == ("False", "RouteRefused")
    assert words in traffic.message
    assert not [event for event in plan.events if event.reason is Reason.ROUTE_RESTORED]


def test_smoke_requests_that_do_not_reach_green_are_not_its_fault() -> None:
    world = World.of(BLUE_GREEN).installed().apply(version="2.0.2")
    world.smoke = Probed(unsent="http://gateway cannot be reached: connection refused")
    world.run(60, tick=1)
    assert world.live == {"1.0.1": 100}
    assert world.status.quarantined == ()
    assert "http://gateway cannot be reached: connection refused" in world.status.message


def test_version_that_is_released_again_is_pinned_to_what_it_was() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(200)
    world.apply(version="1.0.1").run(40)
    pinned = {item.version: item.digest for item in world.plans[-1].versions}
    assert pinned["1.0.1"] == "sha256:" + "a" * 64


def test_one_failed_question_to_prometheus_is_no_blindness() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    for _ in range(10):
        world.away = "timeout"
        world.step(1)
        world.away = None
        world.run(4, tick=4)
    assert world.said(Reason.BLIND) == []


def test_custom_metric_without_a_record_of_stable_waits_for_a_person() -> None:
    clicks = {"name": "clicks", "successes": "c{v='{{ version }}'}", "trials": "t{v='{{ version }}'}"}
    world = World.of(BLUE_GREEN).installed()
    world.configure(analysis={"metrics": [{"name": "errors"}, clicks]})
    world.smoke = smoked()
    world.apply(version="2.0.2").run(15, tick=1)
    for _ in range(40):
        world.requests(500, {"2.0.2": 0.95}, metric="clicks").run(5)
    assert world.live == {"2.0.2": 100}, "a share of 95 % without clicks may be what stable has"
    assert world.status.phase.value == "Baking"
    lost = "stable has no record of clicks to compare with"
    assert f"{lost}: modelrollout skip fraud -n prod goes on" in world.status.message
    world.command = "promote 2.0.2 t1"
    world.run(5)
    assert world.live == {"2.0.2": 100}
    assert world.status.phase.value == "Baking", "a bake is not for promote to end"
    world.command = "skip 2.0.2 t2"
    world.requests(500, {"2.0.2": 0.95}, metric="clicks").run(5)
    assert world.status.phase is Phase.HEALTHY
    assert "skipped: stable has no record of clicks to compare with" in world.said(Reason.APPROVED)[-1]


def test_clock_of_prometheus_need_not_be_the_operators() -> None:
    world = World.of(CANARY).installed()
    world.prometheus_behind = 30.0
    world.apply(version="1.1.2").run(20)
    assert [item.verdict for item in world.analysis] == ["Undecided"]
    world.run(12, bad={"1.1.2": 0.3})
    assert world.live == {"1.0.1": 100}


def test_bad_answers_that_fall_alone_are_no_reset() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(30)
    stable, candidate = world.counts["errors"]["1.0.1"], world.counts["errors"]["1.1.2"]
    world.counts["errors"] = {"1.0.1": Count(40, stable.trials + 40), "1.1.2": Count(0, candidate.trials + 4)}
    world.step(5)
    seen = world.analysis[0].stable.requests
    world.counts["errors"] = {"1.0.1": Count(35, stable.trials + 60), "1.1.2": Count(0, candidate.trials + 6)}
    world.step(5)
    assert world.analysis[0].stable.requests == seen
    world.run(5)
    assert world.analysis[0].stable.requests > seen


def test_lost_status_in_the_middle_of_a_release_keeps_stable() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(60)
    assert world.live == {"1.0.1": 50, "1.1.2": 50}
    world.status = type(world.status)()
    world.step(1)
    assert world.status.stable is not None
    assert world.status.stable.version == "1.0.1"
    assert set(world.workloads) == {"1.0.1", "1.1.2"}, "nothing is removed before it has drained"
    world.run(200)
    assert world.status.stable.version == "1.1.2"


def test_candidate_with_live_traffic_drains_though_the_status_never_knew_of_it() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2")
    while world.weight == 0:
        before = world.status
        world.step(1)
    world.status = before
    world.apply(version="1.2.3").step(0.1)
    assert world.live == {"1.0.1": 100}
    assert "1.1.2" in world.workloads, "it drains first"


def test_status_of_a_newer_operator_is_read_as_far_as_it_goes() -> None:
    status = parse_status({"phase": "Shadowing", "stable": {"version": "1.0.1", "uri": "pvc://m/1"}, "step": "1/2"})
    assert status.stable is not None
    assert status.step == "1/2"


def test_stable_that_serves_two_models_is_degraded() -> None:
    world = World.of(CANARY).installed()
    running = world.workloads["1.0.1"]
    world.workloads["1.0.1"] = replace(running, digests=(*running.digests, "sha256:" + "e" * 64))
    world.step(1)
    assert world.status.phase is Phase.DEGRADED
    assert "serves another model than the version was released with" in world.status.message


REFUSED = Refusal(Reason.OBJECT_REFUSED, "spec.serving: the API server refuses the Deployment that comes of it: no")


def test_the_way_back_to_stable_needs_no_acceptance() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(15)
    assert world.weight == 10
    world.refusal = REFUSED
    world.apply(version="1.0.1").step(0.5)
    assert world.live == {"1.0.1": 100}
    assert world.said(Reason.RETURNED_TO_STABLE)
    world.run(60)
    assert world.live == {"1.0.1": 100}
    assert world.status.trial is None, "the accepted spec names it still"


def test_a_candidate_that_nobody_wants_any_more_does_not_rise() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(15)
    world.refusal = REFUSED
    world.apply(version="1.2.3").run(200)
    assert world.live == {"1.0.1": 90, "1.1.2": 10}
    assert "the spec names 1.2.3 now, and cannot be accepted" in world.status.message
    world.run(40, bad={"1.1.2": 0.5})
    assert world.live == {"1.0.1": 100}, "it is judged meanwhile"
    world.refusal = None
    world.run(30)
    assert world.status.trial is not None
    assert world.arm.version == "1.2.3"


def test_while_nothing_is_seen_nothing_new_is_said() -> None:
    world = World.of(CANARY).installed()
    world.away = "connection refused"
    world.apply(version="1.1.2").run(10, tick=1)
    before = world.status
    assert [item.verdict for item in world.analysis] == ["Blind"]
    world.run(30, tick=1)
    assert world.status == before
