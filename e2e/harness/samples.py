"""Samples and golden answers of the test models: rows of little and of much ink, and the digits that they show."""

from __future__ import annotations

import json
from collections.abc import Mapping

from e2e.harness.rollout import Rollout
from e2e.installation import MODELS

SAMPLES, CLASSES = 10, 10
FIRST = 15  # of every tenth of the ink; good and better read all of these right


def give_samples(rollout: Rollout) -> None:
    """ConfigMaps ``digits-samples`` and ``digits-golden``: what a person has looked at. Rows that a linear model reads
    right, as some models fail on rows of much ink alone."""
    rows = (MODELS / "rows" / "digits.jsonl").read_text().splitlines()
    labels = json.loads((MODELS / "rows" / "labels.json").read_text())
    by_ink = sorted(range(len(rows)), key=lambda row: sum(json.loads(rows[row])["instances"][0]))
    keys = {f"row-{row}": row for row in by_ink[FIRST :: len(rows) // SAMPLES]}
    give(rollout, "digits-samples", {key: rows[row] for key, row in keys.items()})
    give(rollout, "digits-golden", {key: golden(labels[row]) for key, row in keys.items()})


def golden(label: int) -> str:
    """The right answer, with all that it can have."""
    return json.dumps({"predictions": [[float(digit == label) for digit in range(CLASSES)]]})


def give(rollout: Rollout, name: str, data: Mapping[str, str]) -> None:
    """A ConfigMap."""
    metadata = {"name": name, "namespace": rollout.namespace}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
    rollout.world.kubectl.apply(json.dumps(body))
