"""What ``spec.serving`` says of pods holds for versions that come up after it: an edit is no release of the whole fleet
that nobody judges. It is said, once, with the way to have it now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelrollout.api.serving import Serving
from modelrollout.core.plan import Reason
from modelrollout.core.recipe import settings_of
from tests.core import phases
from tests.core.phases import NEW
from tests.core.world import CANARY, World

OLD = "1.0.1"
EDITED = {"image": "tensorflow/serving:9", "drain": "10s"}
SAID = (
    "stay as they were made: spec.serving holds for the next version; to have it now, release the same model as a new "
    "version (spec.model.uri may stay)"
)


def serving() -> World:
    return World.of(CANARY).installed()


def edited(world: World, **serving: object) -> World:
    """Every pod that there is was made by the settings of before."""
    before = settings_of(Serving.model_validate(world.spec.get("serving", {})))
    world.workloads = {name: replace(item, settings=before) for name, item in world.workloads.items()}
    world.configure(serving=serving).step(0.5)
    return world


def accepted(world: World) -> tuple[str, str]:
    found = {item.type: item for item in world.status.conditions}["Accepted"]
    return found.status, found.message


WHEN: dict[str, tuple[Callable[[], World], str]] = {
    "while a version serves": (serving, OLD),
    **{name: (phase, f"{OLD} and {NEW}") for name, (phase, _) in phases.WITH_A_PART.items()},
}


def test_settings_that_the_version_to_come_is_made_by_are_no_news() -> None:
    """Whoever changes the model and its settings by one apply has done what the sentence would ask for."""
    world = edited(phases.loading(), **EDITED)
    assert accepted(world) == ("True", "the spec is in order")
    assert world.said(Reason.NEXT_VERSION) == []


@pytest.mark.parametrize(("phase", "versions"), WHEN.values(), ids=WHEN)
def test_an_edit_that_reaches_no_pod_is_said_once(phase: Callable[[], World], versions: str) -> None:
    world = phase()
    route = world.live
    edited(world, **EDITED)
    for _ in range(3):
        world.step(0.5)
    assert accepted(world) == ("True", f"the spec is in order; but the pods of {versions} {SAID}")
    assert world.said(Reason.NEXT_VERSION) == [f"the pods of {versions} {SAID}"]
    assert world.live == route


APPLIES: dict[str, dict[str, object]] = {
    "replicas": {"replicas": 5},
    "autoscaling": {"autoscaling": {"min": 1, "max": 5}},
    "loadTimeout": {"loadTimeout": "5m"},
    "drain": {"drain": "1s"},
}


@pytest.mark.parametrize("edit", APPLIES.values(), ids=APPLIES)
def test_what_replaces_no_pod_holds_at_once_and_needs_no_word(edit: dict[str, object]) -> None:
    world = edited(serving(), **edit)
    assert accepted(world) == ("True", "the spec is in order")
    assert world.said(Reason.NEXT_VERSION) == []


def test_while_a_spec_is_refused_it_is_not_said_over_and_over() -> None:
    world = edited(serving(), **EDITED)
    world.configure(strategy={"canary": {"steps": []}})
    for _ in range(3):
        world.step(0.5)
    assert accepted(world)[0] == "False"
    assert len(world.said(Reason.NEXT_VERSION)) == 1


def test_the_way_out_is_a_release_that_is_judged() -> None:
    """The same model from the same place."""
    world = edited(serving(), **EDITED)
    world.apply(version=NEW).run(15)
    assert world.live == {OLD: 90, NEW: 10}
    world.workloads[NEW] = replace(world.workloads[NEW], settings=settings_of(Serving.model_validate(EDITED)))
    world.run(120)
    assert world.live == {NEW: 100}
    assert accepted(world) == ("True", "the spec is in order")
