"""Is a version better however late rewards come?

Nobody knows that well: ``rewardDelay`` may be written much too short, and then the version that served, which is still
rewarded for all that it was asked before the test, looks better than it is. So what is proven by the delay that was
told is believed when no other delay explains it as well. Of two versions in each span of the ``timeline``, given how
many rewards came to both, those of the first are binomial, with the part

    r m_1 / (r m_1 + m_2),   m_v = requests of v whose reward falls in the span, by the delay's distribution

r is the ratio of their rates. Its likelihood is made as large as it can be over r and over delays that are exponential
or constant, of any mean up to some times the age of the test; and the same over those r that deny the claim. The log of
the ratio of both (S. S. Wilks, "The large-sample distribution of the likelihood ratio", Ann. Math. Stat. 9 (1938)) must
be as large as the log of the evidence that is needed. Where versions had alike pasts every delay says the same, and
nothing is asked for that was not proven already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log

import numpy as np

from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.timeline import Timeline

SHORTEST, STEP = 0.5, 1.25  # seconds, and the factor between two means
LONGEST = 4.0  # ages of the test: what takes longer than that has hardly begun to come, and looks alike
LEAST = 1e-6  # of a span's requests count as due where a delay says none: one reward too early is nearly impossible
FURTHEST = 16.0  # log of the largest ratio of rates
HALVINGS = 26
PLAUSIBLE = 2.0  # log of the likelihood ratio: a delay that is further from the best has a chance of one in twenty


@dataclass(frozen=True, slots=True)
class Explained:
    """``surplus``: the log by which a claim explains what was seen better than its contrary, each by the delay that
    suits it best; ``delay`` is the one of the contrary, in seconds on average."""

    surplus: float
    delay: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Two versions in each span (columns) by each delay (rows): the ``means`` of these, the ``due`` requests of the
    first for one of the second, and the rewards of both (``mine``, ``theirs``). None of the delays leaves a reward of
    both without any request that it could be for."""

    means: Floats
    due: Floats
    mine: Floats
    theirs: Floats

    def likelihood(self, ratios: Floats) -> Floats:
        """Log-likelihood of one ratio of rates for each delay, as its log, less what does not depend on it."""
        odds = ratios[:, None] + np.log(self.due)
        found: Floats = (self.mine * odds - (self.mine + self.theirs) * np.logaddexp(0.0, odds)).sum(axis=1)
        return found

    def best_ratios(self) -> Floats:
        """The log of the ratio of rates that fits best by each delay: where as many rewards are expected as came."""
        logs, every = np.log(self.due), self.mine + self.theirs
        low, high = np.full(len(self.means), -FURTHEST), np.full(len(self.means), FURTHEST)
        for _ in range(HALVINGS):
            middle = (low + high) / 2.0
            expected = (every / (1.0 + np.exp(-(middle[:, None] + logs)))).sum(axis=1)
            more = expected < self.mine.sum()
            low, high = np.where(more, middle, low), np.where(more, high, middle)
        found: Floats = (low + high) / 2.0
        return found

    def plausible_ratios(self, overdispersion: float) -> Floats:
        """The logs of the ratio that fit best, by each of the delays that explain what was seen."""
        best = self.best_ratios()
        likelihood = self.likelihood(best)
        found: Floats = best[likelihood >= likelihood.max() - PLAUSIBLE * overdispersion]
        return found

    def explained(self, *contrary: tuple[float, float]) -> Explained:
        """The claim that the log of the ratio lies in none of these intervals."""
        best = self.best_ratios()
        highest, denied = self.likelihood(best).max(), []
        for low, high in contrary:
            denied.append(self.likelihood(np.clip(best, low, high)))
        worst = np.max(denied, axis=0)
        return Explained(float(highest - worst.max()), float(self.means[int(worst.argmax())]))


@dataclass(frozen=True, slots=True)
class Told:
    """A timeline that is asked again and again until it grows: passes come more often than samples."""

    timeline: Timeline

    def __hash__(self) -> int:
        return hash((self.timeline.begun, self.timeline.ended, len(self.timeline.spans)))


def is_better(timeline: Timeline, one: str, other: str) -> Explained | None:
    """That the first is rewarded more often than the second; None where nothing tells of both."""
    return _explained(Told(timeline), one, other, ((-FURTHEST, 0.0),))


def is_alike(timeline: Timeline, one: str, other: str, indifference: float) -> Explained | None:
    """That their rates differ by less than this part."""
    bound = log(1.0 + indifference)
    return _explained(Told(timeline), one, other, ((-FURTHEST, -bound), (bound, FURTHEST)))


@lru_cache(maxsize=256)
def _explained(told: Told, one: str, other: str, contrary: tuple[tuple[float, float], ...]) -> Explained | None:
    fit = fitted(told.timeline, one, other)
    return fit.explained(*contrary) if fit is not None else None


def fitted(timeline: Timeline, one: str, other: str) -> Fit | None:
    """Of two versions, in the spans in which both were counted."""
    seen = [index for index, span in enumerate(timeline.spans) if one in span.earned and other in span.earned]
    if not seen:
        return None
    means = delays(timeline.ended - timeline.begun)
    mine, theirs = (np.array([timeline.spans[index].earned[who] for index in seen]) for who in (one, other))
    first, second = (part[:, seen] for part in due(timeline, (one, other), means))
    possible = ((first + second > LEAST) | (mine + theirs == 0.0)).all(axis=1)
    possible = possible if possible.any() else np.ones_like(possible)
    ratio = np.maximum(first, LEAST) / np.maximum(second, LEAST)
    return Fit(np.tile(means, 2)[possible], ratio[possible], mine, theirs)


def delays(age: float) -> Floats:
    """The means that are tried, in seconds."""
    number = max(1, ceil(log(max(STEP, LONGEST * age / SHORTEST), STEP)))
    found: Floats = SHORTEST * STEP ** np.arange(number + 1, dtype=np.float64)
    return found


def due(timeline: Timeline, versions: Sequence[str], means: Floats) -> Iterator[Floats]:
    """How many requests a second of each version have their reward in each span (columns) by each delay (rows):
    exponential ones of all means, then constant ones."""
    lengths = np.array([span.seconds for span in timeline.spans])
    edges = np.concatenate([[0.0], np.cumsum(lengths)])
    came = _came(edges[:, None] - edges[None, :], means)  # delay, until when, since when
    of_spans = came[:, :, :-1] - came[:, :, 1:]
    for version in versions:
        rates = np.array([span.asked.get(version, 0.0) for span in timeline.spans]) / lengths
        matured = (of_spans * rates).sum(axis=-1)
        for start, end, rate in timeline.past.get(version, ()):
            since = edges[:, None] - np.array([start, end]) + timeline.begun
            part = _came(since, means)
            matured += rate * (part[:, :, 0] - part[:, :, 1])
        yield np.diff(matured, axis=1) / lengths


def _came(lags: Floats, means: Floats) -> Floats:
    """Of one request a second that began so long ago, how many were rewarded: the integral of the distribution."""
    late, each = np.maximum(lags, 0.0)[None], means.reshape(-1, 1, 1)
    exponential = late + each * np.expm1(-late / each)
    return np.concatenate([exponential, np.maximum(late - each, 0.0)])
