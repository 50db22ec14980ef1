"""Callers that do not come through a gateway: said in every phase, once as an Event, and gone when it is mended."""

from __future__ import annotations

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World

WHY = 'spec.traffic.gateways[0] "public": there is no Gateway public in prod; make it, or correct the field'
SHUT = Refusal(Reason.REFERENCE_MISSING, WHY)


def condition(world: World, kind: str) -> tuple[str, str, str]:
    """Status, reason and message."""
    found = next(item for item in world.status.conditions if item.type == kind)
    return found.status, found.reason, found.message


def test_at_rest_it_is_degraded_and_says_why() -> None:
    world = World.of(CANARY).installed()
    world.unreachable = SHUT
    world.step(1)
    assert world.status.phase is Phase.DEGRADED
    assert world.status.message == f"1.0.1 serves, but callers do not reach it: {WHY}"
    assert condition(world, "Ready")[:2] == ("False", "GatewayNotReached")
    assert condition(world, "TrafficApplied")[:2] == ("False", "GatewayNotReached")
    assert condition(world, "ResolvedRefs") == ("False", "ReferenceMissing", WHY)
    for _ in range(3):
        world.step(60)
    assert len(world.said(Reason.GATEWAY)) == 1
    world.unreachable = None
    world.step(1)
    assert (world.status.phase, world.status.message) == (Phase.HEALTHY, "1.0.1 serves all requests")
    assert condition(world, "ResolvedRefs")[0] == "True"


def test_a_gateway_that_shuts_out_a_host_is_there_all_the_same() -> None:
    world = World.of(CANARY).installed()
    world.unreachable = Refusal(Reason.GATEWAY, "the Gateway does not let in fraud.example.com")
    world.step(1)
    assert condition(world, "TrafficApplied")[:2] == ("False", "GatewayNotReached")
    assert condition(world, "ResolvedRefs")[0] == "True"


@pytest.mark.parametrize("seconds", [1, 15, 40, 70])
def test_in_every_phase_of_a_release_it_is_said_beside_the_rest(seconds: int) -> None:
    world = World.of(CANARY + "rollback: {keepPrevious: 1h}").installed().apply(version="1.1.2").run(seconds, tick=1)
    phase, route = world.status.phase, world.live
    world.unreachable = SHUT
    world.step(0)
    assert WHY in world.status.message
    assert world.live == route, "it is nobody's fault, and changes no share"
    assert (world.status.phase is Phase.DEGRADED) is (phase is Phase.HEALTHY)
    assert len(world.said(Reason.GATEWAY)) == 1


def test_it_is_said_when_the_first_spec_is_accepted() -> None:
    """A model may take long to load, and a mistyped gateway need not wait for it."""
    world = World.of(CANARY)
    world.autoload = False
    world.unreachable = SHUT
    world.step(1)
    assert condition(world, "Accepted")[0] == "True"
    for _ in range(3):
        world.step(1)
    assert world.status.phase is Phase.PENDING
    assert world.status.message == f"1.0.1 is being fetched and loaded; callers would not reach fraud: {WHY}"
    assert world.said(Reason.GATEWAY) == [f"callers would not reach fraud: {WHY}"]


def test_what_is_only_validated_has_no_callers() -> None:
    world = World.of(CANARY + "validateOnly: {}")
    world.unreachable = SHUT
    for _ in range(3):
        world.step(1)
    assert WHY not in world.status.message
    assert not world.said(Reason.GATEWAY)
