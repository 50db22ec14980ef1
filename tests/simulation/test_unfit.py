"""A version that does not show what `spec.validation` asks for, by the traffic file."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelrollout.simulation.reading import InputError
from tests.simulation.scenes import MANIFEST, TRAFFIC, scene, told

SIGNATURE = MANIFEST + "  validation: {}\n"
SAMPLES = MANIFEST + (
    "  validation: {signature: Ignore, samples: {requests: [{instances: [[1]]}, {instances: [[2]]}], "
    "golden: {answers: [{predictions: [0.1]}, {predictions: [0.9]}]}, agreement: {withControl: 1}}}\n"
)
UNFIT = TRAFFIC + "unfit: [2.4.1187]\n"


@pytest.mark.parametrize("manifest", [SIGNATURE, SAMPLES], ids=["signature", "samples"])
def test_it_gets_no_request(manifest: str, tmp_path: Path) -> None:
    lines = told(scene(tmp_path, UNFIT, manifest))
    assert all(line["weights"].get("2.4.1187", 0) == 0 for line in lines)
    assert (lines[-1]["move"], lines[-1]["phase"]) == ("Rollback", "Degraded")


@pytest.mark.parametrize("manifest", [SIGNATURE, SAMPLES], ids=["signature", "samples"])
def test_all_others_go_through(manifest: str, tmp_path: Path) -> None:
    assert told(scene(tmp_path, TRAFFIC, manifest))[-1]["move"] == "Promote"


def test_without_validation_it_is_told_and_goes_through(tmp_path: Path) -> None:
    assert told(scene(tmp_path, UNFIT))[-1]["move"] == "Promote"


def test_only_a_version_under_trial_can_be_unfit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unfit: no version 9\.9\.9 is under trial; known are 2\.4\.1187"):
        scene(tmp_path, TRAFFIC + "unfit: [9.9.9]\n")


def test_what_is_no_version(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unfit\[0\]: version '9' is not MAJOR"):
        scene(tmp_path, TRAFFIC + "unfit: ['9']\n")
