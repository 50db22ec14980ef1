"""Timeline: when the versions of a test were asked, and when they were rewarded, in some tens of spans.

How late rewards come shows in how they begin: a version that has requests from some moment on is rewarded for them
later, and one that had more before is rewarded for those still. Totals do not tell it, so this is kept beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from modelrollout.core.evidence.hypergeometric import Floats

MOST = 32
"""Spans that are kept: then every two of them become one."""

Past = tuple[float, float, float]
"""From when until when a version was asked before the first tick, seconds since the epoch, and how often a second."""


@dataclass(frozen=True, slots=True)
class Span:
    """So many ``seconds`` with the requests (``asked``) and rewards (``earned``, requests that were rewarded) of each
    version. Who is not among the earned was not counted all the time."""

    seconds: float
    asked: Mapping[str, float] = field(default_factory=dict)
    earned: Mapping[str, float] = field(default_factory=dict)

    def and_(self, later: Span) -> Span:
        """Both as one."""
        asked = {name: self.asked.get(name, 0.0) + later.asked.get(name, 0.0) for name in {**self.asked, **later.asked}}
        earned = {name: value + later.earned[name] for name, value in self.earned.items() if name in later.earned}
        return Span(self.seconds + later.seconds, asked, earned)

    def unseen(self, seconds: float) -> Span:
        """A time of which nothing was counted, and in which as many asked as in this one."""
        part = seconds / self.seconds
        return Span(seconds, {name: part * number for name, number in self.asked.items()})


@dataclass(frozen=True, slots=True)
class Timeline:
    """All ``spans`` in order since ``begun`` (seconds since the epoch), each but the last as long as ``width`` at
    least; ``past`` by version."""

    begun: float = 0.0
    width: float = 0.0
    spans: tuple[Span, ...] = ()
    past: Mapping[str, tuple[Past, ...]] = field(default_factory=dict)

    @property
    def ended(self) -> float:
        """Until when it goes."""
        return self.begun + sum(span.seconds for span in self.spans)

    @property
    def edges(self) -> Floats:
        """Where spans begin and end, in seconds since ``begun``."""
        return np.concatenate([[0.0], np.cumsum([span.seconds for span in self.spans])])

    @property
    def whole(self) -> Timeline:
        """Without the last span, where it still grows and is not the only one."""
        grows = len(self.spans) > 1 and self.spans[-1].seconds < self.width
        return replace(self, spans=self.spans[:-1]) if grows else self

    def after(self, at: float, seconds: float, new: Mapping[str, tuple[float, float]]) -> Timeline:
        """After a tick of so many seconds that ended ``at``, with requests and rewards by version."""
        if not seconds > 0 or not new:
            return self
        span = Span(
            seconds, {name: each[0] for name, each in new.items()}, {name: each[1] for name, each in new.items()}
        )
        if not self.spans:
            return replace(self, begun=at - seconds, width=seconds, spans=(span,))
        missed = at - seconds - self.ended
        before = self._plus(span.unseen(missed)) if missed > 0.5 * seconds else self
        return before._plus(span)

    def with_past(self, past: Mapping[str, tuple[Past, ...]]) -> Timeline:
        """With the past of versions that were not known."""
        return replace(self, past={**past, **self.past})

    def _plus(self, span: Span) -> Timeline:
        *first, last = self.spans
        spans = (*first, last.and_(span)) if last.seconds < self.width else (*self.spans, span)
        if len(spans) <= MOST:
            return replace(self, spans=spans)
        pairs = zip(spans[::2], [*spans[1::2], None], strict=False)
        return replace(self, width=2 * self.width, spans=tuple(one.and_(two) if two else one for one, two in pairs))

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {
            "begun": self.begun,
            "width": self.width,
            "spans": [[span.seconds, dict(span.asked), dict(span.earned)] for span in self.spans],
            "past": {version: [list(part) for part in parts] for version, parts in self.past.items()},
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError, TypeError or ValueError when it is not that."""
        spans = (Span(float(seconds), _read(asked), _read(earned)) for seconds, asked, earned in status["spans"])
        past = {str(version): tuple(map(_past, parts)) for version, parts in status["past"].items()}
        return cls(float(status["begun"]), float(status["width"]), tuple(spans), past)


def _read(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}


def _past(values: Any) -> Past:
    start, end, rate = values
    return float(start), float(end), float(rate)
