"""Worlds in each phase of a release, for what must be true in every one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelrollout.api.status import Phase
from tests.core.world import BLUE_GREEN, CANARY, World

NEW = "1.1.2"
APPROVAL: dict[str, Any] = {"approval": {}}
TEN, FIFTY = {"setWeight": 10, "for": "30s"}, {"setWeight": 50, "for": "30s"}


def canary(*steps: dict[str, Any], **fields: Any) -> World:
    """A canary of these steps, its first version installed."""
    return World.of(CANARY).configure(strategy={"canary": {"steps": list(steps), **fields}}).installed()


def released(*steps: dict[str, Any], seconds: float = 60, **fields: Any) -> World:
    """The next version on its way."""
    return canary(*steps, **fields).apply(version=NEW).run(seconds)


def say(world: World, verb: str, after: float = 0.5) -> World:
    """One pass with a person's word."""
    world.command = f"{verb} {NEW} t{world.now}"
    world.step(after)
    return world


def loading() -> World:
    """Before its pods are ready."""
    world = canary(TEN, FIFTY)
    world.autoload = False
    world.apply(version=NEW).step(1)
    world.step(1)
    return world


def at_a_clock() -> World:
    """In a step with a time."""
    return released(TEN, FIFTY, seconds=20)


def awaiting() -> World:
    """A person is asked."""
    return released(TEN, APPROVAL, FIFTY)


def paused() -> World:
    """A person holds it in a step with a time."""
    return say(at_a_clock(), "pause")


def blind() -> World:
    """Its clock stands still: Prometheus is away."""
    world = at_a_clock()
    world.away = "connection refused"
    return world.run(30)


def baking() -> World:
    """Nearly all requests, for ten minutes."""
    world = released(TEN, bake="10m", seconds=80)
    assert world.status.phase is Phase.BAKING
    return world


def smoking() -> World:
    """The smoke requests have not come back."""
    return World.of(BLUE_GREEN).installed().apply(version=NEW).run(10, tick=1)


def fully_in_the_bake(**bake: Any) -> World:
    """A person has skipped all the steps; what follows is the bake."""
    world = released(TEN, FIFTY, seconds=20, bake={"for": "1m", **bake})
    say(world, "promote-full").run(20)
    assert world.status.phase is Phase.BAKING
    return world


WITH_A_PART: dict[str, tuple[Callable[[], World], int]] = {
    "at a step": (at_a_clock, 10),
    "while a person is asked": (awaiting, 10),
    "while a person holds it": (paused, 10),
    "while nothing can be seen": (blind, 10),
    "in the bake": (baking, 95),
}
"""Each phase in which both versions have requests, and the new version's share, percent."""
