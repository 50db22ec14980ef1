"""Worlds in which the next version is compared in the shadow before its first request."""

from __future__ import annotations

import copy
from typing import Any

import yaml

from tests.core.copies import Answers
from tests.core.world import CANARY, World, smoked

NEW = "1.1.2"
SHADOW: dict[str, Any] = {"duration": "1m", "minCompared": 100}


def shadowing(text: str | dict[str, Any] = CANARY, **shadow: Any) -> World:
    """The first version serves; what is next is compared for a minute, and 100 times."""
    spec = yaml.safe_load(text) if isinstance(text, str) else copy.deepcopy(text)
    world = World(spec=spec).installed()
    world.smoke = smoked()
    return world.configure(validation={"shadow": SHADOW | shadow})


def released(text: str | dict[str, Any] = CANARY, answers: Answers | None = None, **shadow: Any) -> World:
    """The next version is loaded, and its comparer is there."""
    world = shadowing(text, **shadow)
    if answers is not None:
        world.copies.answers[NEW] = answers
    return world.apply(version=NEW).run(15)


def never_asked(world: World, version: str = NEW) -> bool:
    """Whether no plan ever gave it a request, a preview's included."""
    return all(version not in plan.route.versions for plan in world.plans if plan.route is not None)


def copied(world: World) -> list[bool | None]:
    """Of each plan whether copies go to a comparer; None where there is none."""
    return [plan.comparer.mirrors if plan.comparer is not None else None for plan in world.plans]


def inside(world: World) -> tuple[str, ...]:
    """Whose answers are compared now."""
    wanted = world.plans[-1].comparer
    return wanted.arms if wanted is not None else ()
