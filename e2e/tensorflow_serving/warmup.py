"""Replays the recorded requests that a model brings, before it serves:
`assets.extra/tf_serving_warmup_requests`.

The file is a TFRecord of PredictionLog messages, 1000 at most. A request that fails fails the load; a missing
file is fine. See TensorFlow Serving's saved_model_warmup_util.cc.
"""

import logging
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from e2e.tensorflow_serving import examples
from e2e.tensorflow_serving.inference import Inference
from e2e.tensorflow_serving.metrics import Metrics
from e2e.tensorflow_serving.multi_inference import tasks_of
from e2e.tensorflow_serving.proto_tensors import TensorProtos
from e2e.tensorflow_serving.protobufs import message, prediction_log_pb2
from e2e.tensorflow_serving.servable import LoadSettings, Servable
from e2e.tensorflow_serving.status import OK, Code, ServingError, invalid

log = logging.getLogger(__name__)
MOST_RECORDS = 1000
_CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, bits reversed


def warm_up(servable: Servable, path: str, settings: LoadSettings, metrics: Metrics) -> None:
    """Replay the requests below the version's `path`. Raises the ServingError of the first that fails."""
    file = Path(path) / "assets.extra" / "tf_serving_warmup_requests"
    if not file.is_file():
        log.info("No warmup data file found at %s", file)
        return
    inference = Inference(metrics, settings.check_method_names)
    started, count, status = time.perf_counter(), 0, OK
    try:
        for record in read_records(file.read_bytes()):
            for _ in range(settings.warmup_iterations):
                _replay(servable, _parsed(record, file), inference)
            count += 1
            if count > MOST_RECORDS:
                raise invalid(f"Number of warmup records exceeds the maximum ({MOST_RECORDS}) at {file}")
    except CorruptRecord as problem:
        status = problem.status
    taken = (time.perf_counter() - started) * 1e6
    metrics.warmup(path, str(status), count, taken)
    if status.code:
        raise ServingError(Code.DATA_LOSS, f"{status.message}. Please verify your warmup data is in TFRecord format.")
    log.info(
        "Finished reading warmup data for model at %s. Number of warmup records read: %d. Elapsed time (microseconds):"
        " %d.",
        *(file, count, taken),
    )


class CorruptRecord(ServingError):
    """The file of requests is cut off or damaged."""

    def __init__(self, offset: int) -> None:
        super().__init__(Code.DATA_LOSS, f"corrupted record at {offset}")


def read_records(data: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file: length, its checksum, content, its checksum. Raises CorruptRecord."""
    offset = 0
    while offset < len(data):
        head = data[offset : offset + 12]
        if len(head) < 12 or _masked(head[:8]) != struct.unpack("<I", head[8:])[0]:
            raise CorruptRecord(offset)
        (length,) = struct.unpack("<Q", head[:8])
        body = data[offset + 12 : offset + 16 + length]
        if len(body) < length + 4 or _masked(body[:length]) != struct.unpack("<I", body[length:])[0]:
            raise CorruptRecord(offset)
        yield body[:length]
        offset += 16 + length


def write_record(content: bytes) -> bytes:
    """One record of a TFRecord file."""
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", _masked(length)) + content + struct.pack("<I", _masked(content))


def _table() -> list[int]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (_CASTAGNOLI if number & 1 else 0)
        table.append(number)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 3720, appendix B.4)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def _masked(data: bytes) -> int:
    """TFRecord rotates the checksum and adds a constant, so that records within records do not confuse it."""
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _parsed(record: bytes, file: Path) -> Any:
    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except message.DecodeError as problem:
        raise invalid(f"Failed to parse warmup record: {record!r} from {file}") from problem


def _replay(servable: Servable, log_entry: Any, inference: Inference) -> None:
    match log_entry.WhichOneof("log_type"):
        case "predict_log":
            request = log_entry.predict_log.request
            inputs = TensorProtos(request.inputs)
            inference.predict(servable, request.model_spec.signature_name, inputs, list(request.output_filter))
        case "classify_log":
            request = log_entry.classify_log.request
            inference.classify(servable, request.model_spec.signature_name, examples.from_proto(request.input))
        case "regress_log":
            request = log_entry.regress_log.request
            inference.regress(servable, request.model_spec.signature_name, examples.from_proto(request.input))
        case "multi_inference_log":
            request = log_entry.multi_inference_log.request
            inference.multi(servable, tasks_of(request), examples.from_proto(request.input))
        case None:
            return
        case other:
            number = log_entry.DESCRIPTOR.fields_by_name[other].number
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {number}")
