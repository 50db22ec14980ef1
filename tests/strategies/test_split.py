"""Split: fixed shares of two to eight versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelrollout.api.route import MATCHED
from modelrollout.api.status import Phase
from modelrollout.core.observation import LiveRoute
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import SpecError, parse_spec
from tests.core.world import CANARY, World


def split(weight: int, **versions: int) -> dict[str, Any]:
    """A split: spec.model's weight, and further versions, ``v1_1_2=30``."""
    others = [
        {"version": name[1:].replace("_", "."), "uri": f"pvc://models/fraud/{name}", "weight": share}
        for name, share in versions.items()
    ]
    return {"split": {"weight": weight, "versions": others}}


SPECS = {
    "two": split(60, v1_0_1=40),
    "three": split(60, v1_0_1=30, v1_2_3=10),
    "five": split(20, v1_0_1=20, v1_2_3=20, v2_0_4=20, v2_1_5=20),
}
"""For the properties of the core."""

THREE = split(60, v1_1_2=30, v1_2_3=10)
SHARES = {"1.0.1": 60, "1.1.2": 30, "1.2.3": 10}


def serving(strategy: dict[str, Any] = THREE) -> World:
    """All versions have their shares."""
    world = World(spec=yaml.safe_load(CANARY) | {"strategy": strategy}).installed()
    for _ in range(12):
        world.step(2)
    return world


def loading() -> World:
    """The first version serves, and the others are being loaded."""
    world = World(spec=yaml.safe_load(CANARY) | {"strategy": THREE})
    while world.status.stable is None:
        world.step(2)
    world.autoload = False
    world.step(2)
    return world


def test_the_first_version_serves_then_the_others_get_their_shares() -> None:
    world = serving()
    assert world.live == SHARES
    assert world.status.phase is Phase.HEALTHY
    assert world.status.message == "shares as written: 1.0.1 60 %, 1.1.2 30 %, 1.2.3 10 %"
    assert (world.status.candidates, world.status.weights) == ("1.1.2, 1.2.3", "30, 10")
    assert {"1.0.1": 100} in [plan.route.everybody.shares for plan in world.plans if plan.route is not None]


def test_nobody_is_judged() -> None:
    world = serving().run(60, bad={"1.1.2": 0.9})
    assert world.live == SHARES
    assert all(not arm.metrics for arm in world.status.arms)


@pytest.mark.parametrize("how", ["no pod is ready", "the server ends with an error"])
def test_a_version_that_is_lost_gives_its_share_to_the_control(how: str) -> None:
    world = serving()
    failure, became = (None, "taken back") if how == "no pod is ready" else ("out of memory", "rolled back")
    world.workloads["1.1.2"] = replace(world.workloads["1.1.2"], ready=0, failure=failure)
    world.step(0.5)
    assert world.live == {"1.0.1": 90, "1.2.3": 10}
    reason = Reason.CANDIDATE_LOST
    assert world.said(reason)[0].startswith(f"1.1.2 was {became}: ")
    world.step(0.5)
    assert world.status.phase is Phase.DEGRADED
    assert world.status.message.startswith(f"1.1.2 was {became}: ")
    assert {item.type: item for item in world.status.conditions}["Ready"].reason == reason


def test_a_version_that_cannot_be_loaded_keeps_no_other_from_its_share() -> None:
    world = loading()
    world.workloads["1.1.2"] = replace(world.workloads["1.1.2"], failure="variables.index: No such file")
    world.workloads["1.2.3"] = replace(world.workloads["1.2.3"], ready=1)
    world.run(20)
    assert world.live == {"1.0.1": 90, "1.2.3": 10}


def test_one_that_loads_for_long_keeps_no_other_waiting() -> None:
    world = loading()
    world.workloads["1.2.3"] = replace(world.workloads["1.2.3"], ready=1)
    world.run(20)
    assert world.live == {"1.0.1": 90, "1.2.3": 10}
    assert "1.1.2 is being fetched and loaded" in world.status.message


