"""Counters: the last raw counters of one arm and of the control, and the tick between two rounds of scrapes
(``rounds``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from modelrollout.core.evidence.counts import Tick
from modelrollout.core.evidence.rounds import LATE, RawSample, Rounds
from modelrollout.core.evidence.series_counters import SeriesCounters

__all__ = ["LATE", "Counters", "RawSample"]


@dataclass(frozen=True, slots=True)
class Counters:
    """The last raw counters of one metric for both versions of a release, and the ``times`` of their reporters' last
    scrapes, by digest. ``at`` is None before the first sample."""

    candidate: str
    stable: str
    at: float | None = None
    of_candidate: SeriesCounters = field(default_factory=SeriesCounters)
    of_stable: SeriesCounters = field(default_factory=SeriesCounters)
    times: Mapping[str, float] = field(default_factory=dict)

    def after(self, sample: RawSample, interval: float) -> tuple[Counters, Tick | None]:
        """The counters after a sample, and the tick since the last one; ``interval`` is that of the scrapes, seconds.

        No tick for the first sample of the release, for an interval in which folded series changed, and while a round
        is not whole (then the counters stay as they are). A version without series has not answered yet. Raises
        BadCount for impossible counts: the caller keeps the old counters and says so.
        """
        before = Rounds(dict(zip(self.versions, (self.of_candidate, self.of_stable), strict=True)), self.at, self.times)
        rounds, new = before.after(sample, self.versions, interval)
        if rounds is before:
            return self, None
        of_candidate, of_stable = rounds.of[self.candidate], rounds.of[self.stable]
        counters = Counters(self.candidate, self.stable, rounds.at, of_candidate, of_stable, rounds.times)
        return counters, None if new is None else Tick(sample.at, new[self.candidate], new[self.stable])

    @property
    def known(self) -> tuple[frozenset[str], ...]:
        """Who has a base: the reporters, and those that have counted something of the candidate and of stable."""
        return frozenset(self.times), frozenset(self.of_candidate.last), frozenset(self.of_stable.last)

    def with_bases_of(self, later: Counters) -> Counters:
        """These counters with the bases of the reporters that ``later`` saw for the first time, and nothing else of it:
        what the others counted is still to come. Where series are folded there is no telling, and ``later`` is all."""
        if later.of_candidate.fold is not None or later.of_stable.fold is not None:
            return later
        new = later.times.keys() - self.times.keys()
        if not new:
            return self
        return replace(
            self,
            of_candidate=self.of_candidate.with_bases(later.of_candidate, new),
            of_stable=self.of_stable.with_bases(later.of_stable, new),
            times=dict(self.times) | {name: later.times[name] for name in new},
        )

    @property
    def versions(self) -> tuple[str, str]:
        """Candidate and stable."""
        return self.candidate, self.stable

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost: some 60 bytes for each series, at most 64 series a version."""
        return {
            "at": self.at,
            "versions": [self.candidate, self.stable],
            "candidate": self.of_candidate.to_status(),
            "stable": self.of_stable.to_status(),
            "times": dict(sorted(self.times.items())),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave; where it kept no times, all were of one. Raises KeyError or BadCount when it is
        not that."""
        candidate, stable = status["versions"]
        at = None if status["at"] is None else float(status["at"])
        of_candidate, of_stable = (SeriesCounters.from_status(status[role]) for role in ("candidate", "stable"))
        times = status.get("times")
        if times is None and at is not None:
            times = dict.fromkeys(of_candidate.last.keys() | of_stable.last.keys(), at)
        return cls(
            candidate, stable, at, of_candidate, of_stable, {name: float(time) for name, time in (times or {}).items()}
        )
