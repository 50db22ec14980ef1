"""Prometheus by its HTTP API: raw samples with their own times, and what is wrong with a query.

Raw samples are asked for with a range selector (``metric{...}[10s]``) by an instant query: that gives the counters as
scraped, with the time of the scrape. ``rate()`` and ``increase()`` would give neither whole numbers nor the times.

prometheus-api-client is synchronous and has no time limit of its own, so it runs in a few threads of ours, with one,
and by a session that reads no answer without an end (``bounded.py``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from requests import RequestException, Response
from urllib3 import Retry

from modelrollout.adapters.bounded import BoundedSession, TooLarge

Result = TypeVar("Result")

MOST = 64 * 2**20
"""Bytes of an answer: the counters of thousands of versions are some megabytes."""

MOST_OF_USERS = 4 * 2**20
"""Bytes of the answer to a query that a user wrote: as objects in memory it takes ten times as much."""


class PrometheusAway(Exception):
    """Prometheus cannot be reached, is too slow, or has trouble of its own."""


class BadQuery(Exception):
    """Prometheus understands the request and refuses the query; its own words."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels and its points (seconds since the epoch, value), oldest first."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class _LongQueries(BoundedSession):
    """Sends queries as a form (POST), which Prometheus takes, too: one for hundreds of releases is longer than the 8 KB
    that proxies allow for an address. The client itself puts them into the address whatever the method."""

    def request(self, method: Any, url: Any, *arguments: Any, **options: Any) -> Response:
        """As any session; queries in the body."""
        if str(url).endswith("/api/v1/query"):
            method, options["data"] = "POST", options.pop("params", None)
        return super().request(method, url, *arguments, **options)


class Prometheus:
    """One Prometheus. Times in seconds, ``most`` is the bytes of an answer; every method raises PrometheusAway or
    BadQuery. ``matchers`` tell the series of this cluster from those of others in the same store."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        threads: int,
        token_file: str | None = None,
        most: int = MOST,
        matchers: str = "",
    ) -> None:
        self.url = url.rstrip("/")
        self.threads = threads
        self._matchers = matchers
        self._timeout = timeout
        self._token_file = token_file
        self._session = _LongQueries(most, timeout)
        self._client = PrometheusConnect(url=self.url, retry=Retry(0), timeout=timeout, session=self._session)  # type: ignore[arg-type]
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="prometheus")
        self._gate = asyncio.Semaphore(threads)
        self._turn = asyncio.Semaphore(threads)

    def close(self) -> None:
        """Let the threads end; queries under way are left to their time limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def a_few(self, most: int) -> Prometheus:
        """The same one by the same threads, for questions of which ``most`` are under way at one time, so that all who
        ask others find a thread."""
        few = copy(self)
        few._turn = asyncio.Semaphore(most)
        return few

    def here(self, expression: str) -> str:
        """An expression of the operator's own, about the series of this cluster alone. A user's query has the matchers
        that the user wrote."""
        return with_matchers(expression, self._matchers)

    async def raw(self, selector: str, window: float, at: float | None = None) -> list[Series]:
        """All samples that the selector's series had in the last ``window`` seconds (before ``at``)."""
        return await self.query(f"{selector}[{window * 1000:.0f}ms]", at)

    async def query(self, expression: str, at: float | None = None) -> list[Series]:
        """What an instant query gives: one point for each series, or all points of a range selector."""
        parameters = {"timeout": f"{self._timeout:g}s"} | ({"time": f"{at:.3f}"} if at is not None else {})
        return await self._run(lambda: _all_series(self._client.custom_query(expression, parameters)))

    async def knows(self, metric: str, within: float = 86400.0) -> bool:
        """Whether there is any series of this name, now or in the last ``within`` seconds."""
        now = datetime.now()
        parameters = {"match[]": f'{{__name__="{metric}"}}', "limit": "1"}
        found = await self._run(lambda: self._client.get_series(now - timedelta(seconds=within), now, parameters))
        return bool(found)

    async def _run(self, call: Callable[[], Result]) -> Result:
        """In a thread, with a limit. The wait for a thread does not count: it says nothing about Prometheus."""
        loop = asyncio.get_running_loop()
        try:
            async with self._turn, self._gate, asyncio.timeout(self._timeout * 2):
                return await loop.run_in_executor(self._threads, self._guarded, call)
        except TimeoutError as error:
            raise PrometheusAway(f"Prometheus at {self.url} did not answer in {self._timeout * 2:g} s") from error

    def _guarded(self, call: Callable[[], Result]) -> Result:
        """In a thread: the call, with its errors told apart."""
        try:
            if self._token_file:
                token = Path(self._token_file).read_text().strip()
                self._client.headers = {"Authorization": f"Bearer {token}"}
            return call()
        except PrometheusApiClientException as error:
            raise self._refusal(str(error)) from error
        except TooLarge as error:
            raise BadQuery(f"{error}: it selects too many series, or a counter with too many labels") from error
        except (RequestException, OSError, ValueError, KeyError) as error:
            raise PrometheusAway(f"Prometheus at {self.url} cannot be reached: {_words(error)}") from error

    def _refusal(self, text: str) -> PrometheusAway | BadQuery:
        """The client puts status and body into one text: ``HTTP Status Code 400 (b'{...}')``."""
        status = text.removeprefix("HTTP Status Code ")[:3]
        words = _reason(text)
        if status in ("400", "422"):
            return BadQuery(words)
        return PrometheusAway(f"Prometheus at {self.url} answers with HTTP {status}: {words}")


def with_matchers(expression: str, matchers: str) -> str:
    """The expression with more matchers in each of its selectors, which all have braces."""
    return expression.replace("{", f"{{{matchers},") if matchers else expression


def _all_series(result: Sequence[Any]) -> list[Series]:
    """Those of an answer. Raises BadQuery for one without."""
    if any(not isinstance(item, Mapping) for item in result):
        raise BadQuery("it gives one number and no series; a counter with labels is needed")
    return [_series(item) for item in result]


def _series(item: Mapping[str, Any]) -> Series:
    """One series of an answer. Raises BadQuery for one that is no series of numbers."""
    if "value" not in item and "values" not in item:
        raise BadQuery("it gives native histograms; a counter is needed, for example histogram_count(...) of it")
    points = item["values"] if "values" in item else [item["value"]]
    return Series(item["metric"], tuple((float(at), float(value)) for at, value in points))


def _reason(text: str) -> str:
    """Prometheus' own sentence from the text of the client's exception."""
    body = text[text.find("{") : text.rfind("}") + 1].replace("\\\\", "\\").replace("\\'", "'")
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError):
        return text[:300]


def _words(error: Exception) -> str:
    """The innermost cause, without the chain of wrappers round it."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(cause) or type(cause).__name__
