"""Copies by REST. Every request is answered at once, whatever it is, and every body is read to its end.

Envoy throws the answer to a mirrored request away, but it waits for its body to be read: a mirror that leaves a large
one unread stops the user's own request (envoy#24365).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from modelrollout.api.compared import Drop
from modelrollout.comparison.copy import REPLAYED, Copy, Protocol
from modelrollout.comparison.intake import Intake, is_prediction

_PATIENCE = 10.0  # seconds that a body may take
_KEPT = ("Content-Type", "Content-Encoding")
_LONGEST_HEADER = 64 * 1024  # bytes; Envoy lets all headers together have 60 KiB
PARSER = {"max_line_size": _LONGEST_HEADER, "max_field_size": _LONGEST_HEADER}


@dataclass(frozen=True, slots=True)
class Rest:
    """Takes every request."""

    intake: Intake

    def application(self) -> web.Application:
        """As aiohttp knows it."""
        made = web.Application()
        made.add_routes([web.route("*", "/{path:.*}", self.take)])
        return made

    async def take(self, request: web.Request) -> web.Response:
        """One copy, whole or not."""
        counts = self.intake.counts
        counts.receive(Protocol.REST)
        comparable = request.method == "POST" and is_prediction(request.raw_path)
        refusal = self.intake.refusal(REPLAYED in request.headers, comparable)
        body = await _read(request, self.intake.largest)
        if refusal is not None or isinstance(body, Drop):
            counts.drop(refusal if refusal is not None else body)  # type: ignore[arg-type]
        else:
            headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
            self.intake.take(Copy(Protocol.REST, request.raw_path, body, headers))
        return web.Response(status=202)


async def _read(request: web.Request, largest: int) -> bytes | Drop:
    """The body, of which no more is kept than is replayed."""
    body = bytearray()
    too_large = False
    try:
        async with asyncio.timeout(_PATIENCE):
            async for part in request.content.iter_any():
                too_large = too_large or len(body) + len(part) > largest
                if not too_large:
                    body += part
    except (aiohttp.ClientPayloadError, aiohttp.http.HttpProcessingError, ConnectionError, TimeoutError):
        return Drop.INCOMPLETE
    return Drop.TOO_LARGE if too_large else bytes(body)
