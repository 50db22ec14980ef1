"""Samples by gRPC: sent by a process of its own (``sample_probe.py``), for the reasons that ``tensorflow_serving.py``
gives."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from modelrollout.adapters.records import Recorded
from modelrollout.adapters.samples import Destination, Unreachable
from modelrollout.adapters.tensorflow_serving import START_SECONDS, run_probe
from modelrollout.core.validate.answer import Answer

_PROBE = "modelrollout.adapters.sample_probe"


async def send_all(to: Destination, samples: Sequence[tuple[str, Any]], limit: float) -> tuple[Answer, ...]:
    """Each sample, with its name, one after the other, within ``limit`` seconds for all: a body of ``:predict`` or a
    ``Recorded``. Raises Unreachable."""
    where = {"address": to.address, "model": to.model, "number": to.number, "time_limit": to.time_limit}
    given = json.dumps({**where, "samples": [(name, _written(sample)) for name, sample in samples]})
    answer = await run_probe(_PROBE, "", limit + START_SECONDS, given.encode())
    if answer is None:
        raise Unreachable(f"{to.address}: the operator's own probe did not come back; its log says why")
    found = json.loads(answer)
    if isinstance(found, dict):
        raise Unreachable(f"{found['unreachable']}")
    return tuple(_answer(item) for item in found)


def _written(sample: Any) -> dict[str, Any]:
    if isinstance(sample, Recorded):
        return {"record": base64.b64encode(sample.record).decode()}
    return {"body": sample}


def _answer(found: dict[str, Any]) -> Answer:
    return Answer(
        found["sample"], found.get("status"), found.get("value"), found.get("seconds", 0.0), found.get("problem")
    )