def test_other_shares_apply_at_once() -> None:
    world = serving().configure(strategy=split(10, v1_1_2=45, v1_2_3=45))
    world.step(1)
    assert world.live == {"1.0.1": 10, "1.1.2": 45, "1.2.3": 45}


def test_a_version_that_is_not_named_any_more_drains_and_a_new_one_follows() -> None:
    world = serving().configure(strategy=split(60, v1_1_2=30, v2_0_4=10))
    world.step(1)
    assert world.live == {"1.0.1": 70, "1.1.2": 30}
    world.run(40)
    assert world.live == {"1.0.1": 60, "1.1.2": 30, "2.0.4": 10}
    assert "1.2.3" not in world.workloads
    assert not world.status.quarantined


def test_another_control_takes_over_when_the_old_one_is_not_named() -> None:
    world = serving().apply(version="2.0.4", uri="pvc://models/fraud/4").run(60)
    assert world.live == {"2.0.4": 60, "1.1.2": 30, "1.2.3": 10}
    assert world.status.stable is not None
    assert world.status.stable.version == "2.0.4"
    assert world.status.phase is Phase.HEALTHY
    assert world.said(Reason.PROMOTED) == ["2.0.4 takes the place of 1.0.1, which drains"]


def test_a_version_leaves_by_abort_and_the_others_stay() -> None:
    world = serving()
    world.command = "abort 1.2.3 t1"
    world.step(0.5)
    assert world.live == {"1.0.1": 70, "1.1.2": 30}


def test_a_lost_status_keeps_the_shares() -> None:
    world = serving()
    world.status = type(world.status)()
    world.run(10)
    assert world.live == SHARES
    assert world.status.stable is not None
    assert world.status.stable.version == "1.0.1"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "sum": (split(60, v1_1_2=30), "spec.strategy.split: weight and the weights of versions must sum to 100; given: 90"),
    "twice": (
        {"split": {"weight": 40, "versions": [{"version": "1.1.2", "uri": "pvc://m/2", "weight": 30}] * 2}},
        "spec.strategy.split: each version is given once",
    ),
    "alone": ({"split": {"weight": 100, "versions": []}}, "spec.strategy.split.weight: must be at most 99"),
}


