"""By a cookie, for browsers: it says which version its user got, and in which epoch.

Every version of a shared split has one, the control, too: with a cookie for the candidate alone, each request of
everybody else is another chance to become its user, and at 10 % two thirds are after ten requests. A cookie of another
epoch, of a version without a share, or of somebody's own making is none: no rule is for it, and its user is drawn anew.

``add`` and never ``set``: the latter deletes the application's own cookies from the answer.
https://www.rfc-editor.org/rfc/rfc6265#section-4.1
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from modelrollout.api.affinity import Cookie
from modelrollout.api.cookies import COOKIE, pair, quoted
from modelrollout.manifests.affinity.base import Affinity, Live, Told
from modelrollout.manifests.meta import Object

SET_COOKIE = "set-cookie"

_WRITTEN = re.compile(
    r"(?P<name>[^=;]+)=(?P<epoch>[0-9]+)\.[^;]*; Path=/; Max-Age=(?P<age>[0-9]+); HttpOnly; SameSite=Lax"
    r"(?P<secure>; Secure)?"
)


@dataclass(frozen=True, slots=True)
class ByCookie(Affinity):
    """``affinity.cookie``."""

    cookie: Cookie

    @property
    def header(self) -> str:
        """The one with all cookies."""
        return COOKIE

    def known(self, salt: str, shares: Mapping[str, float], epoch: int) -> Mapping[str, Object]:
        """One of its pairs, from end to end."""
        return {version: {"regex": pair(self.cookie.name, quoted(f"{epoch}.{version}"))} for version in shares}

    def told(self, version: str, epoch: int, *, drawn: bool) -> Told:
        """Who has it already needs no other."""
        return {"add": {SET_COOKIE: self._set_cookie(f"{epoch}.{version}")}} if drawn else {}

    def _set_cookie(self, value: str) -> str:
        age = f"Max-Age={math.ceil(self.cookie.max_age)}"
        parts = (f"{self.cookie.name}={value}", "Path=/", age, "HttpOnly", "SameSite=Lax")
        return "; ".join((*parts, "Secure") if self.cookie.secure else parts)

    @classmethod
    def read(cls, live: Live) -> tuple[Self, int] | None:
        """From what is set by answers."""
        texts = (item["headers"]["response"].get("add", {}).get(SET_COOKIE, "") for item in live.drawing)
        written = next((found for text in texts if (found := _WRITTEN.fullmatch(text)) is not None), None)
        if written is None:
            return None
        cookie = Cookie(name=written["name"], max_age=float(written["age"]), secure=written["secure"] is not None)
        return cls(cookie), int(written["epoch"])
