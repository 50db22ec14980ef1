"""Commands in sentences can be copied: they name the rollout and its namespace, wherever they are read."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.core.hint import with_name
from modelrollout.resource.rollout import ModelRollout
from tests.core.world import CANARY, World

HINTS = {
    "at the end": (
        "waits for approval: modelrollout promote",
        "waits for approval: modelrollout promote fraud -n prod",
    ),
    "in between": (
        "modelrollout skip ends it now",
        "modelrollout skip fraud -n prod ends it now",
    ),
    "with an option": ("modelrollout promote --full or abort", "modelrollout promote --full fraud -n prod or abort"),
    "two in one sentence": (
        "modelrollout resume goes on; modelrollout undo goes back",
        "modelrollout resume fraud -n prod goes on; modelrollout undo fraud -n prod goes back",
    ),
    "one that has it already": ("modelrollout retry fraud -n prod", "modelrollout retry fraud -n prod"),
    "the program's name alone": ("modelrollout is a word", "modelrollout is a word"),
}


@pytest.mark.parametrize(("text", "told"), HINTS.values(), ids=HINTS.keys())
def test_name_and_namespace(text: str, told: str) -> None:
    assert with_name(text, rollout()) == told
    assert with_name(told, rollout()) == told, "a sentence may come by twice"


def rollout() -> ModelRollout:
    body: dict[str, Any] = {"metadata": {"name": "fraud", "namespace": "prod", "uid": "1"}, "spec": {}}
    return ModelRollout.from_json(body)


def test_in_the_sentence_the_conditions_and_the_events() -> None:
    steps = [{"setWeight": 10, "for": "30s"}, {"approval": {}}]
    world = World.of(CANARY).configure(strategy={"canary": {"steps": steps}}).installed()
    world.apply(version="1.1.2").run(60)
    assert world.status.message.endswith("waits for approval: modelrollout promote fraud -n prod")
    conditions = [item.message for item in world.status.conditions if "modelrollout promote" in item.message]
    events = [event.message for plan in world.plans for event in plan.events if "modelrollout promote" in event.message]
    assert conditions
    assert events
    assert all("modelrollout promote fraud -n prod" in text for text in (*conditions, *events))