@pytest.mark.parametrize(("strategy", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(strategy: dict[str, Any], sentence: str) -> None:
    found = parse_spec(yaml.safe_load(CANARY) | {"strategy": strategy})
    assert isinstance(found, SpecError)
    assert sentence in found.message


@pytest.mark.parametrize("end", ["fails", "is aborted"])
def test_the_others_go_on_when_the_version_of_the_model_itself_leaves(end: str) -> None:
    """They stood still for good: "the spec names 2.0.4 now, and cannot be accepted", which it was."""
    world = World(spec=yaml.safe_load(CANARY)).installed()
    world.configure(strategy=split(60, v1_0_1=30, v1_2_3=10)).apply(version="2.0.4", uri="pvc://models/fraud/v2_0_4")
    for _ in range(20):
        world.step(2)
    if end == "fails":
        world.workloads["2.0.4"] = replace(world.workloads["2.0.4"], ready=0, failure="OOMKilled")
    else:
        world.command = "abort 2.0.4 t1"
    world.step(1)
    assert world.live == {"1.0.1": 90, "1.2.3": 10}
    world.configure(strategy=split(20, v1_0_1=30, v1_2_3=50))
    for _ in range(20):
        world.step(2)
    assert world.live == {"1.0.1": 50, "1.2.3": 50}


def test_what_a_version_that_has_left_had_is_said() -> None:
    world = serving()
    world.command = "abort 1.2.3 t1"
    world.run(10)
    assert (
        "shares: 1.0.1 70 %, 1.1.2 30 %; not deployed: 1.2.3 (10 %), whose share goes to 1.0.1" in world.status.message
    )


@pytest.mark.parametrize("verb", ["promote", "skip", "promote-full"])
def test_there_is_nothing_to_go_on_from(verb: str) -> None:
    world = serving()
    world.command = f"{verb} 1.1.2 t1"
    before = world.trial
    world.run(5)
    assert world.live == SHARES
    assert "strategy split has no steps" in (world.status.command_ignored or "")
    assert world.said(Reason.APPROVED) == []
    assert world.trial == before


def test_a_pause_says_whom_it_holds() -> None:
    world = serving()
    world.command = "pause 1.1.2 t1 lunch"
    world.configure(strategy=split(10, v1_1_2=45, v1_2_3=45)).step(1)
    assert world.live == {"1.0.1": 25, "1.1.2": 30, "1.2.3": 45}
    assert world.said(Reason.PAUSED) == [
        "1.1.2: paused by a person: lunch; weights are held, safety still watches; modelrollout resume fraud -n prod "
        "goes on"
    ]
    assert "1.1.2: paused by a person: lunch" in world.status.message
    world.command = "pause 1.2.3 t2 sale"
    world.step(1)
    assert world.status.message == (
        "1.1.2: paused by a person: lunch; 1.2.3: paused by a person: sale; modelrollout resume fraud -n prod goes on"
    )


def test_another_strategy_waits_for_no_end() -> None:
    world = serving().configure(strategy={"canary": {"steps": [{"setWeight": 10}]}})
    world.apply(version="1.1.2", uri="pvc://models/fraud/v1_1_2")
    world.step(1)
    assert "cannot change from split to canary while 1.1.2 has a share; abort it first" in world.status.message


def test_among_the_matched_requests_nobody_takes_the_place_of_the_control() -> None:
    """All others would go from nothing to a version that nobody judged, in one pass."""
    match = {"hosts": ["fraud.example.com"], "match": [{"headers": {"x-tenant": {"exact": "internal"}}}]}
    world = World(spec=yaml.safe_load(CANARY) | {"strategy": THREE, "traffic": match}).installed()
    world.run(30, tick=2).apply(version="2.0.4", uri="pvc://models/fraud/4").run(60)
    assert world.route is not None
    matched = world.route.split(MATCHED)
    assert matched is not None
    assert matched.shares == {"2.0.4": 60, "1.1.2": 30, "1.2.3": 10}
    assert world.live == {"1.0.1": 100}
    assert world.status.stable is not None
    assert world.status.stable.version == "1.0.1"
    assert world.status.phase is Phase.HEALTHY
    world.configure(traffic={"hosts": ["fraud.example.com"]}).run(30)
    assert world.live == {"2.0.4": 60, "1.1.2": 30, "1.2.3": 10}, "now the shares are for everybody, as written"
    assert world.status.stable.version == "2.0.4"


def test_while_the_route_is_refused_it_is_not_healthy() -> None:
    world = serving()
    assert world.route is not None
    live = LiveRoute(world.route, world.route.versions, recovery=world.recovery, refused="a webhook says no")
    world.configure(strategy=split(10, v1_1_2=45, v1_2_3=45)).live_route_override = live
    world.run(10)
    assert world.status.phase is not Phase.HEALTHY
    assert "the VirtualService is refused: a webhook says no" in world.status.message


def test_who_was_taken_back_and_is_still_routed_is_not_said_to_be_gone() -> None:
    world = serving()
    assert world.route is not None
    live = LiveRoute(world.route, world.route.versions, recovery=world.recovery, refused="a webhook says no")
    world.live_route_override, world.command = live, "abort 1.2.3 t1"
    world.run(30)
    assert world.status.phase is Phase.DEGRADED
    assert "1.2.3 was taken back: aborted by a person" in world.status.message
    assert "but the requests go another way: the VirtualService is refused" in world.status.message
