"""The load client against a small server whose answers the tests choose."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from e2e.client import Answer, BackgroundClient, LoadClient, Target
from e2e.client.__main__ import client as command
from e2e.client.answer import read, write
from tests.e2e_serving.stand_in import free_ports

PATIENT = 60.0  # seconds: a machine with much else to do may leave a process waiting for some

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    """A server on this machine with one handler; its address."""
    server = web.Application()
    server.router.add_post("/", handler)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=0)
    await runner.setup()
    port, _ = free_ports()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


async def until(client: LoadClient, answers: int) -> None:
    """Let the client run until it has so many answers."""
    async with asyncio.timeout(60):
        while len(client.answers) < answers:  # noqa: ASYNC110 (the client has no event for it)
            await asyncio.sleep(0.01)


def run(handler: Handler, answers: int = 10, rows: tuple[bytes, ...] = (b"{}",), **target: object) -> list[Answer]:
    """The first answers of a server."""

    async def load() -> list[Answer]:
        options: dict[str, Any] = {"timeout": PATIENT, **target}
        async with served(handler) as url, LoadClient(Target(url, rate=200, **options), rows) as client:
            await until(client, answers)
        return client.answers

    return asyncio.run(load())


def saying(status: int = 200, text: str = "{}", version: str | None = None) -> Handler:
    """A handler that always answers the same."""
    headers = {"x-model-version": version} if version else None

    async def handle(request: web.Request) -> web.Response:
        await request.read()  # a body that comes after its answer would end the connection, with the next request on it
        return web.Response(status=status, text=text, headers=headers)

    return handle


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        pytest.param(saying(version="2.4.1"), (200, "2.4.1", False, True), id="good answer with its version"),
        pytest.param(saying(), (200, None, False, True), id="no version named"),
        pytest.param(saying(500), (500, None, True, True), id="fault of the server"),
        pytest.param(saying(503, version="2.4.1"), (503, "2.4.1", True, True), id="fault with a version"),
        pytest.param(saying(404), (404, None, True, True), id="a route that is lost, a model by another name"),
        pytest.param(saying(text='{"predictions": [[NaN]]}'), (200, None, False, False), id="not a number"),
        pytest.param(saying(text='{"predictions": [-Infinity]}'), (200, None, False, False), id="infinite"),
    ],
)
def test_answer(handler: Handler, expected: tuple[int, str | None, bool, bool]) -> None:
    answers = run(handler)
    assert {(answer.status, answer.version, answer.failed, answer.finite) for answer in answers} == {expected}


def test_rows_are_sent_in_turn_with_the_headers() -> None:
    seen: list[tuple[str, str, str]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((await request.text(), request.headers["Host"], request.headers["x-user"]))
        return web.Response()

    run(handler=handle, rows=(b"one", b"two", b"three"), host="digits.example.com", headers={"x-user": "u"})
    assert {(host, user) for _, host, user in seen} == {("digits.example.com", "u")}
    # In turn they leave; over several connections they may arrive in another order, and none is lost.
    whole, rest = divmod(len(seen), 3)
    assert Counter(body for body, _, _ in seen) == Counter(["one", "two", "three"] * whole + ["one", "two"][:rest])


def test_a_server_that_hangs_does_not_slow_the_sending() -> None:
    """The open loop: requests leave when they are due though none is answered."""

    async def hang(request: web.Request) -> web.Response:
        await asyncio.sleep(2)  # four times as long as the client waits
        return web.Response()

    async def load() -> tuple[list[Answer], int]:
        async with served(hang) as url, LoadClient(Target(url, rate=200, timeout=0.5), [b"{}"]) as client:
            await until(client, 10)
            sent = client.sent
        return client.answers, sent

    answers, sent = asyncio.run(load())
    assert {answer.error for answer in answers} == {"no answer within 0.5 s"}
    assert all(answer.failed and answer.status is None for answer in answers)
    assert all(answer.seconds >= 0.5 for answer in answers)
    assert sent > 50, "at 200 a second about 100 leave in the half second before the first is given up"


def test_requests_are_due_at_equal_distances() -> None:
    answers = sorted(run(saying(), answers=50), key=lambda answer: answer.at)
    gaps = [later.at - earlier.at for earlier, later in pairwise(answers)]
    assert gaps == pytest.approx([1 / 200] * len(gaps), abs=1e-6)


def test_a_stall_of_the_client_is_in_its_latencies() -> None:
    """What was due during the stall is sent late, and the wait counts from when it was due."""

    async def load() -> list[Answer]:
        async with served(saying()) as url, LoadClient(Target(url, rate=100, timeout=PATIENT), [b"{}"]) as client:
            await until(client, 5)
            time.sleep(0.3)  # noqa: ASYNC251 (the stall that the test is about)
            await until(client, 40)
        return client.answers

    late = [answer for answer in asyncio.run(load()) if answer.seconds > 0.05]
    assert len(late) >= 20, "of the thirty requests that were due in 0.3 s"


def test_nobody_listening_is_a_failure() -> None:
    async def load() -> list[Answer]:
        port, _ = free_ports()
        async with LoadClient(Target(f"http://127.0.0.1:{port}/", rate=100), [b"{}"]) as client:
            await until(client, 3)
        return client.answers

    answers = asyncio.run(load())
    assert all(answer.failed and answer.status is None for answer in answers)
    assert all((answer.error or "").startswith("ClientConnectorError") for answer in answers)


def test_leaving_waits_for_what_is_on_its_way() -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response()

    answers = run(slow, answers=1)
    assert len(answers) > 1
    assert {answer.status for answer in answers} == {200}


def test_background_client_runs_beside_code_that_blocks() -> None:
    async def block() -> tuple[int, list[Answer]]:
        async with served(saying()) as url:
            client = BackgroundClient(Target(url, rate=100), [b"{}"])
            await asyncio.to_thread(client.__enter__)
            async with asyncio.timeout(60):
                while len(client.answers) < 20:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(client.__exit__)
            return client.sent, client.answers

    sent, answers = asyncio.run(block())
    assert len(answers) == sent >= 20
    assert not any(answer.failed for answer in answers)


@pytest.mark.parametrize("rate", [0, -1])
def test_rate_must_be_above_zero(rate: float) -> None:
    with pytest.raises(ValueError, match=f"rate={rate} must be above 0 requests a second"):
        Target("http://127.0.0.1/", rate)


def test_command_writes_every_answer_and_a_total(tmp_path: Path) -> None:
    rows, out = tmp_path / "rows", tmp_path / "answers.jsonl"
    rows.write_text('{"instances":[[1]]}\n{"instances":[[2]]}\n')

    async def load() -> str:
        async with served(saying(version="1.0.0")) as url:
            arguments = ["--url", url, "--rows", str(rows), "--rate", "50", "--duration", "0.5", "--out", str(out)]
            return (await asyncio.to_thread(CliRunner().invoke, command, arguments)).output

    output = asyncio.run(load())
    answers = list(read(out))
    assert answers
    assert f"total      {len(answers)} requests, 0 failed, 0 not finite; 1.0.0 100.0%; p50" in output


def test_answers_survive_their_file(tmp_path: Path) -> None:
    answers = [Answer(1.5, 0.25, 200, "1.0.0"), Answer(2.5, 5.0, None, error="no answer within 5 s", finite=True)]
    path = tmp_path / "answers.jsonl"
    with path.open("w") as file:
        write(file, answers)
    assert list(read(path)) == answers
    assert json.loads(path.read_text().splitlines()[0])["version"] == "1.0.0"
