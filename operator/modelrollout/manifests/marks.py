"""Marks: what a route writes into answers besides the version, and by which of it a user is known again.

A cookie says which version its user got, and in which epoch. Every version of a shared split has one, the control, too:
with a cookie for the candidate alone, each request of everybody else is another chance to become its user, and at 10 %
two thirds are after ten requests. A cookie of another epoch, of a version without a share, or of somebody's own making
is none: no rule is for it, and its user is drawn anew.

``add`` and never ``set``: the latter deletes the application's own cookies from the answer.
https://www.rfc-editor.org/rfc/rfc6265#section-4.1
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.api.cookies import COOKIE, pair, quoted
from modelrollout.api.route import Split
from modelrollout.api.traffic import VERSION_HEADER, Cookie
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

SET_COOKIE = "set-cookie"

_WHEN_AND_WHICH = "%START_TIME(%s)%/%REQ(X-REQUEST-ID)%"
"""Filled in by Envoy for each request: when it began, in seconds since the epoch of all clocks, and its own name."""

_WRITTEN = re.compile(
    r"(?P<name>[^=;]+)=(?P<epoch>[0-9]+)\.[^;]*; Path=/; Max-Age=(?P<age>[0-9]+); HttpOnly; SameSite=Lax"
    r"(?P<secure>; Secure)?"
)


@dataclass(frozen=True, slots=True)
class Marks:
    """What answers carry besides their version: nothing by default. ``decision`` is the name of a header."""

    epoch: int = 0
    cookie: Cookie | None = None
    decision: str | None = None

    @classmethod
    def of(cls, spec: Spec, epoch: int) -> Marks:
        """Those that the spec asks for."""
        traffic = spec.traffic
        decision = traffic.decision_header.lower() if traffic.decision_header is not None else None
        return cls(epoch, traffic.affinity.cookie if traffic.affinity is not None else None, decision)

    def is_sticky(self, split: Split) -> bool:
        """Whether the users of a split stay where they were drawn to. Only where there is something to draw, and never
        by a second condition for the same header."""
        drawn = split.is_shared and not split.is_preview
        return drawn and self.cookie is not None and not any(match.asks_for(COOKIE) for match in split.who)

    def known_by(self, version: str) -> str:
        """RE2 for the whole header ``Cookie`` of users that have a version: one of its pairs, from end to end."""
        assert self.cookie is not None
        return pair(self.cookie.name, quoted(self._value(version)))

    def headers(self, rollout: ModelRollout, split: Split, version: str, *, draws: bool) -> Mapping[str, Any]:
        """What is done to the headers of a version's answers. ``draws``: its users come to it by this very rule."""
        marks = {VERSION_HEADER: version}
        if self.decision is not None:
            place = (rollout.namespace, rollout.name, str(self.epoch), version, split.name)
            marks[self.decision] = "/".join((*place, _WHEN_AND_WHICH))
        if not draws:
            return {"response": {"set": marks}}
        return {"response": {"set": marks, "add": {SET_COOKIE: self._set_cookie(version)}}}

    def _set_cookie(self, version: str) -> str:
        assert self.cookie is not None
        age = f"Max-Age={math.ceil(self.cookie.max_age)}"
        parts = (f"{self.cookie.name}={self._value(version)}", "Path=/", age, "HttpOnly", "SameSite=Lax")
        return "; ".join((*parts, "Secure") if self.cookie.secure else parts)

    def _value(self, version: str) -> str:
        return f"{self.epoch}.{version}"


NO_MARKS = Marks()


def marks_of(destinations: Iterable[Mapping[str, Any]]) -> Marks:
    """Those that live destinations seem to have been written with; whether they were, shows when they are written
    again. Raises ValueError and its like for what is none at all."""
    found = NO_MARKS
    for item in destinations:
        answers = item["headers"]["response"]
        for name, value in answers["set"].items():
            if name != VERSION_HEADER and value.endswith(_WHEN_AND_WHICH):
                found = Marks(int(value.split("/")[2]), found.cookie, name)
        if (written := _WRITTEN.fullmatch(answers.get("add", {}).get(SET_COOKIE, ""))) is not None:
            cookie = Cookie(name=written["name"], max_age=float(written["age"]), secure=written["secure"] is not None)
            found = Marks(int(written["epoch"]), cookie, found.decision)
    return found
