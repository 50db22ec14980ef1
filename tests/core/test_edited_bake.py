"""An edit of the length of a bake moves its end, in a bake under way, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelrollout.api.status import Phase
from tests.core import phases
from tests.core.world import BLUE_GREEN, World

NEW = "1.1.2"


def green_baking(bake: str) -> World:
    """All requests go to green."""
    world = World.of(BLUE_GREEN).configure(strategy={"blueGreen": {"bake": bake}}).installed()
    return world.apply(version=NEW).run(20)


def canary_baking(bake: str) -> World:
    return phases.released(phases.TEN, bake=bake, seconds=80)


BAKES: dict[str, tuple[Callable[[str], World], Callable[[Any], dict[str, Any]]]] = {
    "canary": (canary_baking, lambda bake: {"canary": {"steps": [phases.TEN], "bake": bake}}),
    "blue/green": (green_baking, lambda bake: {"blueGreen": {"bake": bake}}),
}


@pytest.mark.parametrize(("baking", "strategy"), BAKES.values(), ids=BAKES.keys())
@pytest.mark.parametrize("bake", ["1m", {"for": "1m"}])
def test_shorter(baking: Callable[[str], World], strategy: Callable[[Any], dict[str, Any]], bake: Any) -> None:
    world = baking("10m")
    assert world.status.phase is Phase.BAKING
    world.configure(strategy=strategy(bake)).run(90)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


@pytest.mark.parametrize(("baking", "strategy"), BAKES.values(), ids=BAKES.keys())
def test_longer(baking: Callable[[str], World], strategy: Callable[[Any], dict[str, Any]]) -> None:
    world = baking("2m")
    assert world.status.phase is Phase.BAKING
    world.configure(strategy=strategy("10m")).run(300)
    assert world.status.phase is Phase.BAKING
    assert world.run(400).status.phase is Phase.HEALTHY


@pytest.mark.parametrize(("baking", "strategy"), BAKES.values(), ids=BAKES.keys())
def test_none_any_more_and_yet_nobody_is_promoted_while_failing(
    baking: Callable[[str], World], strategy: Callable[[Any], dict[str, Any]]
) -> None:
    world = baking("10m")
    world.requests(500, {NEW: 0.5})
    world.configure(strategy=strategy("0s")).run(120, bad={NEW: 0.5})
    assert world.status.stable is not None
    assert world.status.stable.version != NEW
