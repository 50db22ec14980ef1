"""A release from its first pass to its end, as a person would tell it. YAML in, the state of the world out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.adapters.samples import PERHAPS_THE_REQUEST
from modelrollout.api.status import Phase
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from tests.core.world import BLUE_GREEN, CANARY, World, smoked


def test_first_version_is_served_once_it_is_ready() -> None:
    world = World.of(CANARY)
    world.autoload = False
    first = world.step()
    assert (first.route, [item.version for item in first.versions]) == (None, ["1.0.1"])
    assert world.status.phase == Phase.PENDING.value
    world.step(5)
    assert world.live is None, "nothing is routed to a version that is not ready"
    world.autoload = True
    world.workloads.clear()
    world.installed()
    assert world.live == {"1.0.1": 100}
    assert world.status.phase is Phase.HEALTHY
    assert world.said(Reason.INSTALLED) == ["1.0.1 serves all requests"]


def test_good_version_is_promoted_step_by_step() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2")
    weights: list[dict[str, float]] = []
    for _ in range(40):
        world.run(5.0)
        if not weights or weights[-1] != world.live:
            weights.append(dict(world.live or {}))
    assert weights == [{"1.0.1": 100}, {"1.0.1": 90, "1.1.2": 10}, {"1.0.1": 50, "1.1.2": 50}, {"1.1.2": 100}]
    assert world.status.stable is not None
    assert world.status.stable.version == "1.1.2"
    assert world.status.phase is Phase.HEALTHY
    assert [entry.outcome for entry in world.status.history] == ["Installed", "Promoted"]
    assert list(world.workloads) == ["1.1.2"], "the old version is gone once it has drained"


def test_promotion_leaves_the_candidates_deployment_as_it_is() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(200)
    mentions = [item for plan in world.plans for item in plan.versions if item.version == "1.1.2"]
    assert len({replace(item, settled=True) for item in mentions}) == 1, "so no pod restarts"
    assert sorted(mentions, key=lambda item: item.settled) == mentions, "what has come up stays as it is"


def test_bad_version_is_rolled_back_quarantined_and_explained() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    assert world.weight == 10
    world.run(15, bad={"1.1.2": 0.2})
    assert world.live == {"1.0.1": 100}
    assert world.status.phase in (Phase.ROLLING_BACK, Phase.DEGRADED)
    [quarantined] = world.status.quarantined
    assert quarantined.version == "1.1.2"
    told = "in the last 10 s 20 of 100 answers failed (20 %), 0 of 900 by 1.0.1 (0 %)"
    assert quarantined.message == told
    assert world.said(Reason.EVIDENCE_AGAINST) == [f"1.1.2 was rolled back: {told}"]
    world.run(60)
    assert world.status.message == (
        f"1.1.2 was rolled back: {told}; 1.0.1 serves. "
        "It is quarantined: fix it as a new version, or say modelrollout retry fraud -n prod"
    )
    ready = {item.type: item for item in world.status.conditions}["Ready"]
    assert (ready.status, ready.reason) == ("False", "EvidenceAgainstCandidate")
    assert world.status.phase is Phase.DEGRADED
    assert world.weight == 0, "nothing happens until retry or a new version"


def test_retry_releases_a_quarantined_version_again() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20).run(20, bad={"1.1.2": 0.3})
    world.command = "retry 1.1.2 t1"
    world.run(900)
    assert world.status.stable is not None
    assert world.status.stable.version == "1.1.2"


def test_version_that_cannot_be_loaded_never_gets_traffic() -> None:
    world = World.of(CANARY).installed()
    world.autoload = False
    world.apply(version="1.1.2").step()
    world.step(1)
    words = "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available"
    world.workloads["1.1.2"] = replace(world.workloads["1.1.2"], failure=words)
    world.step(1)
    assert world.live == {"1.0.1": 100}
    assert all("1.1.2" not in plan.route.everybody.shares for plan in world.plans if plan.route)
    assert words in world.status.message


def test_third_version_waits_until_the_second_has_drained() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    assert world.weight == 10
    world.apply(version="1.2.3").step(1)
    assert world.live == {"1.0.1": 100}
    assert world.status.trial is None, "drained first"
    world.run(15)
    assert world.status.trial is not None
    assert world.arm.version == "1.2.3"
    assert "1.1.2" not in world.workloads
    world.apply(version="1.0.1").step(1)
    world.run(30)
    assert world.status.phase is Phase.HEALTHY
    assert world.live == {"1.0.1": 100}
    assert world.status.quarantined == ()


def test_blue_green_switches_once_after_smoke_and_goes_back_by_abort() -> None:
    world = World.of(BLUE_GREEN).installed().apply(version="2.0.2")
    world.smoke = smoked()
    world.run(10, tick=1)
    assert world.live == {"2.0.2": 100}
    assert world.status.phase is Phase.BAKING
    world.command = "abort 2.0.2 t1"
    world.step(1)
    assert world.live == {"1.0.1": 100}
    assert world.status.history[-1].outcome == "Aborted"


def test_blue_green_with_failing_smoke_requests_does_not_switch() -> None:
    world = World.of(BLUE_GREEN).installed().apply(version="2.0.2")
    world.smoke = smoked("status 500")
    world.run(20, tick=1)
    assert world.live == {"1.0.1": 100}
    assert world.status.quarantined[-1].message == (
        "through the mesh: 1 of 1 requests are not answered well: spec.strategy.blueGreen.smoke.requests[0]: "
        "status 500 (attempt 2 of 2); it gets no requests"
    )


def test_a_smoke_request_that_is_wrong_is_told_with_one_way_out() -> None:
    """The words of what failed are read in many places, and the command that retries it stands once in the sentence."""
    world = World.of(BLUE_GREEN).installed().apply(version="2.0.2")
    world.smoke = smoked(f"status 400: no such input ({PERHAPS_THE_REQUEST})")
    world.run(20, tick=1)
    assert "status 400: no such input (the request may be what is wrong" in world.status.message
    assert world.status.message.count("modelrollout retry fraud -n prod") == 1


def test_what_is_kept_of_a_version_has_its_commands_in_full() -> None:
    """A pipeline reads them by wait, from quarantine and history, which no pass writes anew."""
    world = World.of(BLUE_GREEN).installed().apply(version="2.0.2")
    world.smoke = smoked("status 500: modelrollout retry makes new ones")
    world.run(20, tick=1)
    for item in (world.status.quarantined[-1], world.status.history[-1]):
        assert "modelrollout retry fraud -n prod makes new ones" in item.message


def test_preview_header_reaches_green_before_the_switch_only() -> None:
    world = World.of(BLUE_GREEN).installed().apply(version="2.0.2")
    world.run(4, tick=1)
    previews = [split.shares for plan in world.plans if plan.route and (split := plan.route.split("preview"))]
    assert previews
    assert all(shares == {"2.0.2": 100} for shares in previews)
    world.smoke = smoked()
    world.run(8, tick=1)
    assert world.plans[-1].route is not None
    assert world.plans[-1].route.split("preview") is None


def test_prometheus_away_freezes_the_weights_and_the_release_goes_on_when_it_is_back() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    world.away = "connection refused"
    world.run(120)
    assert world.weight == 10
    assert [item.verdict for item in world.analysis] == ["Blind"]
    assert "connection refused" in world.status.message
    assert len(world.said(Reason.BLIND)) == 1
    world.away = None
    world.run(120)
    assert world.said(Reason.SIGHT_RESTORED)
    assert world.status.stable is not None
    assert world.status.stable.version == "1.1.2"


def test_no_traffic_neither_passes_nor_fails() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2")
    world.run(7200, rate=0, tick=10)
    assert world.weight == 10
    assert [item.verdict for item in world.analysis] == ["NoTraffic"]
    assert world.status.quarantined == ()


def test_pass_that_changes_nothing_comes_to_the_same_status() -> None:
    world = World.of(CANARY).installed()
    world.step(1)
    before = world.status
    world.step(37)
    assert world.status == before
    assert world.plans[-1].events == ()


def test_lost_status_is_rebuilt_from_what_serves() -> None:
    world = World.of(CANARY).installed()
    world.status = type(world.status)()
    world.apply(version="1.1.2").run(200)
    assert world.status.stable is not None
    assert world.status.stable.version == "1.1.2"
    weights = [plan.route.everybody.shares for plan in world.plans if plan.route]
    assert {"1.0.1": 90, "1.1.2": 10} in weights


def test_samples_in_which_nobody_sent_anything_are_not_written() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    world.run(60, rate=0)
    before = world.status
    world.run(300, rate=0)
    assert world.status == before


def test_spec_that_cannot_be_checked_stops_neither_safety_nor_a_person() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    world.refusal = Refusal(Reason.NOT_CHECKED, "the spec could not be checked, trying again: no answer in time")
    world.configure(serving={"replicas": 2}).step(1)
    accepted = {item.type: item for item in world.status.conditions}["Accepted"]
    assert (accepted.status, accepted.reason) == ("Unknown", "NotChecked")
    assert world.status.phase is Phase.PROGRESSING
    world.run(15, bad={"1.1.2": 0.3})
    assert world.live == {"1.0.1": 100}


def test_candidate_is_judged_by_the_metrics_of_the_accepted_spec() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2").run(20)
    other = {"name": "clicks", "successes": 'clicks{v="{{ version }}"}', "trials": 'shown{v="{{ version }}"}'}
    world.refusal = Refusal(Reason.HOST_TAKEN, "spec.traffic.hosts: somebody else's")
    world.configure(analysis={"metrics": [other]}).run(15, bad={"1.1.2": 0.3})
    assert world.live == {"1.0.1": 100}


def test_skip_before_the_first_step_goes_one_step_unseen_and_promote_does_not() -> None:
    world = World.of(CANARY).installed().apply(version="1.1.2")
    world.away = "connection refused"
    world.run(30)
    assert world.weight == 0, "not begun while nothing can be seen"
    world.command = "promote 1.1.2 t1"
    world.step(5)
    assert world.weight == 0
    assert "modelrollout skip fraud -n prod goes on all the same" in (world.status.command_ignored or "")
    world.command = "skip 1.1.2 t2"
    world.run(60)
    assert world.weight == 10


@pytest.mark.parametrize("text", [CANARY, BLUE_GREEN])
def test_a_pass_that_moves_the_route_is_followed_by_another_at_once(text: str) -> None:
    """Whatever it came to, the end of a release too: the watch may bring its own write while it is still under way."""
    world = World.of(text).installed()
    world.smoke = smoked()
    world.apply(version="1.1.2").run(200)
    assert world.status.phase is Phase.HEALTHY
    for before, plan in zip(world.plans, world.plans[1:], strict=False):
        if plan.route != before.route:
            assert plan.requeue_after <= 0.5
    assert world.plans[-1].requeue_after > 10
