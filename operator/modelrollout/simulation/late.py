"""Rewards that come late: each so many seconds after its request, at random, and counted when it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelrollout.core.evidence.delay import WINDOW, Delays

Place = tuple[str, str]
"""A version and a split: each has counters of its own, since the version has a Service of its own there."""

LONG = 10.0  # mean delays: of what was asked before, next to nothing is still to come
_NONE: NDArray[np.float64] = np.empty((2, 0))


@dataclass(slots=True)
class LateRewards:
    """``mean`` delay in seconds, exponential; 0: each comes with its answer. All times in seconds since the start."""

    mean: float
    rng: np.random.Generator
    _due: dict[tuple[Place, str], NDArray[np.float64]] = field(default_factory=dict)  # rows: when it comes, its delay
    _came: NDArray[np.float64] = field(default_factory=lambda: _NONE)

    def add(self, place: Place, metric: str, rewards: int, start: float, seconds: float) -> None:
        """So many rewards of requests that came at even distances in ``seconds`` from ``start``."""
        if rewards == 0:
            return
        asked = start + seconds * self.rng.random(rewards)
        delays = self.rng.exponential(self.mean, rewards) if self.mean else np.zeros(rewards)
        known = self._due.get((place, metric), _NONE)
        self._due[place, metric] = np.concatenate([known, np.stack([asked + delays, delays])], axis=1)

    def add_before(self, place: Place, metric: str, rewards_a_second: float) -> None:
        """The rewards that are still to come at the start, of requests that came at even distances for long before."""
        if self.mean and rewards_a_second:
            before = LONG * self.mean
            self.add(place, metric, int(self.rng.poisson(rewards_a_second * before)), -before, before)
            known = self._due[place, metric]
            self._due[place, metric] = known[:, known[0] > 0]

    def come(self, time: float) -> Iterator[tuple[Place, Counter[str]]]:
        """The rewards that have come until ``time`` and were not told of before."""
        for (place, metric), due in list(self._due.items()):
            here = due[0] <= time
            self._due[place, metric] = due[:, ~here]
            own = here & (due[0] >= due[1])  # the reward gateway counts what was asked since the start
            self._came = np.concatenate([self._came, due[:, own]], axis=1)
            yield place, Counter({metric: int(here.sum())})

    def delays(self, time: float) -> Delays:
        """How late those came that came lately."""
        window = min(WINDOW, max(time, 1.0))
        self._came = self._came[:, self._came[0] > time - window]
        late = self._came[1]
        return Delays(float(late.size), float(late.mean()) if late.size else 0.0, window)
