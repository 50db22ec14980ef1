"""Requests: one reward or a batch of them, to an answer. Bad input is told with a reason and never an error of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from modelrollout.rewards.counts import Counts
from modelrollout.rewards.intake import Intake
from modelrollout.rewards.keys import HEADER, Keys
from modelrollout.rewards.refusal import Reason, Refusal
from modelrollout.rewards.watch import Watch

MOST = 1000  # rewards in a batch
LARGEST = 1024**2  # bytes of a request
_PATIENCE = 10.0  # seconds that the body of a request may take
_AT_A_TIME = 100  # rewards of a batch before others have their turn
_DRAINING = "this gateway is about to end; send it again, to another"
_NO_LIST = "the operator has not said yet what is on trial; send it again"


@dataclass(slots=True)
class Gateway:
    """Answers ``POST /v1/rewards``."""

    intake: Intake
    counts: Counts
    watch: Watch
    keys: Keys | None = None
    draining: bool = False

    def not_ready(self) -> str | None:
        """Why rewards are to be sent elsewhere, or later."""
        if self.draining:
            return _DRAINING
        return None if self.watch.known is not None else _NO_LIST

    async def post(self, request: web.Request) -> web.Response:
        """One request."""
        try:
            if words := self.not_ready():
                raise Refusal(Reason.UNAVAILABLE, words)
            given = self._parsed(await _body(request), request.headers.get(HEADER, ""))
            items = given if isinstance(given, list) else [given]
            refused = await self._taken(items)
        except Refusal as refusal:
            self.counts.refuse(refusal.reason)
            return _refused(refusal)
        if refused and not isinstance(given, list):
            return _refused(refused[0])
        listed = [{"index": index, **refusal.body} for index, refusal in sorted(refused.items())]
        return web.json_response({"accepted": len(items) - len(refused), "refused": listed})

    def _parsed(self, body: bytes, signature: str) -> Any:
        """The request's JSON, if it is signed. Raises Refusal."""
        if self.keys is not None and not self.keys.signed(body, signature):
            raise Refusal(Reason.UNSIGNED, f"{HEADER} must be sha256= and the HMAC-SHA256 of the body, in hexadecimal")
        try:
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refusal(Reason.MALFORMED, f"the body is not JSON: {error}") from error
        if isinstance(given, list) and len(given) > MOST:
            raise Refusal(Reason.TOO_LARGE, f"the batch has {len(given)} rewards; send at most {MOST} in each")
        return given

    async def _taken(self, items: Sequence[Any]) -> dict[int, Refusal]:
        """Count what counts; the others by their place. What the list is too old for is looked at once more."""
        refused = await self._pass(items, range(len(items)))
        unsure = [index for index, refusal in refused.items() if refusal.reason is Reason.UNAVAILABLE]
        if unsure:
            await self.watch.newer()
            for index in unsure:
                del refused[index]
            refused |= await self._pass(items, unsure)
        for refusal in refused.values():
            self.counts.refuse(refusal.reason)
        return refused

    async def _pass(self, items: Sequence[Any], indices: Sequence[int]) -> dict[int, Refusal]:
        refused = {}
        for done, index in enumerate(indices, 1):
            if (refusal := self.intake.take(items[index])) is not None:
                refused[index] = refusal
            if done % _AT_A_TIME == 0:
                await asyncio.sleep(0)
        return refused


async def _body(request: web.Request) -> bytes:
    """Raises Refusal."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal(Reason.MALFORMED, "Content-Encoding is not read; send the JSON as it is")
    too_large = Refusal(Reason.TOO_LARGE, f"the body is larger than {LARGEST} bytes; send smaller batches")
    if (request.content_length or 0) > LARGEST:
        raise too_large
    try:
        async with asyncio.timeout(_PATIENCE):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large from error
    except (aiohttp.ClientPayloadError, aiohttp.http.HttpProcessingError, TimeoutError) as error:
        words = str(error) or f"it took longer than {_PATIENCE:g} s"
        raise Refusal(Reason.MALFORMED, f"the body did not come whole: {words}") from error


def _refused(refusal: Refusal) -> web.Response:
    headers = {"Retry-After": "1"} if refusal.reason is Reason.UNAVAILABLE else None
    return web.json_response(refusal.body, status=refusal.status, headers=headers)
