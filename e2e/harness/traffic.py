"""The clients of a story: requests at a steady rate through the gateway, and what a story asks about their answers.

A failed request is any that was not answered with a prediction: 4xx too, because the rows that are sent are right.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests

from e2e.client import Answer, BackgroundClient, Target
from e2e.client.summary import share

RATE = 100.0  # requests a second
TIMEOUT = 5.0  # seconds
FEW = 3  # rows are sent again and again where they are made large
PREDICTION, UNKNOWN = 200, 404
PATIENCE = 3.0  # how many times longer than planned answers may take before it is an error to wait on


class Requests:
    """The answers to the requests of one client, while it sends and after it has stopped."""

    def __init__(self, client: BackgroundClient, rate: float) -> None:
        self._client = client
        self._rate = rate

    def answers(self, last: int | None = None) -> list[Answer]:
        """All answers, or those to the requests that were sent last, by the time at which they were due."""
        answers = sorted(self._client.answers, key=lambda answer: answer.at)
        return answers if last is None else answers[-last:]

    def wait_for_answers(self, count: int) -> None:
        """Until so many more requests were sent and so many answered. Raises AssertionError when they are not."""
        wanted = self._client.sent + count
        deadline = time.monotonic() + PATIENCE * count / self._rate + TIMEOUT
        while len(self._client.answers) < wanted:
            assert time.monotonic() < deadline, f"{len(self._client.answers)} of {wanted} answers; the client is stuck"
            time.sleep(0.02)

    def failed(self, last: int | None = None) -> list[Answer]:
        """The requests that were not answered with a prediction."""
        return [answer for answer in self.answers(last) if answer.status != PREDICTION]

    def none_failed(self, last: int | None = None) -> None:
        """Raises AssertionError, with what happened how often and when, if a request failed."""
        failed = self.failed(last)
        assert not failed, f"{len(failed)} of {len(self.answers(last))} requests failed: {describe(failed)}"

    def share(self, version: str, last: int | None = None) -> float:
        """The share of the requests that a version answered, 0 to 1."""
        answers = self.answers(last)
        assert answers, "no request was sent"
        return share(answers, version)


def describe(failed: Sequence[Answer]) -> str:
    """What happened, how often, and from when to when in seconds since the first of them."""
    kinds = Counter((answer.status or answer.error, answer.version) for answer in failed)
    words = ", ".join(f"{count} x {what} from {version or 'nobody'}" for (what, version), count in kinds.items())
    moment = time.strftime("%H:%M:%S", time.gmtime(failed[0].at))
    return f"{words}; the first at {moment} UTC, the last {failed[-1].at - failed[0].at:.2f} s later"


class Clients:
    """Makes clients that send the request rows of the test models through the gateway, or through a side car.
    ``unknown``: the status by which either says that it has no route for a host yet."""

    def __init__(self, gateway_url: str, rows: Path, model: str = "digits", unknown: int = UNKNOWN) -> None:
        self._url = f"{gateway_url}/v1/models/{model}:predict"
        self._grpc_url = f"grpc://{urlsplit(gateway_url).netloc}/{model}?input=pixels"
        self._unknown = unknown
        self._rows = [line.encode() for line in rows.read_text().splitlines()]

    @contextmanager
    def __call__(
        self,
        host: str,
        rate: float = RATE,
        headers: Mapping[str, str] | None = None,
        *,
        grpc: bool = False,
        timeout: float = TIMEOUT,
        size: int = 0,
    ) -> Iterator[Requests]:
        """Sends for as long as the block runs; the answers can be asked about during and after it. ``timeout``: the
        seconds after which a request is given up. ``size``: of each body in bytes, at least; blanks at its end make up
        for what lacks.

        The first request waits until the gateway knows the host: a new one takes the mesh a moment.
        """
        self._wait_for_host(host)
        target = Target(self._grpc_url if grpc else self._url, rate, host, timeout, headers or {})
        rows = [row.ljust(size) for row in self._rows[:FEW]] if size else self._rows
        with BackgroundClient(target, rows) as client:
            yield Requests(client, rate)

    def _wait_for_host(self, host: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while self._status(host) == self._unknown:
            assert time.monotonic() < deadline, f"the proxy does not know the host {host} after {TIMEOUT:.0f} s"
            time.sleep(0.05)

    def _status(self, host: str) -> int:
        return requests.post(self._url, self._rows[0], headers={"Host": host}, timeout=TIMEOUT).status_code
