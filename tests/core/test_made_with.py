"""The settings that a version was made with are known for as long as the spec says others, wherever the version is:
what is made in the place of a Deployment that somebody deleted is no release of the new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.serving import Serving
from modelrollout.core.plan import DesiredVersion
from modelrollout.core.recipe import settings_of
from tests.core import phases
from tests.core.phases import NEW
from tests.core.world import CANARY, World

OLD = "1.0.1"
OURS = {"drain": "10s", "loadTimeout": "2m"}  # those of CANARY
EDITED = {**OURS, "image": "tensorflow/serving:9"}
AGAIN = {**OURS, "image": "tensorflow/serving:10"}


def hash_of(serving: dict[str, Any]) -> str:
    return settings_of(Serving.model_validate(serving))


def wanted(world: World, version: str) -> str | None:
    """The hash of the settings that it shall have, where they are not the spec's."""
    found: DesiredVersion = next(item for item in world.plans[-1].versions if item.version == version)
    return settings_of(found.serving) if found.serving is not None else None


def edited(world: World, *edits: dict[str, Any]) -> World:
    for serving in edits:
        world.configure(serving=serving).step(0.5)
    return world


def installed() -> World:
    return World.of(CANARY).installed()


WHEN: dict[str, tuple[Callable[[], World], tuple[str, ...]]] = {
    "while it serves": (installed, (OLD,)),
    "while another one is loaded": (phases.loading, (OLD,)),
    **{name: (phase, (OLD, NEW)) for name, (phase, _) in phases.WITH_A_PART.items()},
}


@pytest.mark.parametrize(("phase", "versions"), WHEN.values(), ids=WHEN)
def test_an_edit_is_not_for_what_has_come_up(phase: Callable[[], World], versions: tuple[str, ...]) -> None:
    world = phase()
    before = hash_of(world.spec.get("serving", {}))
    edited(world, EDITED)
    assert {version: wanted(world, version) for version in versions} == dict.fromkeys(versions, before)
    edited(world, AGAIN)
    assert {version: wanted(world, version) for version in versions} == dict.fromkeys(versions, before)


def test_what_has_not_come_up_is_made_as_the_spec_has_it() -> None:
    world = edited(phases.loading(), EDITED)
    assert wanted(world, NEW) is None


def test_nothing_is_kept_while_it_is_what_the_spec_says() -> None:
    """A large template twice in each of thousands of statuses would be for nothing."""
    world = installed()
    assert world.status.stable is not None
    assert world.status.stable.serving is None
    edited(world, EDITED, OURS)
    assert world.status.stable.serving is None


def test_it_goes_with_a_version_that_is_kept_and_back() -> None:
    world = World.of(CANARY).configure(rollback={"keepPrevious": "1h"}).installed()
    world.configure(serving=EDITED).apply(version=NEW).run(120)
    assert world.status.previous is not None
    assert world.status.previous.version == OLD
    edited(world, AGAIN)
    assert wanted(world, NEW) == hash_of(EDITED)
    world.command = f"undo {NEW} t1"
    world.step(0.5)
    assert world.status.stable is not None
    assert world.status.stable.version == OLD
    world.step(0.5)
    assert wanted(world, OLD) == hash_of(OURS)


SAY: dict[str, tuple[dict[str, Any], str | None]] = {
    "as the spec was until now": (OURS, hash_of(OURS)),
    "as it is now: they were ready in the pass of the edit": (EDITED, None),
    "what nobody wrote down": (AGAIN, None),
}


@pytest.mark.parametrize(("serving", "expected"), SAY.values(), ids=SAY)
def test_the_pods_own_word_counts(serving: dict[str, Any], expected: str | None) -> None:
    world = installed()
    world.workloads[OLD] = replace(world.workloads[OLD], settings=hash_of(serving))
    edited(world, EDITED)
    assert wanted(world, OLD) == expected


def test_what_somebody_else_wrote_there_is_nothing() -> None:
    world = edited(installed(), EDITED)
    assert world.status.stable is not None
    spoilt = world.status.stable.model_copy(update={"serving": {"image": 7}})
    world.status = world.status.model_copy(update={"stable": spoilt})
    world.step(0.5)
    assert wanted(world, OLD) is None
