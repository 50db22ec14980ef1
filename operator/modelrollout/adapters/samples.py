"""Samples: requests sent by REST before any user's, straight to one pod; or through the mesh (``Mesh``), where a route
leads to the version for those that have a header.

A server may be hung, hostile or huge: the time of a request and of all of them, and the bytes of an answer are bounded.
What a server did wrong is in its answer; that it could not be reached at all is nobody's fault, and is said apart.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from modelrollout.api.traffic import VERSION_HEADER, Header
from modelrollout.core.validate.answer import Answer

LARGEST_ANSWER = 1024 * 1024  # bytes
SHOWN = 200  # bytes of an answer that is told
NOT_SENT = "not sent, because one before it was not answered"
NOT_UNDERSTOOD = range(400, 500)
"""How a server says that a request is wrong; that the model is another one than was meant looks the same."""

PERHAPS_THE_REQUEST = "the request may be what is wrong: correct it before a retry"
_JSON = {"Content-Type": "application/json"}


def session_without_cookies(connector: aiohttp.BaseConnector | None = None) -> aiohttp.ClientSession:
    """For requests of many. What one tenant's server sets for the gateway's name would come with the requests of all
    others, and the gateway refuses requests with too much of it. The caller closes it."""
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


class Unreachable(Exception):
    """The server could not be asked; the message says why. No word about the model."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """The way that users' requests take: to ``host`` behind ``url``, with the header by which they reach ``version``
    before it has others. That it was reached is read from the answer, which the route marks with it. The Service is
    that of the split for previews, which no metric is asked for: these answers are nobody's evidence. ``service`` of
    the rollout's namespace is the one that ``host`` names to callers in the mesh; None: behind a gateway."""

    url: str
    host: str
    preview: Header
    version: str
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """A version of a model at ``host:port``, or through the ``mesh``. ``time_limit`` of one request in seconds."""

    address: str
    model: str
    number: int
    time_limit: float
    mesh: Mesh | None = None

    @property
    def url(self) -> str:
        """Of the version itself, whatever else the server holds; through the mesh as users ask."""
        if self.mesh is not None:
            return f"{self.mesh.url}/v1/models/{self.model}:predict"
        return f"http://{self.address}/v1/models/{self.model}/versions/{self.number}:predict"

    @property
    def headers(self) -> Mapping[str, str]:
        """Of each request."""
        if self.mesh is None:
            return _JSON
        return {**_JSON, "Host": self.mesh.host, self.mesh.preview.name: self.mesh.preview.value}

    def reached(self, status: int, answered_by: str | None) -> None:
        """Raises Unreachable where somebody else has answered."""
        if self.mesh is None or answered_by == self.mesh.version:
            return
        by = f"by version {answered_by}" if answered_by else "by something that is not this rollout's route"
        raise Unreachable(f"answered {by} with status {status}: the request did not reach {self.mesh.version}")


async def send_all(
    session: aiohttp.ClientSession, to: Destination, requests: Sequence[tuple[str, Any]]
) -> tuple[Answer, ...]:
    """Each request, with its name, one after the other: the latency is that of a server with nothing else to do. Once
    it lets one go unanswered, the others are not sent: a hung server would take as long for each of them. Raises
    Unreachable."""
    answers: list[Answer] = []
    hung = False
    for name, body in requests:
        answers.append(Answer(name, problem=NOT_SENT) if hung else await send(session, to, name, body))
        hung = hung or answers[-1].status is None
    return tuple(answers)


async def send(session: aiohttp.ClientSession, to: Destination, name: str, body: Any) -> Answer:
    """One request. Raises Unreachable."""
    clock = asyncio.get_running_loop().time
    started = clock()
    limits = aiohttp.ClientTimeout(total=to.time_limit, sock_connect=to.time_limit / 2)
    try:
        async with session.post(
            to.url,
            data=json.dumps(body).encode(),
            headers=to.headers,
            timeout=limits,
            allow_redirects=False,
        ) as response:
            to.reached(response.status, response.headers.get(VERSION_HEADER))
            text = await read_answer(response)
            return _answer(name, response.status, text, clock() - started)
    except aiohttp.ClientPayloadError as error:
        return Answer(name, problem=f"the answer breaks off: {error}")
    except aiohttp.ServerDisconnectedError:
        return Answer(name, problem="the server ended the connection without an answer")
    except aiohttp.ClientError as error:  # before TimeoutError: that of a connection is both
        place = to.address if to.mesh is None else to.mesh.url
        raise Unreachable(f"{place} cannot be reached: {error}") from error
    except TimeoutError:
        return Answer(name, seconds=to.time_limit, problem=f"no answer within {to.time_limit:g} s")


async def read_answer(response: aiohttp.ClientResponse, most: int = LARGEST_ANSWER) -> bytes | None:
    """The body; None when it is too large to be looked at."""
    found = bytearray()
    async for part in response.content.iter_chunked(64 * 1024):
        found += part
        if len(found) > most:
            return None
    return bytes(found)


def _answer(name: str, status: int, text: bytes | None, seconds: float) -> Answer:
    if text is None:
        return Answer(name, status, None, seconds, f"the answer is larger than {LARGEST_ANSWER // 1024} KiB")
    if status != 200:
        hint = f" ({PERHAPS_THE_REQUEST})" if status in NOT_UNDERSTOOD else ""
        return Answer(name, status, None, seconds, f"status {status}: {_short(text)}{hint}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Answer(name, status, None, seconds, f"the answer is not JSON: {_short(text)}")
    return Answer(name, status, value, seconds)


def _short(text: bytes) -> str:
    shown = " ".join(text[:SHOWN].decode(errors="replace").split())
    return f"{shown} …" if len(text) > SHOWN else shown
