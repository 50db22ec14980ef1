"""Every registered strategy is played, for all requests at once and for those of ``traffic.match`` first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.simulation.decisions import decisions, ending
from modelrollout.simulation.scenario import Scenario
from modelrollout.strategies import STRATEGIES
from tests.simulation.scenes import FOCUSED, MANIFEST, TRAFFIC, scene
from tests.strategies.registry import specs

STABLE = "1.0.1"
REWARD = {"name": "clicks", "role": "Reward", "successes": "c{{ service }}", "trials": "s{{ service }}"}
EQUAL = TRAFFIC.replace("2.3.1160", STABLE)
GIVEN = {
    "everybody at once": (MANIFEST, EQUAL),
    "some requests first": (
        FOCUSED,
        f"{EQUAL}matched: {{share: 0.3, stable: {{errors: 0.1}}, candidate: {{errors: 0.1}}}}",
    ),
}
REVENUE = {"name": "clicks", "role": "Reward", "sum": "c{{ service }}", "count": "s{{ service }}", "max": 20}


def played(
    folder: Path, strategy: dict[str, Any], manifest: str, traffic: str, reward: dict[str, Any] = REWARD
) -> Scenario:
    """A manifest with this strategy."""
    body = yaml.safe_load(manifest)
    body["spec"] |= {"strategy": strategy}
    if segments := strategy.get("contextualBandit", {}).get("segments"):
        traffic += "\nsegments: {" + ", ".join(f"{name}: {{share: 0.3}}" for name in segments) + "}"
    if any(STRATEGIES[name].competes for name in strategy):
        analysis = body["spec"].setdefault("analysis", {"metrics": [{"name": "errors"}]})
        analysis["metrics"] = [*analysis["metrics"], reward]
        traffic = traffic.replace("{errors: ", "{rewards: {clicks: 0.1}, errors: ").replace(
            "{version: 1.0.1, ", "{version: 1.0.1, rewards: {clicks: 0.1}, "
        )
    return scene(folder, traffic, yaml.safe_dump(body))


ALL = [
    pytest.param(strategy, *texts, id=f"{given}-{name}")
    for given, texts in GIVEN.items()
    for name, strategy in specs().items()
    if not (texts[0] is FOCUSED and "contextualBandit" in strategy)  # it divides the requests by itself
]


@pytest.mark.parametrize(("strategy", "manifest", "traffic"), ALL)
def test_equal_versions_are_never_rolled_back(
    strategy: dict[str, Any], manifest: str, traffic: str, tmp_path: Path
) -> None:
    scenario = played(tmp_path, strategy, manifest, traffic)
    release = scenario.release(1)
    passes = list(decisions(release))
    told = [decision for _, decision in passes if decision is not None]
    assert {round(sum(decision.weights.values()), 6) for decision in told} == {100}
    assert set(told[0].weights) == {STABLE, *scenario.cast.arms}
    assert ending(release, passes[-1][0]).outcome in ("Promoted", "Kept", "Paused", "Running")


def test_a_reward_of_any_size_is_played_as_a_part_of_the_largest(tmp_path: Path) -> None:
    scenario = played(tmp_path, specs()["abTest two"], MANIFEST, EQUAL, REVENUE)
    trials = [frame.status.trial for frame, _ in decisions(scenario.release(1))]
    contests = [trial.contest for trial in trials if trial is not None and trial.contest is not None]
    assert 1.8 < (contests[-1].versions[0].rate or 0.0) < 2.2, "a tenth of 20"
