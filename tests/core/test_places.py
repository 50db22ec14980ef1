"""Another place for the same version: used while it is loaded, moved to by the digest, refused otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelrollout.api.status import Phase, VersionStatus
from modelrollout.core.plan import DesiredVersion, Reason
from tests.core import phases
from tests.core.world import CANARY, World

OTHER = "pvc://models/fraud/other"
DIGEST, TYPO = "sha256:" + "a" * 64, "sha256:" + "b" * 64

CAME_UP: dict[str, Callable[[], World]] = {
    "that serves": lambda: World.of(CANARY).installed(),
    **{name: phase for name, (phase, _) in phases.WITH_A_PART.items()},
}


def deployed(world: World) -> VersionStatus:
    """The version that the spec names."""
    found = world.status.arms[0] if world.status.arms else world.status.stable
    assert found is not None
    return found


def wanted(world: World) -> DesiredVersion:
    name = deployed(world).version
    return next(item for item in world.plans[-1].versions if item.version == name)


@pytest.mark.parametrize("phase", CAME_UP.values(), ids=CAME_UP)
def test_without_the_digest_it_is_refused_with_the_way_out(phase: Callable[[], World]) -> None:
    world = phase()
    before, route = deployed(world), world.live
    world.apply(uri=OTHER).step(1)
    accepted = {item.type: item for item in world.status.conditions}["Accepted"]
    assert (accepted.status, accepted.reason) == ("False", Reason.URI_CHANGED)
    assert accepted.message == (
        f"spec.model.uri: version {before.version} was made from {before.uri}, not {OTHER}: declare digest {DIGEST} if "
        "it is the same model, and its pods move, or give the new model a new version"
    )
    assert (deployed(world).uri, world.live) == (before.uri, route)


@pytest.mark.parametrize("phase", CAME_UP.values(), ids=CAME_UP)
def test_with_the_digest_its_pods_move_and_the_new_place_is_held_to_it(phase: Callable[[], World]) -> None:
    world = phase()
    route = world.live
    world.apply(uri=OTHER, digest=DIGEST).step(1)
    assert (wanted(world).uri, wanted(world).digest, wanted(world).settled) == (OTHER, DIGEST, True)
    assert (deployed(world).uri, world.live) == (OTHER, route)
    assert len(world.said(Reason.MODEL_MOVED)) == 1
    world.step(1)
    assert len(world.said(Reason.MODEL_MOVED)) == 1


def test_while_it_is_loaded_the_new_place_is_used() -> None:
    world = phases.loading()
    world.apply(uri=OTHER, digest=DIGEST).step(1)
    assert (wanted(world).uri, wanted(world).digest, wanted(world).settled) == (OTHER, DIGEST, False)
    world.apply(uri=OTHER, digest=TYPO).step(1)
    assert (wanted(world).digest, world.status.phase) == (TYPO, Phase.PENDING), "nothing of it is known yet"


def test_pods_that_are_being_replaced_are_told_and_for_too_long_they_are_a_fault() -> None:
    """The old ones answer on."""
    world = World.of(CANARY).installed()
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], outdated=True, waiting="no such folder on the volume")
    world.step(1)
    said = "1.0.1 serves all requests; its pods are being replaced: no such folder on the volume"
    assert (world.status.phase, world.status.message) == (Phase.PROGRESSING, said)
    world.run(130)
    assert (world.status.phase, world.status.message) == (Phase.DEGRADED, f"{said}; for longer than loadTimeout 2m")
    assert {item.type: item for item in world.status.conditions}["Ready"].reason == Reason.PODS_MISSING
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], outdated=False, waiting=None)
    world.step(1)
    assert world.status.phase is Phase.HEALTHY


def test_pods_that_do_not_come_up_beside_those_that_do_are_told_as_well() -> None:
    world = World.of(CANARY).installed()
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], desired=3, waiting="no node for it")
    world.step(1)
    said = "1.0.1 serves all requests; 1 of 3 pods are ready: no node for it"
    assert (world.status.phase, world.status.message) == (Phase.PROGRESSING, said)
    assert world.step(121).status.phase is Phase.DEGRADED
