"""While a trial runs, that nobody answers requests is said at once, whatever the trial waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from tests.core import phases
from tests.core.world import World
from tests.strategies.test_split import serving

OLD = "1.0.1"
PHASES: dict[str, tuple[Callable[[], World], int]] = {
    "while the version is loaded": (phases.loading, 100),
    **{name: (phase, 100 - share) for name, (phase, share) in phases.WITH_A_PART.items()},
    "in a split": (serving, 60),
}


@pytest.mark.parametrize(("phase", "share"), PHASES.values(), ids=PHASES.keys())
def test_it_is_said_once_and_is_over_when_it_is_over(phase: Callable[[], World], share: int) -> None:
    world = phase()
    route = world.live
    lost = replace(world.workloads[OLD], ready=0, waiting="CrashLoopBackOff")
    before, world.workloads[OLD], world.autoload = world.workloads[OLD], lost, False
    for _ in range(4):
        world.step(1)
    said = f"no pod of {OLD} is ready, which has {share} % of the requests: CrashLoopBackOff"
    assert world.status.message.startswith(said)
    assert world.status.phase is Phase.DEGRADED
    assert next(item.status for item in world.status.conditions if item.type == "Ready") == "False"
    assert world.said(Reason.STABLE_LOST) == [said]
    assert world.live == route
    world.workloads[OLD] = before
    world.step(1)
    assert world.status.phase is not Phase.DEGRADED
    assert not world.status.message.startswith("no pod of")


def test_where_the_new_version_has_all_requests_and_nobody_is_ready() -> None:
    """A node is started again while the switch bakes: there is nowhere to go back to."""
    world = phases.fully_in_the_bake(control=0)
    before, world.autoload = dict(world.workloads), False
    for version in (OLD, phases.NEW):
        world.workloads[version] = replace(world.workloads[version], ready=0, waiting="CrashLoopBackOff")
    for _ in range(4):
        world.step(1)
    said = f"no pod of {phases.NEW} is ready, which has 100 % of the requests: CrashLoopBackOff"
    assert (world.status.phase, world.live) == (Phase.DEGRADED, {phases.NEW: 100})
    assert world.status.message.startswith(f"{said}; {phases.NEW} at 100 %: ")
    assert world.status.message.count("CrashLoopBackOff") == 1
    assert world.said(Reason.STABLE_LOST) == [said]
    world.workloads = before
    world.step(1)
    assert world.status.phase is Phase.BAKING


def test_of_a_control_without_requests_nothing_is_said() -> None:
    world = phases.fully_in_the_bake(control=0)
    world.workloads[OLD] = replace(world.workloads[OLD], ready=0)
    world.autoload = False
    world.step(1)
    assert world.status.phase is Phase.BAKING
