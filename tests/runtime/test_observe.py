"""What a pass sees when one of its senses is at fault: all the rest, and words about that one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.rollout import Spec
from modelrollout.core.observation import Observation, Refusal, SmokeResult, Unavailable
from modelrollout.core.plan import Questions, Reason
from modelrollout.runtime.observe import Senses, observe
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage
from tests.runtime.test_order import OLD, play, seen

pytestmark = pytest.mark.apiserver

BLUE_GREEN = {"blueGreen": {"smoke": {"configMap": "bodies"}}}


class Broken:
    """Raises whatever it is asked for, as a fault of our own would."""

    def scrape_interval(self, _: object) -> None:
        """Nothing was measured."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError("value")


BROKEN: dict[str, Callable[[Senses], Senses]] = {
    "samples": lambda senses: replace(senses, samples=Broken()),  # type: ignore[arg-type]
    "acceptance": lambda senses: replace(senses, inquiries=Broken()),  # type: ignore[arg-type]
    "the ConfigMap": lambda senses: replace(senses, cluster=Broken()),  # type: ignore[arg-type]
}

SEEN: dict[str, Callable[[Observation], object]] = {
    "samples": lambda found: found.samples["errors"] == Unavailable("errors", "'value'") and found.baseline is None,
    "acceptance": lambda found: (
        found.refusal == Refusal(Reason.NOT_CHECKED, "the spec could not be checked, trying again: 'value'")
    ),
    "the ConfigMap": lambda found: found.smoke == SmokeResult(0, obstacle="'value'"),
}


@pytest.mark.parametrize("sense", BROKEN)
def test_a_fault_in_one_sense_does_not_end_the_pass(kubernetes: Kubernetes, sense: str) -> None:
    found = look(kubernetes, BROKEN[sense])
    assert SEEN[sense](found), found
    assert set(found.workloads) == {OLD}


def look(kubernetes: Kubernetes, change: Callable[[Senses], Senses]) -> Observation:
    """Everything is asked for of a rollout whose first version is being deployed."""
    taken: list[Observation] = []

    async def story(stage: Stage) -> None:
        await stage.submit(OLD, strategy=BLUE_GREEN)
        await stage.passes()
        rollout, snapshot = await seen(stage)
        spec = rollout.spec
        assert isinstance(spec, Spec)
        asked = Questions(spec, candidate=OLD, stable=OLD, samples=True, smoke=OLD, acceptance=spec, baseline=True)
        taken.append(await observe(rollout, snapshot, asked, change(stage.reconciler.senses)))

    told: Callable[[Stage], Awaitable[None]] = story
    play(kubernetes, told)
    return taken[0]


def test_a_config_map_that_is_missing_is_no_fault_of_the_version(kubernetes: Kubernetes) -> None:
    found = look(kubernetes, lambda senses: senses)
    words = "ConfigMap bodies is missing or empty; each key holds one request"
    assert found.smoke == SmokeResult(0, obstacle=words)
