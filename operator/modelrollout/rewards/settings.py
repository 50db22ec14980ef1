"""How a gateway runs: what the options of ``modelrollout rewards`` say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class BadSetting(ValueError):
    """An option that cannot be; the message names it, its value and what was expected."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds. Raises BadSetting."""

    operator: str  # URL of the operator's own server, whose /v1/arms says what is on trial
    listen: str = "0.0.0.0:8080"
    max_reward: float = 1.0
    window: float = 86400.0  # a reward that comes later is of no use, and its id need not be remembered
    remember: int = 2_000_000  # ids of requests: some 130 MiB
    hmac_key_file: Path | None = None
    drain: float = 15.0  # at least the scrape interval, so that nothing is lost that was acknowledged
    poll: float = 5.0

    def __post_init__(self) -> None:
        if not _is_server(self.operator):
            raise BadSetting(f"--operator: {self.operator!r} is no URL; write for example http://modelrollout:8080")
        if not self.listen.rpartition(":")[2].isdecimal():
            raise BadSetting(f"--listen: {self.listen!r} has no port; write for example 0.0.0.0:8080")
        if not math.isfinite(self.max_reward):
            raise BadSetting(f"--max-reward: {self.max_reward} is not finite; write the largest reward there is")
        if not self.window > 0:
            raise BadSetting(f"--window: {self.window:g}s lets no reward in; write for example 24h")


def _is_server(url: str) -> bool:
    """Plain HTTP, as the operator serves it."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0 and parts.path in ("", "/")
    except ValueError:
        return False
