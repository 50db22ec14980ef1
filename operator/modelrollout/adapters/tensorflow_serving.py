"""TensorFlow Serving by gRPC: in which state is a version of a model, and what can callers call?

By gRPC and not by REST, because the server counts every REST call, a look at the status included, as a request to the
model, and so a look would dilute the candidate's errors.

Asked by a process of its own (``serving_probe.py``, ``signature_probe.py``) that lives for the third of a second that
it takes: once for each pod that gets ready. gRPC with TensorFlow Serving's messages would otherwise stay in the
operator's memory for good, 12 MB of it (measured), for questions that are asked once a release. Each process has some
15 MB for itself within the pod's memory limit, so only a few are there at one time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from modelrollout.api.signature import Signature, Signatures, Tensor

_PROBE = "modelrollout.adapters.serving_probe"
_SIGNATURES = "modelrollout.adapters.signature_probe"
START_SECONDS = 10.0  # for the process itself; on a busy node Python takes its time
AT_ONCE = 3
"""Processes of one kind: sixteen passes at one time would take more memory than the operator has."""

_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = WeakKeyDictionary()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelState:
    """State of one version in one server, and the server's own words when something is wrong with it."""

    state: str
    message: str = ""

    @property
    def is_available(self) -> bool:
        """It answers requests."""
        return self.state == "AVAILABLE"


async def model_states(
    addresses: Sequence[str], model: str, number: int, time_limit: float = 2.0
) -> list[ModelState | None]:
    """State of a version at each ``host:port``; None for a server that cannot be reached within ``time_limit`` seconds.

    Pods need not be reachable for the operator (a strict mesh, a network policy), so that is no verdict.
    """
    if not addresses:
        return []
    question = json.dumps({"addresses": list(addresses), "model": model, "number": number, "time_limit": time_limit})
    answer = await run_probe(_PROBE, question, time_limit + START_SECONDS)
    if answer is None:
        return [None] * len(addresses)
    return [None if item is None else ModelState(*item) for item in json.loads(answer)]


async def model_signatures(
    targets: Sequence[tuple[str, int]], model: str, time_limit: float = 5.0
) -> list[Signatures | str]:
    """What the version of a number can be called by at each ``host:port``; or, in words, why that is not known."""
    if not targets:
        return []
    question = json.dumps({"targets": list(targets), "model": model, "time_limit": time_limit})
    answer = await run_probe(_SIGNATURES, question, time_limit + START_SECONDS)
    if answer is None:
        return ["the operator's own probe did not come back; its log says why"] * len(targets)
    return [_signatures(item) for item in json.loads(answer)]


def _signatures(answer: dict[str, Any]) -> Signatures | str:
    if "why" in answer:
        return str(answer["why"])
    try:
        found = {name: Signature.model_validate(known) for name, known in answer["signatures"].items()}
        for known in found.values():
            for text in (*known.inputs.values(), *known.outputs.values()):
                Tensor.parse(text)
    except ValueError as error:
        return f"its signatures cannot be read: {error}"
    return found


async def run_probe(probe: str, question: str, limit: float, given: bytes = b"") -> bytes | None:
    """What the probe prints, with ``given`` as its input; None, and a line in the log, when it fails. The wait for its
    turn is none of ``limit``; those of another kind, which may take longer, are not waited for."""
    gates = _gates.setdefault(asyncio.get_running_loop(), {})
    async with gates.setdefault(probe, asyncio.Semaphore(AT_ONCE)):
        return await _run(probe, question, limit, given)


async def _run(probe: str, question: str, limit: float, given: bytes) -> bytes | None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", probe, question, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(limit):
            answer, errors = await process.communicate(given)
    except TimeoutError:
        log.warning("the model servers could not be asked: the probe took longer than %g s", limit)
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        log.warning("the model servers could not be asked: %s", " ".join(last))
        return None
    return answer
