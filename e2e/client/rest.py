"""Requests to TensorFlow Serving's REST API."""

from collections.abc import Mapping
from io import BytesIO
from types import TracebackType
from typing import Self

import aiohttp

from e2e.client.answer import VERSION_HEADER, is_finite
from e2e.client.reply import Reply

LARGE = 2**20  # bytes; aiohttp writes more than that in pieces, if it is told so


class Rest:
    """POSTs bodies of JSON to one URL. `timeout` in seconds."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/json", **headers}
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, body: bytes) -> Reply:
        """One request and its answer."""
        try:
            data = BytesIO(body) if len(body) > LARGE else body
            async with self._session.post(self._url, data=data, headers=self._headers) as response:
                content = await response.read()
                return Reply(response.status, response.headers.get(VERSION_HEADER), finite=is_finite(content))
        except TimeoutError:
            return Reply(error=f"no answer within {self._timeout:g} s")
        except aiohttp.ClientError as problem:
            return Reply(error=f"{type(problem).__name__}: {problem}")
