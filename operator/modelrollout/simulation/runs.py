"""Many releases of one scenario, each with a seed of its own, and what they say together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

from modelrollout.simulation.decisions import Ending, ending
from modelrollout.simulation.limits import clopper_pearson
from modelrollout.simulation.release import play
from modelrollout.simulation.scenario import Scenario

CHUNK = 4  # runs handed to a process at once: the progress bar should move at least every second


def end_of(scenario: Scenario, seed: int) -> Ending:
    """How the release of one seed ends."""
    release = scenario.release(seed)
    *_, last = play(release)
    return ending(release, last)


def ends_of(scenario: Scenario, seeds: Sequence[int]) -> Iterator[Ending]:
    """How the releases of all seeds end, in the order of the seeds, on all the processors that there are."""
    processes = min(len(os.sched_getaffinity(0)), ceil(len(seeds) / CHUNK))
    if processes < 2:
        yield from (end_of(scenario, seed) for seed in seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(partial(end_of, scenario), seeds, chunksize=CHUNK)


@dataclass(frozen=True, slots=True)
class Share:
    """Runs that ended in one way: how many, their share with its 95 % limits, and the spread of their numbers."""

    runs: int
    share: float
    low: float
    high: float
    at: tuple[float, float]  # median and 95th percentile, seconds
    bad_served: tuple[float, float]  # median and 95th percentile

    def to_json(self) -> dict[str, Any]:
        """For the summary line."""
        return {
            "runs": self.runs,
            "share": self.share,
            "low": self.low,
            "high": self.high,
            "at": {"median": self.at[0], "p95": self.at[1]},
            "badServed": {"median": self.bad_served[0], "p95": self.bad_served[1]},
        }


def summarize(ends: Sequence[Ending]) -> Mapping[str, Share]:
    """The ways in which runs ended, by outcome, the most frequent one first."""
    outcomes = {end.told for end in ends}
    shares = {outcome: _share([end for end in ends if end.told == outcome], len(ends)) for outcome in outcomes}
    return dict(sorted(shares.items(), key=lambda item: (-item[1].runs, item[0])))


def _share(ends: Sequence[Ending], runs: int) -> Share:
    low, high = clopper_pearson(len(ends), runs)
    return Share(
        runs=len(ends),
        share=len(ends) / runs,
        low=low,
        high=high,
        at=_spread(ends, lambda end: end.at),
        bad_served=_spread(ends, lambda end: float(end.bad_served)),
    )


def _spread(ends: Sequence[Ending], number: Callable[[Ending], float]) -> tuple[float, float]:
    values = sorted(number(end) for end in ends)
    return quantile(values, 0.5), quantile(values, 0.95)


def quantile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return ascending[max(0, ceil(share * len(ascending) - 1e-9) - 1)]
