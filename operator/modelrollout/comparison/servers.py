"""The model servers of control and arms, asked as users ask them: the same path or method, the same bytes.

What comes of it is a ``Reply`` in any case: a server may be away, hung, hostile or huge, and that is what is counted.

Connections are kept: with a new one for each replay users of the version that serves waited longer, 1.7 ms at the p99
in place of one (docs/shadow.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count

import aiohttp
import grpc
from yarl import URL

from modelrollout.adapters.samples import read_answer, session_without_cookies
from modelrollout.adapters.tensors import Unreadable
from modelrollout.api.compared import Outcome
from modelrollout.comparison.copy import REPLAYED, Copy, Protocol
from modelrollout.comparison.read_json import rows_of_json
from modelrollout.comparison.read_protobuf import SERVICE, rows_of_message
from modelrollout.comparison.reply import Reply, Row
from modelrollout.comparison.settings import Place

MOST_ANSWER = 4 * 1024**2  # bytes; what gRPC takes by itself
_BUSY = 429
_KEPT_SECONDS = 5.0  # a connection that nobody uses
_REPLAYS_OF_ONE = 20  # replays after which one ends its connection, so that all pods of a Service get some
_REFUSALS = (
    *(grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OUT_OF_RANGE),
    *(grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.ALREADY_EXISTS),
    *(grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED),
)
"""What is 4xx by HTTP. TensorFlow Serving says so of requests that no version would answer."""
_OURS = "CLIENT: "  # begins what the library says of an answer that is larger than we take


@dataclass(frozen=True, slots=True)
class Servers:
    """By version. ``limit`` of one answer in seconds; ``only_rule`` as in ``Comparison``."""

    places: Mapping[str, Place]
    session: aiohttp.ClientSession
    channels: Mapping[str, grpc.aio.Channel]
    limit: float
    only_rule: str | None
    replays: Iterator[int] = field(default_factory=lambda: count(1))

    async def ask(self, version: str, copy: Copy) -> Reply:
        """One replay."""
        if copy.protocol is Protocol.GRPC:
            return await self._by_grpc(self.channels[version], copy)
        return await self._by_rest(self.places[version], copy)

    async def _by_rest(self, place: Place, copy: Copy) -> Reply:
        clock = asyncio.get_running_loop().time
        started = clock()
        headers = {**copy.headers, REPLAYED: "1", "Accept-Encoding": "identity"}
        if next(self.replays) % _REPLAYS_OF_ONE == 0:
            headers["Connection"] = "close"
        url = URL(f"http://{place.host}:{place.rest_port}{copy.target}", encoded=True)
        limits = aiohttp.ClientTimeout(total=self.limit)
        try:
            status, body = await self._posted(url, copy.body, headers, limits)
            seconds = clock() - started
        except TimeoutError:
            return Reply(Outcome.FAILED, self.limit)
        except (aiohttp.ClientError, OSError, ValueError):
            return Reply(Outcome.FAILED)
        if status != 200:
            return Reply(Outcome.REFUSED if 400 <= status < 500 and status != _BUSY else Outcome.FAILED, seconds)
        return _read(seconds, body, lambda found: rows_of_json(found, self.only_rule))

    async def _posted(
        self, url: URL, body: bytes, headers: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> tuple[int, bytes | None]:
        """Status and body. Once more where the server has just closed the connection that was kept."""
        for again in (True, False):
            try:
                async with self.session.post(
                    url, data=BytesIO(body), headers=headers, timeout=limits, allow_redirects=False
                ) as response:
                    return response.status, await read_answer(response, MOST_ANSWER)
            except aiohttp.ServerDisconnectedError:
                if not again:
                    raise
        raise AssertionError("it was answered, or not")

    async def _by_grpc(self, channel: grpc.aio.Channel, copy: Copy) -> Reply:
        clock = asyncio.get_running_loop().time
        started = clock()
        call = channel.unary_unary(f"/{SERVICE}/{copy.target}")
        try:
            message = await call(copy.body, timeout=self.limit, metadata=((REPLAYED, "1"),))
        except grpc.aio.AioRpcError as error:
            return _failed(error, clock() - started)
        return _read(clock() - started, message, lambda found: rows_of_message(copy.target, found))


def _failed(error: grpc.aio.AioRpcError, seconds: float) -> Reply:
    code = error.code()
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and (error.details() or "").startswith(_OURS):
        return _read(seconds, None, lambda _: ())
    if code is grpc.StatusCode.UNAVAILABLE:
        return Reply(Outcome.FAILED)
    return Reply(Outcome.REFUSED if code in _REFUSALS else Outcome.FAILED, seconds)


def _read(seconds: float, body: bytes | None, rows: Callable[[bytes], tuple[Row, ...]]) -> Reply:
    """The server says that all is well."""
    if body is None:
        return Reply(Outcome.OK, seconds, unread=f"it is larger than {MOST_ANSWER // 1024**2} MiB")
    try:
        return Reply(Outcome.OK, seconds, rows(body))
    except Unreadable as error:
        return Reply(Outcome.OK, seconds, unread=str(error))


@asynccontextmanager
async def connected(places: Mapping[str, Place], limit: float, only_rule: str | None) -> AsyncIterator[Servers]:
    """Servers that can be asked as long as the context is open."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS)
    options = [("grpc.max_receive_message_length", MOST_ANSWER), ("grpc.enable_retries", 0)]
    channels = {
        version: grpc.aio.insecure_channel(f"{place.host}:{place.grpc_port}", options=options)
        for version, place in places.items()
    }
    try:
        async with session_without_cookies(connector) as session:
            yield Servers(places, session, channels, limit, only_rule)
    finally:
        for channel in channels.values():
            await channel.close()
