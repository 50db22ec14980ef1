"""Samples as warm-up requests: written into a model that was fetched, for its server to replay before it is ready.

They are bodies of ``:predict`` or recorded requests. A body becomes a message by the types of the model's own
signature, which is read from its saved_model.pb past the graph.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from modelrollout.adapters.predict_messages import Inputs, request_of
from modelrollout.adapters.records import WARM_UP, NoRecords, Recorded, is_records, read_records, write_record
from modelrollout.adapters.serving_probe import load
from modelrollout.adapters.storage.graphs import served_graphs
from modelrollout.adapters.tensors import NoTensor
from modelrollout.adapters.wire import NotProtobuf, fields, messages, text

MOST = 64
LONGEST = 16 * 1024**2  # bytes of one request
_SIGNATURES = 5  # meta_graph.proto
_KEY, _VALUE, _INPUTS, _DTYPE = 1, 2, 1, 2  # of maps, SignatureDef and TensorInfo


def warm_up(model: Path, name: str, samples: list[Any], say: Callable[[str], None]) -> bool:
    """Write the samples of a model called ``name`` into its folder. Whether there is a file of ours now: one that the
    model brings stays. What cannot be written is said, and left to the check of the samples."""
    file = model / WARM_UP
    if file.exists():
        say(f"the model brings {WARM_UP}, which stays as it is")
        return False
    records = list(_records(samples[:MOST], name, inputs_of(model / "saved_model.pb"), say))
    if not records:
        return False
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"".join(map(write_record, records)))
    file.parent.chmod(0o755)
    file.chmod(0o644)
    say(f"{len(records)} samples are its warm-up requests")
    return True


def _records(samples: list[Any], name: str, inputs: Inputs, say: Callable[[str], None]) -> Iterator[bytes]:
    for sample in samples:
        if isinstance(sample, Recorded):
            yield sample.record
            continue
        try:
            log = load("tensorflow_serving.apis.prediction_log_pb2").PredictionLog()
            log.predict_log.request.CopyFrom(request_of(sample, name, inputs))
            yield log.SerializeToString()
        except NoTensor as error:
            say(f"a sample is no warm-up request: {error}")


def inputs_of(graph: Path) -> Inputs:
    """The types of what a model takes, by signature; none where it cannot be read: its server says so."""
    try:
        served = served_graphs(graph)
        return {name: _inputs(signature) for item in served for name, signature in _entries(item, _SIGNATURES)}
    except NotProtobuf:
        return {}


def _inputs(signature: memoryview) -> dict[str, int]:
    found = {}
    for name, info in _entries(signature, _INPUTS):
        kinds = [value for number, value in fields(info) if number == _DTYPE and isinstance(value, int)]
        found[name] = kinds[-1] if kinds else 0
    return found


def _entries(message: memoryview, number: int) -> Iterator[tuple[str, memoryview]]:
    """Of a map from texts to messages."""
    for entry in messages(message, number):
        values = messages(entry, _VALUE)
        yield text(entry, _KEY), values[-1] if values else memoryview(b"")


def read_samples(folder: Path) -> list[Any]:
    """Of a mounted ConfigMap, in the order of its keys: bodies in JSON, and files of recorded requests."""
    found: list[Any] = []
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("..") and path.is_file():
            found += samples_in(path.read_bytes())
    return found


def samples_in(data: bytes) -> list[Any]:
    """What one key of a ConfigMap holds; nothing where it is neither: the check of the samples says so."""
    try:
        if is_records(data):
            return [record for record in read_records(io.BytesIO(data), LONGEST) if record.is_predict]
        return [json.loads(data)]
    except (NoRecords, ValueError):
        return []
