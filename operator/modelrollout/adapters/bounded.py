"""A requests session with limits on whole answers: their size, and the time until their last byte.

The time limit of requests is one for each read of the connection, so a server that sends a byte a second is never too
slow; and an answer is read whole, however large it is.
https://requests.readthedocs.io/en/latest/user/advanced/#timeouts
"""

from __future__ import annotations

import time
from typing import Any

from requests import RequestException, Response, Session
from urllib3.exceptions import HTTPError

_PIECE = 64 * 1024  # bytes


class TooLarge(RequestException):
    """The answer is larger than it may be; ``most`` is in bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the answer is larger than {most / 2**20:g} MiB")


class TooSlow(RequestException):
    """The answer had begun, and did not end in time."""


class BoundedSession(Session):
    """Answers of at most ``most`` bytes, each within ``seconds``. Raises TooLarge and TooSlow."""

    def __init__(self, most: int, seconds: float) -> None:
        super().__init__()
        self._most = most
        self._seconds = seconds

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
