"""One file over https, patiently: what may be otherwise in a moment is tried again with growing waits, and a refusal is
told at once.

A store that is started again, a name that is not known yet, a pod whose network comes up after its first container:
none of that is the model's fault, and all of it is over soon.
"""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from io import BufferedIOBase
from pathlib import Path
from typing import IO

from modelrollout.adapters.storage.credentials import FIELD, HOST, Credentials
from modelrollout.adapters.storage.failure import FetchError, StoreAway
from modelrollout.adapters.storage.progress import Progress

_BLOCK = 1024 * 1024
_READ_TIMEOUT = 60.0  # seconds without a byte
_SHORTEST_TIMEOUT = 5.0  # of the last try, too
_LONGEST_WAIT = 30.0  # seconds between two tries, unless the store asks for more
_PASSING = frozenset({408, 425, 429})  # and whatever the server says of itself, 5xx
_NEVER = frozenset({501, 505})
_UNKNOWN = frozenset({401, 403})

TROUBLE = (OSError, http.client.HTTPException)
"""What a connection can end with; urllib's own errors are the first of them."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What may be otherwise in a moment: in words, and the seconds that the store asks to be left alone."""

    words: str
    asked: float = 0.0


def download(
    uri: str, archive: Path, progress: Progress, retry_for: float, credentials: Credentials | None = None
) -> None:
    """Write what is at ``uri`` to a file, trying for ``retry_for`` seconds. Raises StoreAway when that was not enough,
    FetchError for what will not be otherwise."""
    opener = urllib.request.build_opener(_HttpsOnly(credentials))
    wait, waited, tries = 1.0, 0.0, 1
    while True:
        left = retry_for - max(waited, progress.clock() - progress.started)
        try:
            timeout = min(_READ_TIMEOUT, max(_SHORTEST_TIMEOUT, left))
            with opener.open(_request(uri, credentials), timeout=timeout) as answer:
                return _write(answer, archive, progress)
        except TROUBLE as error:
            trouble = _passing(uri, error, credentials)
            left = retry_for - max(waited, progress.clock() - progress.started)
            if left <= 0:
                often = f"tried {tries} times in {retry_for:g} s"
                raise StoreAway(f"{uri} cannot be fetched: {trouble.words}; {often} (spec.model.uri)") from error
        pause = min(max(wait, trouble.asked), left)  # once more when the time is over, whatever the store asks for
        progress.say(f"{uri}: {trouble.words}; trying again in {pause:.0f} s")
        time.sleep(pause)
        waited, wait, tries = waited + pause, min(2 * wait, _LONGEST_WAIT), tries + 1


def _request(uri: str, credentials: Credentials | None) -> urllib.request.Request:
    request = urllib.request.Request(uri, headers={"User-Agent": "modelrollout"})
    if credentials is not None and not credentials.sign(request):
        raise FetchError(
            f"{uri} is not at {credentials.host}, which Secret {credentials.secret} is for: correct spec.model.uri, or "
            f"the Secret's key {HOST} ({FIELD})"
        )
    return request


def _write(answer: http.client.HTTPResponse, archive: Path, progress: Progress) -> None:
    progress.done = 0
    progress.expect(_length(answer.headers.get("Content-Length")))
    with archive.open("wb") as writer:
        pour(answer, writer, progress)
    if progress.total and progress.done != progress.total:
        raise ConnectionError(f"the connection ended after {progress.done} of {progress.total} bytes")


def pour(reader: BufferedIOBase, writer: IO[bytes], progress: Progress) -> None:
    """Copy all that there is, and count it. Raises FetchError at the limits of ``progress``, also where it comes byte
    by byte."""
    while block := reader.read1(_BLOCK):
        writer.write(block)
        progress.add(len(block))


def _length(header: str | None) -> int:
    """In bytes; 0 when nobody knows."""
    return int(header) if header is not None and header.isdecimal() else 0


def _passing(uri: str, error: Exception, credentials: Credentials | None) -> Trouble:
    """Raises FetchError for what will not pass."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()  # it holds the connection
        words = f"the server answers {error.code} {error.reason}".rstrip()
        if error.code not in _PASSING and not (error.code >= 500 and error.code not in _NEVER):
            raise FetchError(f"{uri}: {words}{_to_whom(error.code, credentials)} (spec.model.uri)") from error
        return Trouble(words, _asked(error.headers.get("Retry-After")))
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, ssl.SSLCertVerificationError | http.client.InvalidURL):
        raise FetchError(f"{uri} cannot be fetched: {reason} (spec.model.uri)") from error
    return Trouble(str(reason) or type(reason).__name__)


def _to_whom(code: int, credentials: Credentials | None) -> str:
    if code not in _UNKNOWN:
        return ""
    if credentials is None:
        return f"; nobody was named to it: a Secret with {HOST} and token, or username and password, goes into {FIELD}"
    return f" to {credentials}"


def _asked(header: str | None) -> float:
    """``Retry-After`` in seconds from now: a number or a time of day, as RFC 9110 has it; 0 for anything else."""
    text = (header or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """A redirect to anything but https is refused: the model would come unprotected. The store itself knows who asks
    after a redirect, too, and nobody else does."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: object,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            fp.close()
            raise FetchError(f"{req.full_url} leads to {newurl}, which is not https")
        further = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if further is not None and self._credentials is not None:
            self._credentials.sign(further)
        return further
