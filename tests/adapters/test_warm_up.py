"""Samples in a fetched model, and a fetched model's own samples."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modelrollout.adapters.records import WARM_UP, Recorded, read_records, write_record
from modelrollout.adapters.storage.digest import digest_of
from modelrollout.adapters.storage.shown import MOST_BYTES, read_shown, shown
from modelrollout.adapters.storage.warm_up import inputs_of, read_samples, warm_up
from modelrollout.adapters.tensors import array_of
from modelrollout.cli.fetch import TERMINATION_LIMIT
from modelrollout.cli.fetch import fetch as fetch_command
from tests.adapters.predict import FLOAT, LOGS, classify_log, predict_log, saved_model

BODY: dict[str, Any] = {"instances": [[1.0, 2.0]]}


def model(folder: Path, *records: bytes) -> Path:
    """A model, with warm-up requests of its own."""
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved_model(x=FLOAT))
    if records:
        (folder / WARM_UP).parent.mkdir()
        (folder / WARM_UP).write_bytes(b"".join(map(write_record, records)))
    return folder


def written(folder: Path) -> list[Any]:
    """The requests in a model."""
    with (folder / WARM_UP).open("rb") as file:
        return [LOGS.PredictionLog.FromString(item.record) for item in read_records(file, 10**9)]


def test_the_signature_is_that_of_the_graph_that_is_served(tmp_path: Path) -> None:
    assert inputs_of(model(tmp_path / "m") / "saved_model.pb") == {"serving_default": {"x": FLOAT}}
    (tmp_path / "bad").write_bytes(b"graph")
    assert inputs_of(tmp_path / "bad") == {}


def test_bodies_and_recorded_requests_are_written(tmp_path: Path) -> None:
    said: list[str] = []
    folder = model(tmp_path / "m")
    assert warm_up(folder, "fraud", [BODY, {"instances": ["one"]}, Recorded(predict_log(3.0))], said.append)
    first, second = written(folder)
    request = first.predict_log.request
    assert (request.model_spec.name, array_of("x", request.inputs["x"]).tolist()) == ("fraud", [[1.0, 2.0]])
    assert list(second.predict_log.request.inputs["x"].float_val) == [3.0]
    assert said == [
        "a sample is no warm-up request: input x: its values are no tensor",
        "2 samples are its warm-up requests",
    ]


def test_what_a_model_brings_stays(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", predict_log(1.0))
    before = (folder / WARM_UP).read_bytes()
    assert not warm_up(folder, "fraud", [BODY], lambda _: None)
    assert (folder / WARM_UP).read_bytes() == before


def test_the_keys_of_a_mounted_config_map(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "hidden").write_text("{}")
    (tmp_path / "b").write_bytes(write_record(predict_log(1.0)) + write_record(classify_log()))
    (tmp_path / "a").write_text(json.dumps(BODY))
    (tmp_path / "c").write_text("no JSON")
    assert read_samples(tmp_path) == [BODY, Recorded(predict_log(1.0))]


def test_a_models_own_requests_are_told_as_far_as_they_fit(tmp_path: Path) -> None:
    assert shown(model(tmp_path / "none")) is None
    few = shown(model(tmp_path / "few", predict_log(1.0), classify_log(), predict_log(2.0)))
    assert few is not None
    assert read_shown(few) == [Recorded(predict_log(1.0)), Recorded(predict_log(2.0))]
    values = [[float(hash((row, place)) % 1000003) for place in range(64)] for row in range(200)]
    many = shown(model(tmp_path / "many", *(predict_log(*row) for row in values)))
    assert many is not None
    assert 0 < len(read_shown(many)) < 64
    assert len(base64.b64decode(many)) <= MOST_BYTES
    large = predict_log(*(float(hash(("large", place)) % 1000003) for place in range(5000)))
    assert shown(model(tmp_path / "large", large)) is None
    assert read_shown(shown(model(tmp_path / "mixed", large, predict_log(1.0))) or "") == [Recorded(predict_log(1.0))]


def test_a_damaged_file_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", predict_log(1.0))
    with (folder / WARM_UP).open("ab") as file:
        file.write(b"no record")
    assert read_shown(shown(folder) or "") == [Recorded(predict_log(1.0))]


@pytest.mark.parametrize("text", ["no base64!", base64.b64encode(zlib.compress(b"\x05\0\0")).decode()])
def test_what_no_fetcher_told_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|base64"):
        read_shown(text)


def fetched(tmp_path: Path, *flags: str, samples: str | None = None) -> dict[str, Any]:
    """What the fetcher of a pod says in the end."""
    result = tmp_path / "said"
    arguments = ["--uri=pvc://models/fraud/7", f"--source={tmp_path}/source", f"--source-root={tmp_path}"]
    arguments += [f"--to={tmp_path}/models/fraud", "--number=7", f"--result={result}", *flags]
    ended = CliRunner().invoke(fetch_command, arguments, env={"MODELROLLOUT_SAMPLES": samples})
    assert ended.exit_code == 0, ended.output
    said: dict[str, Any] = json.loads(result.read_text())
    assert len(result.read_bytes()) <= TERMINATION_LIMIT
    return said


def test_the_digest_is_the_models_and_a_second_start_finds_it_so(tmp_path: Path) -> None:
    """The containers of a pod may be started again; the samples are no part of the model."""
    digest = digest_of(model(tmp_path / "source"))
    packed = base64.b64encode(zlib.compress(json.dumps([BODY]).encode())).decode()
    for _ in range(2):
        assert fetched(tmp_path, f"--digest={digest}", samples=packed) == {"digest": digest}
        assert len(written(tmp_path / "models" / "fraud" / "7")) == 1


def test_a_model_that_was_changed_behind_the_samples_is_found(tmp_path: Path) -> None:
    digest = digest_of(model(tmp_path / "source", predict_log(1.0)))
    fetched(tmp_path, f"--digest={digest}")
    (tmp_path / "models" / "fraud" / "7" / WARM_UP).write_bytes(b"changed")
    result = tmp_path / "said"
    arguments = ["--uri=pvc://models/fraud/7", f"--to={tmp_path}/models/fraud", "--number=7", f"--digest={digest}"]
    assert CliRunner().invoke(fetch_command, [*arguments, f"--result={result}"]).exit_code == 1


def test_samples_of_a_config_map_and_of_the_model(tmp_path: Path) -> None:
    model(tmp_path / "source", predict_log(1.0))
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "a").write_text(json.dumps(BODY))
    said = fetched(tmp_path, f"--warm-up={tmp_path}/samples", "--show-samples")
    assert read_shown(said["samples"]) == [Recorded(predict_log(1.0))]
    assert len(written(tmp_path / "models" / "fraud" / "7")) == 1, "the model's own"
