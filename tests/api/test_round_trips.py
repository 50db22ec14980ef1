"""What is read and written again is the same: the accepted spec and the status are all that survives a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from modelrollout.api.base import format_timestamp, to_json
from modelrollout.api.match import RequestMatch, StringMatch
from modelrollout.api.route import Route, Split
from modelrollout.api.status import Alpha, Arm, Phase, Status, Trial, VersionStatus
from modelrollout.resource.rollout import ModelRollout, SpecError, parse_spec, parse_status
from modelrollout.resource.spec import Spec

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.stem))
def test_spec_with_its_defaults_written_out_is_the_same_spec(path: Path) -> None:
    spec = parse_spec(yaml.safe_load(path.read_text())["spec"])
    assert isinstance(spec, Spec)
    assert parse_spec(to_json(spec)) == spec


def test_status_is_the_same_after_a_restart() -> None:
    status = Status(
        observed_generation=7,
        phase=Phase.PROGRESSING,
        stable=VersionStatus(version="2.3.1160", uri="pvc://models/fraud/1160", weight=90, ready="3/3"),
        trial=Trial(
            started_at=1_700_000_000.123,
            strategy="canary",
            arms=(Arm(version="2.4.1187", uri="pvc://models/fraud/1187", weight=10, alpha=0.01),),
            route=Route(
                splits=(
                    Split(
                        name="matched",
                        shares={"2.3.1160": 90, "2.4.1187": 10},
                        who=(RequestMatch(headers={"x-tenant": StringMatch(exact="internal")}),),
                    ),
                    Split(name="everybody", shares={"2.3.1160": 100}),
                )
            ),
            memory={"step": "10:0", "stepStartedAt": "2023-11-14T22:13:20.123Z"},
            alpha=Alpha(total=0.01, left=0.009),
        ),
        weights="10",
    )
    assert parse_status(to_json(status)) == status


def test_absent_is_written_as_absent_and_not_as_null() -> None:
    assert "trial" not in to_json(Status())


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert format_timestamp(1_700_000_000.1234) == "2023-11-14T22:13:20.123Z"


def test_status_of_a_newer_operator_is_read_without_what_is_new() -> None:
    assert parse_status({"phase": "Healthy", "somethingNew": {"a": 1}}) == Status(phase=Phase.HEALTHY)


def test_status_that_cannot_be_read_is_a_lost_one() -> None:
    assert parse_status({"phase": 7}) == Status()


def test_object_with_a_wrong_spec_is_still_an_object() -> None:
    metadata = {
        "name": "fraud",
        "namespace": "prod",
        "uid": "1",
        "generation": 3,
        "annotations": {"modelrollout.dev/command": "abort 2.4.1187"},
    }
    rollout = ModelRollout.from_json({"metadata": metadata, "spec": {}})
    assert isinstance(rollout.spec, SpecError)
    assert (rollout.key, rollout.generation, rollout.command) == ("prod/fraud", 3, "abort 2.4.1187")
