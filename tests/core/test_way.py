"""Every word that a sentence names as the way on works, in every phase: who types it is not sent on to another one."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator

import pytest

from tests.core import phases
from tests.core.phases import NEW, TEN
from tests.core.test_properties import SPECS
from tests.core.world import BLUE_GREEN, World, smoked

ADVICE = re.compile(r"modelrollout (promote --full|promote|skip) fraud -n prod")
VERBS = {"promote --full": "promote-full"}
BY_LATENCY = {"metrics": [{"name": "errors"}, {"name": "latency", "over": "200ms"}], "minRequests": 50}


def green(seconds: float, rate: int, bake: str = "10s", **analysis: object) -> World:
    """All requests are green's, as many as that, and blue has no record."""
    world = World.of(BLUE_GREEN).configure(strategy={"blueGreen": {"bake": bake}}, analysis=BY_LATENCY | analysis)
    world.smoke = smoked()
    world.installed().apply(version=NEW)
    for _ in range(round(seconds / 5)):
        world.requests(rate, metric="latency").run(5, rate=rate)
    return world


def asked_by_nobody(world: World) -> World:
    return world.run(60, rate=0)


def broken(world: World) -> World:
    """Most requests go where the route does not send them."""
    for _ in range(20):
        world.requests(20)
        counts = world.counts["errors"]
        counts[NEW] = counts[NEW] + counts["1.0.1"]
        world.step(5)
    return world


def timed_out(world: World) -> World:
    world.configure(analysis={**world.spec["analysis"], "maxHold": "30s", "onTimeout": "Pause"})
    return world.run(120, rate=0)


GIVEN: dict[str, Callable[[], World]] = {
    "blue/green without a record, asked by nobody": lambda: green(60, 0),
    "blue/green without a record": lambda: green(60, 30),
    "a running bake of blue/green, asked by nobody": lambda: green(30, 0, bake="10m"),
    "a running bake of blue/green": lambda: green(60, 30, bake="10m"),
    "blue/green without a record for too long": lambda: green(200, 0, maxHold="30s", onTimeout="Pause"),
    "a step": phases.at_a_clock,
    "a step, asked by nobody": lambda: asked_by_nobody(phases.at_a_clock()),
    "a step, unseen": phases.blind,
    "a step, broken": lambda: broken(phases.at_a_clock()),
    "a step, for too long": lambda: timed_out(phases.released({"setWeight": 10}, seconds=10)),
    "an approval": phases.awaiting,
    "a bake": phases.baking,
    "a bake, asked by nobody": lambda: asked_by_nobody(phases.baking()),
    "a bake that is over, asked by nobody": lambda: phases.released(TEN, bake="10s", seconds=45).run(100, rate=0),
    "a bake, broken": lambda: broken(phases.released(TEN, bake={"for": "2m", "control": 20}, seconds=45)),
    "the last step without a bake, asked by nobody": lambda: asked_by_nobody(
        phases.released(TEN, bake="0s", seconds=20)
    ),
}


def advised(world: World) -> Iterator[str]:
    """Every word that is named."""
    said = f"{world.status.message} {world.status.command_ignored or ''}" if world.status.trial is not None else ""
    yield from dict.fromkeys(ADVICE.findall(said))


@pytest.mark.parametrize("verb", [None, "promote", "skip", "promote-full"])
@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_the_word_that_is_named_is_not_refused(given: Callable[[], World], verb: str | None) -> None:
    world = given()
    works(world if verb is None else say(world, verb))


def works(world: World) -> None:
    """Each of them is taken, of a copy of this world."""
    for word in advised(world):
        other = copy.deepcopy(world)
        for _ in range(6):
            other.step(0.5)  # who reads it is not quicker
        say(other, VERBS.get(word, word))
        told = f"{word}, after {world.status.message}: {world.status.command_ignored}"
        assert other.status.command_ignored is None, f"{other.status.command_ignored} ({told})"


def say(world: World, verb: str) -> World:
    """To all that are under trial."""
    world.command = f"{verb} {','.join(arm.version for arm in world.status.arms)} t{world.now}"
    world.step(0.5)
    return world


@pytest.mark.parametrize("rate", [0, 100], ids=["asked by nobody", "with requests"])
@pytest.mark.parametrize("kind", sorted(SPECS))
def test_so_it_is_by_every_strategy(kind: str, rate: int) -> None:
    world = World(spec=copy.deepcopy(SPECS[kind]))
    world.smoke = smoked()
    world.installed().apply(version=NEW)
    for _ in range(4):
        world.run(25, rate=rate)
        for verb in ("promote", "skip", "promote-full") if world.status.trial is not None else ():
            works(world)
            works(say(copy.deepcopy(world), verb))


def test_what_nobody_can_compare_is_told_with_the_word_that_works() -> None:
    world = green(60, 0)
    lost = "held: no request has reached it yet, and stable has no record of latency to compare with"
    assert world.status.message == f"{NEW} at 100 %: {lost}: modelrollout promote --full fraud -n prod goes on"
    phases.say(world, "promote")
    assert (world.status.command_ignored or "").endswith("modelrollout promote --full fraud -n prod ends it")


def test_a_bake_that_no_word_ends_is_told_with_its_end_alone() -> None:
    """Skip would be refused until it has been seen with requests."""
    world = green(30, 0, bake="10m")
    phases.say(world, "promote")
    assert world.status.command_ignored is not None
    assert world.status.command_ignored.startswith("promote: the bake ends by its clock at ")
    assert "modelrollout" not in world.status.command_ignored
