"""The samples that are to be sent, by name: from the spec, from a ConfigMap, or from the model itself."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from modelrollout.adapters.records import WARM_UP, NoRecords, Recorded, read_records
from modelrollout.adapters.storage.shown import read_shown
from modelrollout.api.samples import Protocol, Samples
from modelrollout.runtime.validating import Server

MOST_SAMPLES = 64
LONGEST = 1024 * 1024  # bytes of a recorded request; a ConfigMap holds no more


class NotSent(Exception):
    """The samples could not be sent; the message says why. No word about the model."""


def given(inline: tuple[Any, ...]) -> Mapping[str, Any]:
    """Those of the spec."""
    return {f"request {index}": body for index, body in enumerate(inline, 1)}


def in_config_map(name: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Each key of ``data`` a body, each of ``binaryData`` recorded requests. Raises NotSent."""
    recorded = dict(_recorded(name, found.get("binaryData") or {}))
    if found.get("data") or not recorded:
        recorded = {**bodies(name, found), **recorded}
    if len(recorded) > MOST_SAMPLES:
        raise NotSent(f"ConfigMap {name} has {len(recorded)} samples; at most {MOST_SAMPLES} are sent")
    return recorded


def bodies(name: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What each key of ``data`` holds in JSON. Raises NotSent."""
    data = found.get("data") or {}
    if not data:
        raise NotSent(f"ConfigMap {name} is missing or empty; each key holds one body in JSON")
    if len(data) > MOST_SAMPLES:
        raise NotSent(f"ConfigMap {name} has {len(data)} keys; at most {MOST_SAMPLES} samples are sent")
    parsed = {}
    for key, text in sorted(data.items()):
        try:
            parsed[key] = json.loads(text)
        except ValueError as error:
            raise NotSent(f"ConfigMap {name}: {key} is not JSON: {error}") from error
    return parsed


def _recorded(name: str, files: Mapping[str, str]) -> Iterator[tuple[str, Recorded]]:
    """The predict requests of each file; other calls have no outputs that could be looked at."""
    for key, text in sorted(files.items()):
        try:
            records = list(read_records(io.BytesIO(base64.b64decode(text)), LONGEST))
        except (NoRecords, ValueError) as error:
            raise NotSent(f"ConfigMap {name}: {key}: {error}") from error
        fit = [record for record in records if record.is_predict]
        if not fit:
            raise NotSent(f"ConfigMap {name}: {key} holds no predict request among {len(records)} records")
        yield from ((f"{key}.{index}", record) for index, record in enumerate(fit, 1))


def from_model(server: Server) -> Mapping[str, Any]:
    """Those that a pod told of its model. Raises NotSent."""
    if server.brought is None:
        raise NotSent(
            f"no pod of {server.version} tells of predict requests in {WARM_UP}: the model has none, none of them fits "
            "into 3 kB, or its pods were made before fromModel was written (modelrollout retry makes new ones); "
            "samples.configMap takes any"
        )
    try:
        return {f"record {index}": record for index, record in enumerate(read_shown(server.brought), 1)}
    except ValueError as error:
        raise NotSent(str(error)) from error


def is_by_grpc(wanted: Samples, requests: Mapping[str, Any]) -> bool:
    """All of a set go one way, so that their latencies are of one kind."""
    return wanted.protocol is Protocol.GRPC or any(isinstance(item, Recorded) for item in requests.values())


def described(requests: Mapping[str, Any]) -> Mapping[str, Any]:
    """For the checks: of a recorded request its signature, and by what it can be told from others."""
    return {name: _of_record(item) if isinstance(item, Recorded) else item for name, item in requests.items()}


def _of_record(item: Recorded) -> dict[str, str]:
    return {"signature_name": item.signature, "recorded": sha256(item.record).hexdigest()}
