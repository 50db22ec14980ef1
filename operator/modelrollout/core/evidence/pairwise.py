"""PairEvidence: of two versions that answer the same people, which earns more, or do both earn the same?

Four sequential tests on one likelihood. Given how many requests of both were rewarded in a tick, those of the first
follow Fisher's noncentral hypergeometric distribution, whatever the common rate and the shares were
(``hypergeometric``). So neither a rate that changes over the day nor an edit of the shares can make up a winner.
 - The first is better: odds ratio above 1, against 1 or below.
 - The second is better: the same the other way round.
 - No difference, in two halves: the odds ratio is not above the bound of indifference, and not below its inverse.
   Both must be proven (D. Schuirmann, "A comparison of the two one-sided tests procedure", J. Pharmacokinet. Biopharm.
   15 (1987)), each by a mixture of odds ratios inside the bounds.

Each is an e-process: the chance that it ever reaches 1 / alpha while its null hypothesis holds is at most alpha,
however often one looks. Among K versions one wins when its evidence against every other reached K / alpha.

Where rewards come in bursts the log of each likelihood ratio is divided by the overdispersion phi. It is not known from
the beginning, and what it is found to be later holds for the first ticks as well. So the logs are kept whole, and are
divided when the evidence is read: nothing that was seen is lost while phi is not known, and nothing that was believed
by too small a phi stays. Reading by any phi that is not below the true one, however it was found, is as safe as by the
true one: by the concavity of x^(1/c), the mean of the capitals to the power 1 / c is above 1 only where their mean is,
and then below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, fsum, log, log1p
from typing import Any, Self

import numpy as np

from modelrollout.core.evidence.counts import Tick
from modelrollout.core.evidence.hypergeometric import Floats, log_likelihoods

BETTER_BY = (1.05, 1.1, 1.2, 1.4, 1.8, 2.6)  # odds ratios: rewards differ by less than errors do
INSIDE = (-0.5, 0.0, 0.5)  # alternatives of "no difference", as parts of the log of the bound
PLENTY = log(1e7)  # more on one alternative is thrown away: it decides nothing, and makes deaf for what comes later

Logs = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Ratios:
    """Of one tick the log of the likelihood ratio of each alternative, for the four tests."""

    first: Floats
    second: Floats
    not_above: Floats
    not_below: Floats


@dataclass(frozen=True, slots=True)
class PairEvidence:
    """The log of the likelihood ratio of each alternative of the four tests, over all ticks; ``start`` is what the
    first two began with, at most 1 (``stakes``)."""

    first: Logs = (0.0,) * len(BETTER_BY)
    second: Logs = (0.0,) * len(BETTER_BY)
    not_above: Logs = (0.0,) * len(INSIDE)
    not_below: Logs = (0.0,) * len(INSIDE)
    start: tuple[float, float] = (1.0, 1.0)

    def first_is_better(self, overdispersion: float = 1.0) -> float:
        """An e-value, ``start`` before the first tick."""
        return self.start[0] * _mean(self.first, overdispersion)

    def second_is_better(self, overdispersion: float = 1.0) -> float:
        """An e-value, ``start`` before the first tick."""
        return self.start[1] * _mean(self.second, overdispersion)

    def no_difference(self, overdispersion: float = 1.0) -> float:
        """The lesser of both halves: an e-value against "they differ by more than the indifference"."""
        return min(_mean(self.not_above, overdispersion), _mean(self.not_below, overdispersion))

    def after(self, tick: Tick, indifference: float, overdispersion: float = 1.0) -> PairEvidence:
        """After one tick: ``candidate`` of it is the first version, ``bad`` are the rewarded requests.

        ``indifference`` is the part by which the odds may differ and still be called the same. The ``overdispersion``
        as it is known now says what is plenty. The same when a version had no requests.
        """
        if not tick.candidate.trials or not tick.stable.trials:
            return self
        values = log_likelihoods(tick, _grid(indifference))
        equal, upper, lower = (float(value) for value in values[:3])
        first, second, inside = np.split(values[3:], [len(BETTER_BY), 2 * len(BETTER_BY)])
        return self.grown(Ratios(first - equal, second - equal, inside - upper, inside - lower), overdispersion)

    def grown(self, ratios: Ratios, overdispersion: float) -> PairEvidence:
        """After a tick with these ratios."""
        most = PLENTY * overdispersion
        return PairEvidence(
            _grown(self.first, ratios.first, most),
            _grown(self.second, ratios.second, most),
            _grown(self.not_above, ratios.not_above, most),
            _grown(self.not_below, ratios.not_below, most),
            self.start,
        )

    def asked_closer(self) -> PairEvidence:
        """The same where less than before is no difference: that is another question."""
        fresh = PairEvidence()
        return replace(self, not_above=fresh.not_above, not_below=fresh.not_below)

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {
            "first": list(self.first),
            "second": list(self.second),
            "notAbove": list(self.not_above),
            "notBelow": list(self.not_below),
            "start": list(self.start),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError, TypeError or ValueError when it is not that."""
        fresh = cls()
        one, other = status.get("start", fresh.start)
        return cls(
            _read(status["first"], fresh.first),
            _read(status["second"], fresh.second),
            _read(status["notAbove"], fresh.not_above),
            _read(status["notBelow"], fresh.not_below),
            (float(one), float(other)),
        )


def _mean(logs: Logs, overdispersion: float) -> float:
    return fsum(exp(min(PLENTY, known / overdispersion)) for known in logs) / len(logs)


def _grown(known: Logs, ratios: Floats, most: float) -> Logs:
    return tuple(min(most, before + ratio) for before, ratio in zip(known, ratios.tolist(), strict=True))


@lru_cache(maxsize=64)
def _grid(indifference: float) -> Floats:
    """Log odds ratios: 1, both bounds of indifference, then the alternatives of the tests."""
    bound, better = log1p(indifference), np.log(np.array(BETTER_BY))
    grid = np.concatenate([[0.0, bound, -bound], better, -better, bound * np.array(INSIDE)])
    grid.setflags(write=False)
    return grid


def _read(values: Sequence[float], fresh: Logs) -> Logs:
    if len(values) != len(fresh):
        raise ValueError(f"{len(values)} numbers where {len(fresh)} belong: the status is of another version")
    return tuple(float(value) for value in values)
