"""Each test model does what its name says, on exactly the promised share of the real rows."""

import json
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e_serving.stand_in import ROOT, StandIn, put, stand_in

pytest.importorskip("e2e.tensorflow_serving.protobufs")
SWITCH = Path("/dev/shm/modelrollout-turn-bad")


def outcomes(server: StandIn, model: str, rows: list[str]) -> Counter[str]:
    """How many rows got which kind of answer."""
    replies = [server.post(f"/v1/models/{model}:predict", row) for row in rows]
    return Counter("NaN" if "NaN" in reply.text else str(reply.status) for reply in replies)


@pytest.fixture
def switch() -> Iterator[Path]:
    """The file that turns `turns_bad` bad, gone before and after the test."""
    SWITCH.unlink(missing_ok=True)
    yield SWITCH
    SWITCH.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("digits", {"200": 200}),
        ("failing", {"200": 160, "500": 40}),
        ("nan", {"200": 160, "NaN": 40}),
        ("other_signature_incompatible", {"400": 200}),
    ],
)
def test_share_of_the_rows(server: StandIn, rows: list[str], model: str, expected: dict[str, int]) -> None:
    assert outcomes(server, model, rows) == expected


def answers(server: StandIn, path: str, rows: list[str]) -> list[Any]:
    """What a model answers to all rows, asked in one request."""
    instances = [json.loads(row)["instances"][0] for row in rows]
    reply = server.post(f"/v1/models/{path}:predict", {"instances": instances})
    assert reply.status == 200
    predictions: list[Any] = reply.json["predictions"]
    return predictions


def digits_of(probabilities: list[list[float]]) -> list[int]:
    return [row.index(max(row)) for row in probabilities]


def test_permuted_is_sure_and_wrong(server: StandIn, models: Path, rows: list[str]) -> None:
    probabilities = answers(server, "permuted", rows)
    labels = json.loads((models / "rows" / "labels.json").read_text())
    right = sum(digit == label for digit, label in zip(digits_of(probabilities), labels, strict=True))
    sure = sum(max(row) > 0.9 for row in probabilities)
    assert right < 10
    assert sure > 150
    assert [sum(row) for row in probabilities] == pytest.approx([1] * 200)


def test_constant_answers_the_same_to_every_row(server: StandIn, rows: list[str]) -> None:
    first, *others = answers(server, "constant", rows)
    assert all(row == first for row in others)
    assert sum(first) == pytest.approx(1)


def test_nondeterministic_never_answers_the_same_twice(server: StandIn, rows: list[str]) -> None:
    one, two = (answers(server, "nondeterministic", rows) for _ in range(2))
    assert all(before != after for before, after in zip(one, two, strict=True))
    assert [sum(row) for row in one] == pytest.approx([1] * 200, abs=1e-5)
    flips = sum(before != after for before, after in zip(digits_of(one), digits_of(two), strict=True))
    assert flips < 20, "the noise is small: few rows get another digit"


def test_retrained_differs_on_three_of_the_rows(server: StandIn, models: Path, rows: list[str]) -> None:
    old, new = (digits_of(answers(server, path, rows)) for path in ("digits/versions/1", "retrained"))
    assert sum(before != after for before, after in zip(old, new, strict=True)) == 3
    facts = json.loads((models / "models.json").read_text())
    assert facts["retrained"]["accuracy"] == facts["good"]["accuracy"], "no test of the whole shows the difference"


def test_compatible_signature_adds_an_output(server: StandIn, rows: list[str]) -> None:
    """By REST the first output gets a name by that, as TensorFlow Serving names outputs when there are several."""
    probabilities = answers(server, "digits/versions/2", rows)
    answered = answers(server, "other_signature_compatible", rows)
    assert [row["probabilities"] for row in answered] == [pytest.approx(row) for row in probabilities]
    assert [row["digit"] for row in answered] == digits_of(probabilities)


def test_incompatible_signature_answers_who_knows_it(server: StandIn, rows: list[str], row: list[int]) -> None:
    image = [[row[8 * y + x] for y in range(8)] for x in range(8)]
    reply = server.post("/v1/models/other_signature_incompatible:predict", {"instances": [{"image": image}]})
    assert reply.json["predictions"] == [pytest.approx(answers(server, "digits/versions/2", rows)[0])]


