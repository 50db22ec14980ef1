"""How late rewards come, from those that have come already.

Whoever looks at a young trial sees short delays alone: what takes longer than the trial is old is still to come. So the
mean of what was seen is too small, and by how much follows from the trial's age. With delays that are exponential with
the mean m, and requests at an even rate since the beginning, the rewards that came in the last ``window`` seconds of
``age`` have the mean

    int G(t) dt / int F(t) dt, both from age - window to age,   F(t) = 1 - exp(-t/m),   G(t) = m - (t + m) exp(-t/m)

(F: the part of a moment's requests whose reward has come after t, G: the sum of their delays). It grows with m, so m is
found by halving. (Right truncation: S. W. Lagakos, L. M. Barraj,
V. De Gruttola, "Nonparametric analysis of truncated survival data", Biometrika 1988.)

A mean beyond the trial's age cannot be told from any longer one, so the age is the most that is said. Too long a delay
does more harm than one that is too short: what has not matured is no failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf

LEAST_REWARDS = 20
"""Of which the delay must be known: the mean of so many is right to about a fifth."""

WINDOW = 6 * 3600.0
"""Seconds in which the rewards came whose delays are read, at most: the delay may change in the course of a trial."""

_HALVINGS = 50


@dataclass(frozen=True, slots=True)
class Delays:
    """Of the ``rewards`` that came in the last ``window`` seconds, the mean time from request to reward, in seconds."""

    rewards: float
    mean: float
    window: float


def mean_delay(delays: Delays, age: float) -> float | None:
    """The mean delay of all rewards, in seconds, by those that came until the trial was so many seconds old, and this
    age at most; None where they are too few to say. Raises ValueError for an age that is not > 0."""
    if not 0.0 < age < inf:
        raise ValueError(f"age is {age!r}: it must be a number of seconds > 0")
    if delays.rewards < LEAST_REWARDS:
        return None
    window = min(delays.window, age)
    low, high = 0.0, age
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if middle > 0.0 and seen_mean(middle, age, window) < delays.mean:
            low = middle
        else:
            high = middle
    return high


def seen_mean(mean: float, age: float, window: float) -> float:
    """The mean delay of the rewards that come in the last ``window`` seconds of ``age``, where that of all is ``mean``
    (> 0) and there were no requests before the beginning."""
    begin = age - window
    came = window - mean * (exp(-begin / mean) - exp(-age / mean))
    waited = mean * window + mean * ((age + 2.0 * mean) * exp(-age / mean) - (begin + 2.0 * mean) * exp(-begin / mean))
    return waited / came if came > 0.0 else 0.0
