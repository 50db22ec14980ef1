"""A requests session with limits on whole answers: their size, and the time until their last byte.

The time limit of requests is one for each read of the connection, so a server that sends a byte a second is never too
slow, of the headers neither; and an answer is read whole, however large it is.
https://requests.readthedocs.io/en/latest/user/advanced/#timeouts
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any

from requests import RequestException, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

_PIECE = 64 * 1024  # bytes


class TooLarge(RequestException):
    """The answer is larger than it may be; ``most`` is in bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the answer is larger than {most / 2**20:g} MiB")


class TooSlow(RequestException):
    """The answer had begun, and did not end in time."""


class _Prompt(HTTPConnection):
    """A connection that is given up when the headers are not whole within the time limit of one read."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        limit, late = self.timeout, threading.Event()
        assert isinstance(limit, int | float), "every query has a time limit"

        def give_up() -> None:
            late.set()
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # ends the read that is under way

        timer = threading.Timer(limit, give_up)
        timer.start()
        response = None
        try:
            response = super().getresponse()
        except Exception:
            if not late.is_set():
                raise
        finally:
            timer.cancel()
        if response is None or late.is_set():
            if response is not None:
                response.close()
            raise TimeoutError(f"the headers of the answer were not whole after {limit:g} s")
        return response


class _PromptTls(_Prompt, HTTPSConnection):
    pass


class _Plain(HTTPConnectionPool):
    ConnectionCls = _Prompt


class _Tls(HTTPSConnectionPool):
    ConnectionCls = _PromptTls


class BoundedSession(Session):
    """Answers of at most ``most`` bytes, each within ``seconds``. Raises TooLarge and TooSlow."""

    def __init__(self, most: int, seconds: float) -> None:
        super().__init__()
        self._most = most
        self._seconds = seconds

    def mount(self, prefix: Any, adapter: Any) -> None:
        """As any session, with connections of ours."""
        if isinstance(adapter, HTTPAdapter):
            adapter.poolmanager.pool_classes_by_scheme = {"http": _Plain, "https": _Tls}
        super().mount(prefix, adapter)

    def request(self, method: Any, url: Any, *arguments: Any, **options: Any) -> Response:
        """As any session, with the answer read by then."""
        end = time.monotonic() + self._seconds
        response = super().request(method, url, *arguments, **(options | {"stream": True}))
        try:
            response._content = self._whole(response, end)
        except HTTPError as error:  # urllib3's own, which requests would have translated
            raise RequestException(f"the answer broke off: {error}") from error
        finally:
            response.close()
        return response

    def _whole(self, response: Response, end: float) -> bytes:
        """The answer, piece by piece as it comes: who waited for whole pieces would wait for a byte a second."""
        pieces, size = [], 0
        while piece := response.raw.read1(_PIECE, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > self._most:
                raise TooLarge(self._most)
            if time.monotonic() > end:
                raise TooSlow(f"the answer was not whole after {self._seconds:g} s")
        return b"".join(pieces)
