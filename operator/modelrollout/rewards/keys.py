"""Signatures of requests, where a key is given: HMAC-SHA256 of the body, in ``X-Signature: sha256=HEX``.

The file holds one key a line, and any of them will do, so that a key is changed by adding the new one, then taking the
old one away. It is read again now and then, because Kubernetes changes mounted Secrets in place.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from dataclasses import dataclass, field
from pathlib import Path

HEADER = "X-Signature"
SHORTEST = 16  # characters
_AGAIN = 10.0  # seconds
_PREFIX = "sha256="

log = logging.getLogger(__name__)


class BadKeys(ValueError):
    """The file of the keys is not as it must be; the message says what to write."""


@dataclass(slots=True)
class Keys:
    """The keys of one file."""

    path: Path
    _keys: tuple[bytes, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self._keys = _read(self.path)

    def sign(self, body: bytes) -> str:
        """The header's value, by the first key."""
        return _signature(self._keys[0], body)

    def signed(self, body: bytes, signature: str) -> bool:
        """Whether one of the keys signed this. Takes the same time however much of a signature is right."""
        given = signature.strip().lower().encode("utf-8", "surrogateescape")
        return any(hmac.compare_digest(_signature(key, body).encode(), given) for key in self._keys)

    async def run(self) -> None:
        """Read the file again, for ever. One that cannot be read changes nothing."""
        while True:
            await asyncio.sleep(_AGAIN)
            try:
                self._keys = _read(self.path)
            except BadKeys as error:
                log.warning("%s; the keys of before still hold", error)


def _signature(key: bytes, body: bytes) -> str:
    return _PREFIX + hmac.digest(key, body, "sha256").hex()


def _read(path: Path) -> tuple[bytes, ...]:
    """Raises BadKeys."""
    try:
        lines = [line.strip() for line in path.read_bytes().splitlines()]
    except OSError as error:
        raise BadKeys(f"--hmac-key-file: {path} cannot be read: {error.strerror or error}") from error
    keys = tuple(line for line in lines if line)
    if not keys or min(map(len, keys)) < SHORTEST:
        raise BadKeys(
            f"--hmac-key-file: {path} must hold one key a line, each of at least {SHORTEST} characters; "
            f"write for example the output of `openssl rand -hex 32`"
        )
    return keys
