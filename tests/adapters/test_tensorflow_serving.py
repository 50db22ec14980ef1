"""TensorFlow Serving's state by gRPC, from a real gRPC server; and that TensorFlow itself is never loaded."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from modelrollout.adapters import tensorflow_serving
from modelrollout.adapters.serving_probe import messages
from modelrollout.adapters.tensorflow_serving import ModelState, model_states
from tests.adapters.grpc_method import serving_method


@asynccontextmanager
async def serving(answer: Any) -> AsyncIterator[str]:
    """A server whose GetModelStatus gives this: a list of (version, state, message), or a status code."""
    api = messages()

    async def get_model_status(request: Any, context: grpc.aio.ServicerContext) -> Any:
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, f"Could not find version {request.model_spec.version.value} of model m")
        response = api.GetModelStatusResponse()
        for version, state, message in answer:
            item = response.model_version_status.add(version=version, state=state)
            item.status.error_message = message
        return response

    path = "/tensorflow.serving.ModelService/GetModelStatus"
    async with serving_method(path, get_model_status, api.GetModelStatusRequest, api.GetModelStatusResponse) as address:
        yield address


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param([(7, 30, "")], ModelState("AVAILABLE"), id="available"),
        pytest.param([(7, 20, "")], ModelState("LOADING"), id="loading"),
        pytest.param([(7, 50, "NOT_FOUND: no variables")], ModelState("END", "NOT_FOUND: no variables"), id="failed"),
        pytest.param([(6, 30, "")], ModelState("UNKNOWN", "the server does not know version 7"), id="another version"),
        pytest.param([(6, 30, ""), (7, 30, "")], ModelState("AVAILABLE"), id="two versions"),
        pytest.param(
            grpc.StatusCode.NOT_FOUND, ModelState("UNKNOWN", "Could not find version 7 of model m"), id="not found"
        ),
        pytest.param(grpc.StatusCode.UNAVAILABLE, None, id="not reachable"),
    ],
)
def test_the_state_of_a_version(answer: Any, expected: ModelState | None) -> None:
    async def body() -> list[ModelState | None]:
        async with serving(answer) as address:
            return await model_states([address], "m", 7)

    assert asyncio.run(body()) == [expected]


def test_servers_are_asked_together_and_one_that_is_not_there_is_no_verdict() -> None:
    async def body() -> list[ModelState | None]:
        async with serving([(7, 30, "")]) as here, serving([(7, 20, "")]) as there:
            return await model_states([here, "127.0.0.1:9", there], "m", 7)

    assert asyncio.run(body()) == [ModelState("AVAILABLE"), None, ModelState("LOADING")]


def test_nobody_to_ask() -> None:
    assert asyncio.run(model_states([], "m", 7)) == []


def test_a_probe_that_cannot_run_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert asyncio.run(model_states(["127.0.0.1:9"], "m", 7)) == [None]


def test_however_many_ask_there_are_few_processes_and_no_kind_waits_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running: dict[str, int] = {"a": 0, "b": 0}
    most, other, all_asked = dict(running), asyncio.Event(), asyncio.Event()

    async def run(probe: str, question: str, limit: float, given: bytes) -> bytes:
        running[probe] += 1
        most[probe] = max(most[probe], running[probe])
        if probe == "b":
            other.set()
        await all_asked.wait()
        running[probe] -= 1
        return question.encode()

    async def body() -> list[bytes | None]:
        asked = [asyncio.create_task(tensorflow_serving.run_probe("a", str(n), 1.0)) for n in range(16)]
        asked.append(asyncio.create_task(tensorflow_serving.run_probe("b", "other", 1.0)))
        await other.wait()
        all_asked.set()
        return await asyncio.gather(*asked)

    monkeypatch.setattr(tensorflow_serving, "_run", run)
    assert asyncio.run(body()) == [*(str(n).encode() for n in range(16)), b"other"]
    assert most == {"a": tensorflow_serving.AT_ONCE, "b": 1}


FRESH = """
import sys
from modelrollout.adapters.serving_probe import messages
messages().GetModelStatusRequest()
strange = [
    name for name, module in sys.modules.items()
    if name.startswith("tensorflow.") and not name.endswith("_pb2") and not hasattr(module, "__path__")
]
print(len(strange), hasattr(sys.modules["tensorflow"], "constant"), "tensorflow.python" in sys.modules)
memory = int(open("/proc/self/statm").read().split()[1]) * 4 // 1024
print(memory)
"""


def test_the_messages_load_without_tensorflow() -> None:
    """In a process of its own: this one may have loaded TensorFlow for another test."""
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    strange, memory = done.stdout.splitlines()
    assert strange == "0 False False"
    assert int(memory) < 80, "megabytes; TensorFlow itself takes five hundred"


def test_the_operator_holds_neither_tensorflow_nor_grpc() -> None:
    program = "import sys, modelrollout.runtime.process; print([n for n in ('grpc', 'tensorflow') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
