"""Counts: how many requests a version answered and how many of the answers were bad.

Every test in this package works on counts and on nothing else: one answer in a million and one in ten are different
evidence although both may show as the same gauge. "Bad" is what the metric says: an error, an answer slower than a
bound, a visitor who did not convert. For a metric where higher is better (successes of trials) the caller turns it
round, ``bad = trials - successes``, so that in here worse is always more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

PARTS = 10_000  # of the largest reward: a reward that is not just one or none is counted in these, as a whole number
LARGEST = 10**15  # far over any counter of requests; whole numbers up to here are exact as floats


class BadCount(ValueError):
    """Counts that cannot be: not a number, negative, or more bad answers than answers."""


class MoreBadThanNew(BadCount):
    """A series that grew by more bad answers than answers, from ``last`` to ``now``."""

    def __init__(self, last: Count, now: Count) -> None:
        super().__init__(
            f"one series went from {last.bad} bad of {last.trials} to {now.bad} of {now.trials}: "
            "more new bad answers than new answers; do both count the same requests?"
        )
        self.last, self.now = last, now

    def of_owner(self) -> str:
        """The same in the words of an owner who counts what is good."""
        last, now = (count.trials - count.bad for count in (self.last, self.now))
        return (
            f"one series went from {last} successes in {self.last.trials} trials to {now} in {self.now.trials}: "
            "successes go backwards; do both count the same requests?"
        )


@dataclass(frozen=True, slots=True)
class Count:
    """``bad`` of ``trials`` answers. Whole numbers, 0 <= bad <= trials <= 1e15; anything else raises BadCount."""

    bad: int
    trials: int

    def __post_init__(self) -> None:
        if type(self.bad) is type(self.trials) is int and 0 <= self.bad <= self.trials <= LARGEST:
            return  # as nearly all are
        object.__setattr__(self, "bad", _whole("bad", self.bad))
        object.__setattr__(self, "trials", _whole("trials", self.trials))
        if self.bad > self.trials:
            raise BadCount(
                f"bad is {self.bad} and trials is {self.trials}: more bad answers than answers; "
                "both must count the same requests, from the same source and the same scrape"
            )

    @classmethod
    def of(cls, bad: float, trials: float) -> Self:
        """From floats that are whole numbers, as Prometheus and JSON have them."""
        return cls(bad, trials)  # type: ignore[arg-type]  # made whole, or refused, as it is made

    def __add__(self, other: Count) -> Count:
        return Count(self.bad + other.bad, self.trials + other.trials)

    @property
    def rate(self) -> float:
        """Share of bad answers, 0 without any answer."""
        return self.bad / self.trials if self.trials else 0.0


@dataclass(frozen=True, slots=True)
class Tick:
    """What both versions answered between two samples: ``at`` is the time of the later one, seconds since the epoch."""

    at: float
    candidate: Count
    stable: Count

    def __post_init__(self) -> None:
        if not abs(self.at) < float("inf"):
            raise BadCount(f"at is {self.at}: the time of a tick must be seconds since the epoch")


def _whole(field: str, value: float) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise BadCount(f"{field} is {value!r}: not a number; is the query right and does the series exist?")
    if not 0 <= value <= LARGEST:
        raise BadCount(f"{field} is {value!r}: a count lies between 0 and {LARGEST:.0e}")
    if value != int(value):
        raise BadCount(f"{field} is {value!r}: not a whole number; query the raw counter, without rate() or increase()")
    return int(value)


NOTHING = Count(0, 0)
