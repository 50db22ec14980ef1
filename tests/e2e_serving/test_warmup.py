"""Warm-up requests that a model brings: replayed before it serves, and fatal to the load when they fail."""

from pathlib import Path

import pytest

from tests.e2e_serving.stand_in import monitoring_file, put, stand_in

protobufs = pytest.importorskip("e2e.tensorflow_serving.protobufs")
from e2e.tensorflow_serving.warmup import CorruptRecord, crc32c, read_records, write_record  # noqa: E402

RECORD = "0300000000000000b099490e6162636e57f121"
ONE_TRY = ("--max_num_load_retries=0", "--load_retry_interval_micros=0")


def predict_log(pixel: int) -> bytes:
    """A recorded predict request of one row, all pixels alike."""
    entry = protobufs.prediction_log_pb2.PredictionLog()
    request = entry.predict_log.request
    request.model_spec.name = "digits"
    tensor = request.inputs["pixels"]
    tensor.dtype = 1
    for size in (1, 64):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.append(pixel)
    return bytes(entry.SerializeToString())


def examples_log(kind: str, *signatures: str) -> bytes:
    """A recorded request of one Example, asked by each of the signatures."""
    entry = protobufs.prediction_log_pb2.PredictionLog()
    request = getattr(entry, kind).request
    example = request.input.example_list.examples.add()
    example.features.feature["pixels"].float_list.value.extend([0] * 64)
    for signature in signatures:
        spec = request.tasks.add(method_name=f"tensorflow/serving/{signature}") if "multi" in kind else request
        spec.model_spec.name, spec.model_spec.signature_name = "digits", signature
    return bytes(entry.SerializeToString())


def with_warmup(model: Path, base: Path, records: bytes) -> tuple[str, ...]:
    """Put a model with these records in place; the flags to serve it."""
    put(model, base, 1)
    (base / "1" / "assets.extra").mkdir()
    (base / "1" / "assets.extra" / "tf_serving_warmup_requests").write_bytes(records)
    return ("--model_name=digits", f"--model_base_path={base}", *ONE_TRY)


def test_requests_are_replayed(models: Path, tmp_path: Path) -> None:
    base = tmp_path / "digits"
    flags = with_warmup(models / "good", base, write_record(predict_log(0)) + write_record(predict_log(16)))
    monitoring = f"--monitoring_config_file={monitoring_file(tmp_path)}"
    with stand_in(tmp_path, *flags, monitoring, "--num_request_iterations_for_warmup=3") as server:
        page = server.get("/monitoring/prometheus/metrics").text.splitlines()
        assert f':tensorflow:serving:model_warmup_records_read{{model_path="{base}/1",status="OK"}} 2' in page
        assert ":tensorflow:core:graph_runs{} 6" in page
        assert not any(line.startswith(":tensorflow:serving:request_count") for line in page)


def test_every_kind_of_request_is_replayed(models: Path, tmp_path: Path) -> None:
    kinds = [
        predict_log(0),
        examples_log("classify_log", "classify"),
        examples_log("regress_log", "regress"),
        examples_log("multi_inference_log", "classify", "regress"),
        b"",  # a record without a request is passed over
    ]
    flags = with_warmup(models / "good", tmp_path / "digits", b"".join(map(write_record, kinds)))
    with stand_in(tmp_path, *flags, f"--monitoring_config_file={monitoring_file(tmp_path)}") as server:
        page = server.get("/monitoring/prometheus/metrics").text.splitlines()
    assert ":tensorflow:core:graph_runs{} 4" in page
    assert ':tensorflow:serving:request_example_count_total{model="digits"} 1' in page
    for api in ("Predict", "Classify", "Regress"):
        assert f':tensorflow:serving:runtime_latency_count{{model_name="digits",API="{api}",runtime="TF1"}} 1' in page


def test_a_thousand_records_are_not_too_many(models: Path, tmp_path: Path) -> None:
    base = tmp_path / "digits"
    flags = with_warmup(models / "good", base, write_record(predict_log(0)) * 1000)
    with stand_in(tmp_path, *flags, f"--monitoring_config_file={monitoring_file(tmp_path)}") as server:
        page = server.get("/monitoring/prometheus/metrics").text.splitlines()
    assert f':tensorflow:serving:model_warmup_records_read{{model_path="{base}/1",status="OK"}} 1000' in page


@pytest.mark.parametrize(
    ("model", "records", "error"),
    [
        pytest.param("failing", write_record(predict_log(16)), "DATA_LOSS: inflate() failed", id="failing request"),
        pytest.param(
            "good",
            write_record(predict_log(0))[:-1],
            "DATA_LOSS: corrupted record at 0. Please verify your warmup data is in TFRecord format.",
            id="cut off",
        ),
        pytest.param(
            "good",
            write_record(predict_log(0)) + b"no record",
            "DATA_LOSS: corrupted record at ",
            id="damaged after a good record",
        ),
        pytest.param(
            "good",
            write_record(examples_log("classify_log", "regress")),
            "INVALID_ARGUMENT: Expected classification signature outputs",
            id="classify by the wrong signature",
        ),
        pytest.param(
            "good",
            write_record(examples_log("multi_inference_log", "classify", "classify")),
            "INVALID_ARGUMENT: Duplicate evaluation of signature: classify",
            id="multi-inference",
        ),
        pytest.param(
            "good",
            write_record(protobufs.prediction_log_pb2.PredictionLog(session_run_log={}).SerializeToString()),
            "UNIMPLEMENTED: Unsupported log_type for warmup: 5",
            id="a run of a session",
        ),
        pytest.param(
            "good", write_record(b"\x08"), "INVALID_ARGUMENT: Failed to parse warmup record", id="no PredictionLog"
        ),
        pytest.param(
            "good",
            write_record(predict_log(0)) * 1001,
            "INVALID_ARGUMENT: Number of warmup records exceeds the maximum (1000)",
            id="too many",
        ),
    ],
)
def test_what_fails_here_fails_the_load(models: Path, tmp_path: Path, model: str, records: bytes, error: str) -> None:
    flags = with_warmup(models / model, tmp_path / "digits", records)
    with stand_in(tmp_path, *flags, wait=False) as server:
        assert server.process.wait(timeout=60) == 255
        assert f"{{{{{{name: digits version: 1}} due to error: {error}" in server.printed()


def test_warmup_can_be_switched_off(models: Path, tmp_path: Path) -> None:
    flags = with_warmup(models / "failing", tmp_path / "digits", write_record(predict_log(16)))
    with stand_in(tmp_path, *flags, "--enable_model_warmup=false") as server:
        assert server.states("digits") == {1: "AVAILABLE"}


def test_checksum_is_the_published_one() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def test_a_record_as_tensorflow_writes_it() -> None:
    """Made by tf.io.TFRecordWriter with the content b"abc"."""
    written = bytes.fromhex(RECORD)
    assert write_record(b"abc") == written
    assert list(read_records(written * 2)) == [b"abc", b"abc"]


@pytest.mark.parametrize("place", range(19))
def test_any_changed_byte_is_noticed(place: int) -> None:
    record = bytearray(write_record(b"abc"))
    record[place] ^= 1
    with pytest.raises(CorruptRecord):
        list(read_records(bytes(record)))
