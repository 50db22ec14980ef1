"""``validation.infrastructure.maxMemoryFraction``: with both numbers, and held where nobody knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from modelrollout.core.validate.probed import Memory, Probed
from tests.core.test_validation import NEW, required, told
from tests.core.world import CANARY, GOOD, World

MIB = 2.0**20
LIMITED: dict[str, Any] = {"infrastructure": {"maxMemoryFraction": 0.8}, "signature": "Ignore"}


def weighed(*used: float, **more: Any) -> Probed:
    """So many MiB of 1000 in each pod."""
    return replace(
        GOOD, memory=tuple(Memory(f"pod-{at}", size * MIB, 1000 * MIB) for at, size in enumerate(used)), **more
    )


def looked_at(probed: Probed) -> World:
    world = required(CANARY, **LIMITED)
    world.probed = probed
    return world.apply(version=NEW).run(15)


@pytest.mark.parametrize("used", [(800.0,), (10.0, 500.0, 20.0)])
def test_within_it(used: tuple[float, ...]) -> None:
    world = looked_at(weighed(*used))
    assert world.weight == 10
    most = max(used)
    words = f"{NEW}: memory: pod-{used.index(most)} has {most:.0f} MiB of 1000 MiB of memory in use ({most / 10:.3g} %)"
    assert told(world.status) == ("True", "Validated", words)


def test_above_it() -> None:
    world = looked_at(weighed(400.0, 801.0))
    failed = world.status.quarantined[0]
    words = "pod-1 has 801 MiB of 1000 MiB of memory in use (80.1 %), maxMemoryFraction is 0.8; no request reached it"
    assert (failed.version, failed.reason, failed.message) == (NEW, Reason.VALIDATION_FAILED, words)
    assert all(NEW not in plan.route.versions for plan in world.plans if plan.route is not None)


def test_what_nobody_measures_holds_and_is_no_failure() -> None:
    world = looked_at(weighed(unmeasured="Prometheus has no new sample"))
    assert world.status.phase is Phase.VALIDATING
    words = "it is not known how much memory its server needs: Prometheus has no new sample"
    assert words in told(world.status)[2]
    world.run(150)
    assert world.status.quarantined == ()
    assert [item.reason for item in world.status.taken_back] == [Reason.VALIDATION_TIMEOUT]


def test_the_first_version_is_held_to_it() -> None:
    world = World.of(CANARY).configure(validation=LIMITED)
    world.probed = weighed(900.0)
    world.run(20)
    assert world.status.stable is None
    assert [item.version for item in world.status.quarantined] == ["1.0.1"]
