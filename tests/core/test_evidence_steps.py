"""Steps without a time end by proof: on services without errors, too, and where no metric is required."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from modelrollout.api.status import Phase
from tests.core.world import CANARY, World

NEW = "1.1.2"
PLAIN: dict[str, Any] = yaml.safe_load(CANARY)
OPTIONAL: list[dict[str, Any]] = [{"name": "errors", "required": False}]


def released(canary: dict[str, Any], **analysis: Any) -> World:
    """A release by this canary begins."""
    spec = copy.deepcopy(PLAIN) | {"strategy": {"canary": canary}}
    spec["analysis"] |= analysis
    return World(spec=spec).installed().apply(version=NEW)


def weights(world: World) -> list[float]:
    """The candidate's, in order."""
    return list(dict.fromkeys(arm.weight for plan in world.plans for arm in plan.status.arms))


def test_without_any_error_all_the_weights_follow_from_each_other() -> None:
    world = released({"evidence": {}}).run(1200, rate=40)
    assert world.status.phase is Phase.HEALTHY, world.status.message
    assert weights(world) == [0, 1, 2, 4, 8, 16, 32, 50]


def test_what_is_missing_for_the_next_weight_is_said() -> None:
    world = released({"evidence": {}}).run(30, rate=100)
    assert (world.weight, world.analysis[0].proven_share) == (1, 0)
    assert "step 1 is held until the candidate is proven good enough for 2 %" in world.status.message


def test_no_errors_prove_nothing_where_nothing_is_tolerated() -> None:
    world = released({"evidence": {}}, floor=0).run(1200, rate=1000)
    assert world.weight == 1


@pytest.mark.parametrize("canary", [{"evidence": {"start": 10}}, {"steps": [{"setWeight": 10}]}])
def test_where_no_metric_is_required_those_that_are_seen_prove(canary: dict[str, Any]) -> None:
    world = released(canary, metrics=OPTIONAL).run(600, rate=1000)
    assert world.status.phase is Phase.HEALTHY, world.status.message


def test_where_no_metric_is_required_one_that_is_not_seen_neither_proves_nor_holds() -> None:
    clicks = {
        "name": "clicks",
        "successes": "c{v='{{ version }}'}",
        "trials": "t{v='{{ version }}'}",
        "required": False,
    }
    world = released({"steps": [{"setWeight": 10}]}, metrics=[*OPTIONAL, clicks], minRequests=0)
    world.run(300, rate=100)
    assert world.weight == 10
    assert world.analysis[1].candidate.requests == 0


@pytest.mark.parametrize("required", [True, False])
def test_a_metric_that_is_not_required_may_be_silent_in_a_healthy_analysis(required: bool) -> None:
    clicks = {"name": "clicks", "successes": "c{v='{{ version }}'}", "trials": "t{v='{{ version }}'}"}
    world = released({"steps": [{"setWeight": 10}]}, metrics=[{"name": "errors"}, clicks | {"required": required}])
    world.run(120, rate=100)
    assert world.weight == 10
    [analysis] = [item.status for item in world.status.conditions if item.type == "AnalysisHealthy"]
    assert analysis == ("False" if required else "True")


@pytest.mark.parametrize("away", ["connection refused", None])
def test_where_no_metric_is_required_silence_proves_nothing(away: str | None) -> None:
    world = released({"steps": [{"setWeight": 10}]}, metrics=OPTIONAL)
    world.away = away
    world.run(900, rate=100 if away else 0)
    assert world.weight == 10