def test_turns_bad_and_good_again_while_it_serves(server: StandIn, rows: list[str], switch: Path) -> None:
    assert outcomes(server, "turns_bad", rows) == {"200": 200}
    switch.touch()
    assert outcomes(server, "turns_bad", rows) == {"200": 160, "500": 40}
    switch.unlink()
    assert outcomes(server, "turns_bad", rows) == {"200": 200}


def test_failure_is_data_loss(server: StandIn, rows: list[str]) -> None:
    errors = {server.post("/v1/models/failing:predict", row).json.get("error", "") for row in rows} - {""}
    assert all(error.startswith("inflate() failed with error -3: incorrect data check") for error in errors)


def test_slow_waits_for_the_half_with_more_ink(server: StandIn) -> None:
    """A lower bound: the operation sleeps, however fast the machine is."""
    started = time.monotonic()
    assert server.post("/v1/models/slow:predict", {"instances": [[16] * 64]}).status == 200
    assert time.monotonic() - started >= 0.12


def test_hungry_is_right(models: Path, rows: list[str], server: StandIn, tmp_path: Path) -> None:
    put(models / "hungry", tmp_path / "hungry", 1)
    with stand_in(tmp_path, "--model_name=hungry", f"--model_base_path={tmp_path / 'hungry'}") as alone:
        found = alone.post("/v1/models/hungry:predict", rows[0]).json["predictions"]
    assert found[0] == pytest.approx(answers(server, "digits/versions/2", rows)[0], abs=1e-6)


def test_slow_to_load_replays_twenty_requests_of_a_second(models: Path, tmp_path: Path) -> None:
    """A lower bound, as of every sleep."""
    put(models / "slow_to_load", tmp_path / "slow", 1)
    started = time.monotonic()
    with stand_in(tmp_path, "--model_name=slow", f"--model_base_path={tmp_path / 'slow'}"):
        assert time.monotonic() - started >= 15


@pytest.mark.parametrize(("flags", "status"), [(("--rest_api_timeout_in_ms=50",), 504), ((), 200)])
def test_slow_answers_are_cut_by_the_timeout(models: Path, tmp_path: Path, flags: tuple[str, ...], status: int) -> None:
    put(models / "slow", tmp_path / "slow", 1)
    with stand_in(tmp_path, "--model_name=slow", f"--model_base_path={tmp_path / 'slow'}", *flags) as server:
        assert server.post("/v1/models/slow:predict", {"instances": [[16] * 64]}).status == status


def test_smoke_requests_are_one_row_of_every_tenth(server: StandIn, models: Path) -> None:
    requests = json.loads((models / "smoke" / "requests.json").read_text())
    replies = [server.post("/v1/models/failing:predict", request).status for request in requests]
    assert Counter(replies) == {200: 8, 500: 2}


def test_accuracy_is_that_of_trained_models(models: Path) -> None:
    facts = json.loads((models / "models.json").read_text())
    assert 0.9 < facts["good"]["accuracy"] < facts["better"]["accuracy"] < 1


@pytest.mark.parametrize("model", ["good", "failing", "unloadable"])
def test_archive_holds_the_same_files(models: Path, model: str) -> None:
    with tarfile.open(models / f"{model}.tar.gz") as archive:
        packed = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        contents = {name: file.read() for name, file in packed.items() if file}
    assert "fingerprint.pb" not in contents, "its random id would change the digest with every build"
    files = [path for path in (models / model).rglob("*") if path.is_file()]
    assert contents == {str(path.relative_to(models / model)): path.read_bytes() for path in files}


def test_nothing_is_built_when_nothing_changed(models: Path) -> None:
    build = [sys.executable, "-m", "e2e.models", "build", "--out", str(models)]
    before = {path: path.stat().st_mtime_ns for path in models.rglob("*")}
    finished = subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "up to date" in finished.stderr
    assert before == {path: path.stat().st_mtime_ns for path in models.rglob("*")}
