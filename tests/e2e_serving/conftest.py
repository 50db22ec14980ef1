"""The models, built once, and one server with all of them for the tests that only ask questions."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e_serving.stand_in import ROOT, StandIn, config_file, entry, put, stand_in

SERVED = (
    *("failing", "turns_bad", "slow", "nan", "permuted", "constant", "nondeterministic", "retrained"),
    *("other_signature_compatible", "other_signature_incompatible"),
)


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder with all test models. In a process of its own: building needs the whole of TensorFlow."""
    folder = ROOT / "build" / "models"
    subprocess.run([sys.executable, "-m", "e2e.models", "build", "--out", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="session")
def rows(models: Path) -> list[str]:
    """The 200 request bodies of the load client."""
    return (models / "rows" / "digits.jsonl").read_text().splitlines()


@pytest.fixture(scope="session")
def row(rows: list[str]) -> list[int]:
    """The pixels of one real row."""
    (pixels,) = json.loads(rows[0])["instances"]
    return [int(pixel) for pixel in pixels]


@pytest.fixture(scope="session")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """`digits` with the versions 1 (label `stable`) and 2 (label `canary`), and each bad model under its own name."""
    folder = tmp_path_factory.mktemp("serving")
    put(models / "good", folder / "digits", 1)
    put(models / "better", folder / "digits", 2)
    labels = "version_labels { key: 'stable' value: 1 } version_labels { key: 'canary' value: 2 }"
    entries = [entry("digits", folder / "digits", "model_version_policy { all {} } " + labels)]
    for name in SERVED:
        put(models / name, folder / name, 1)
        entries.append(entry(name, folder / name))
    config = config_file(folder / "models.txt", *entries)
    flags = (f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models")
    with stand_in(folder, *flags) as running:
        yield running


def instances(*rows: Any) -> dict[str, Any]:
    """A predict request in row form."""
    return {"instances": list(rows)}
