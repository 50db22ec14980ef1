"""Small manifests and traffics for the tests, as the text that a user would write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.api.metric_status import MetricStatus
from modelrollout.simulation.decisions import decisions
from modelrollout.simulation.events import Event
from modelrollout.simulation.release import Frame
from modelrollout.simulation.scenario import Scenario, from_traffic
from modelrollout.simulation.traffic import Traffic

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "simulate"

MANIFEST = """
apiVersion: modelrollout.dev/v1alpha1
kind: ModelRollout
metadata: {name: fraud}
spec:
  model: {name: fraud, version: 2.4.1187, uri: "pvc://models/fraud/1187"}
  traffic: {hosts: [fraud.example.com]}
  strategy: {canary: {steps: [{setWeight: 25, for: 1m}, {setWeight: 50, for: 2m}], bake: 1m}}
  analysis: {metrics: [{name: errors}]}
"""

FOCUSED = MANIFEST.replace(
    "traffic: {hosts: [fraud.example.com]}",
    "traffic: {hosts: [fraud.example.com], match: [{headers: {x-tenant: {exact: internal}}}]}",
)

SEGMENTS = MANIFEST.replace(
    "{canary: {steps: [{setWeight: 25, for: 1m}, {setWeight: 50, for: 2m}], bake: 1m}}",
    "{contextualBandit: {header: x-client, segments: [mobile, desktop]}}",
).replace(
    "[{name: errors}]",
    "[{name: errors}, {name: clicks, role: Reward, successes: 'c{{ service }}', trials: 's{{ service }}'}]",
)

TRAFFIC = """
rps: 100
scrapeInterval: 5s
duration: 6m
stable: {version: 2.3.1160, errors: 0.01}
candidate: {errors: 0.01}
"""


def cases(name: str) -> list[Any]:
    """The named cases of a file of this folder: what is given, and the sentence."""
    table = yaml.safe_load((Path(__file__).parent / name).read_text())
    return [pytest.param(case["given"], case["sentence"], id=case["name"]) for case in table]


def write(folder: Path, name: str, text: str) -> Path:
    """The text as a file."""
    path = folder / name
    path.write_text(text)
    return path


def scene(folder: Path, traffic: str = TRAFFIC, manifest: str = MANIFEST) -> Scenario:
    """The scenario of two texts."""
    return from_traffic(write(folder, "rollout.yaml", manifest), write(folder, "traffic.yaml", traffic))


def example(name: str) -> Scenario:
    """One of the examples that the repository ships."""
    return from_traffic(EXAMPLES / name / "rollout.yaml", EXAMPLES / name / "traffic.yaml")


def with_events(scenario: Scenario, *events: Event) -> Scenario:
    """The same, and this happens besides."""
    assert isinstance(scenario.given, Traffic)
    return replace(scenario, given=replace(scenario.given, events=(*scenario.given.events, *events)))


def frames(scenario: Scenario, seed: int = 1) -> list[Frame]:
    """All passes of a release."""
    return [frame for frame, _ in decisions(scenario.release(seed))]


def judged(frame: Frame) -> list[MetricStatus]:
    """The verdicts of a pass: on the arms, or on the one whose trial has ended."""
    return [test for arm in frame.status.arms for test in arm.metrics] or list(frame.status.last_analysis)


def told(scenario: Scenario, seed: int = 1) -> list[dict[str, Any]]:
    """All decisions of a release, as JSON."""
    return [decision.to_json() for _, decision in decisions(scenario.release(seed)) if decision is not None]


def steps(scenario: Scenario, seed: int = 1) -> list[tuple[str, int]]:
    """The moves of a release that changed a weight, each with the candidate's weight after it."""
    moves = [(line["move"], line["weights"][scenario.candidate]) for line in told(scenario, seed)]
    return [move for move in moves if move[0] not in ("Start", "Hold")]
