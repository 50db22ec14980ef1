"""Is a version better however late rewards come?

Nobody knows that well: ``rewardDelay`` may be written much too short, and then the version that served, which is still
rewarded for all that it was asked before the test, looks better than it is. So what is proven by the delay that was
told is believed when no other delay explains it as well. Of two versions in each span of the ``timeline``, given how
many rewards came to both, those of the first are binomial, with the part

    r m_1 / (r m_1 + m_2),   m_v = requests of v whose reward falls in the span, by the delay's distribution

r is the ratio of their rates. Its likelihood is made as large as it can be over r and over delays (``delays``): of any
mean up to some times the age of the test, exponential, or the same for all but for a part. And the same over those r
that deny the claim, for which the delay is looked for more closely. The log of the ratio of both (S. S. Wilks, "The
large-sample distribution of the likelihood ratio", Ann. Math. Stat. 9 (1938)) must be as large as the log of the
evidence that is needed. A request has one reward at most: so no delay is so long that there are more of them than
requests (``_excess``), and those of the whole time spread less than if each came by itself, by which 98 of 100 are told
from 93 (``by_totals``). Where versions had alike pasts every delay says the same, and nothing is asked for that was not
proven already. Delays of other shapes are not tried, so with such a delay that was told wrong, too, the
control may still be named.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np

from modelrollout.core.evidence.delays import CLOSER, Delays, closer, delays, due, in_one_span
from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.timeline import Timeline

LEAST = 1e-6  # of a span's requests count as due where a delay says none: one reward too early is nearly impossible
FURTHEST = 16.0  # log of the largest ratio of rates
HALVINGS = 26
LEAST_SPREAD = 0.1
PLAUSIBLE = 2.0  # log of the likelihood ratio: a delay that is further from the best has a chance of one in twenty

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Explained:
    """``surplus``: the log by which a claim explains what was seen better than its contrary, each by the delay that
    suits it best; ``delay`` is the one of the contrary, in seconds on average."""

    surplus: float
    delay: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Two versions in each span (columns) by each of the ``delays`` (rows): the ``due`` requests of the first for one
    of the second, and the rewards of both (``mine``, ``theirs``). None of the delays leaves a reward of both without
    any request that it could be for."""

    delays: Delays
    due: Floats
    mine: Floats
    theirs: Floats
    spread: Floats  # by delay, the variance of the rewards as a part of what it would be if each came by itself
    excess: Floats  # by delay, how unlikely it is that so many rewards are for so few requests, as a log
    asked_mine: Floats  # by delay, the requests that the rewards of the whole time could be for
    asked_theirs: Floats

    def likelihood(self, ratios: Floats) -> Floats:
        """Log-likelihood of one ratio of rates for each delay, as its log, less what does not depend on it."""
        odds = ratios[:, None] + np.log(self.due)
        found: Floats = (self.mine * odds - (self.mine + self.theirs) * np.logaddexp(0.0, odds)).sum(axis=1)
        return found - self.excess

    def best_ratios(self) -> Floats:
        """The log of the ratio of rates that fits best by each delay: where as many rewards are expected as came."""
        logs, every = np.log(self.due), self.mine + self.theirs
        low, high = np.full(len(logs), -FURTHEST), np.full(len(logs), FURTHEST)
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

    def denied(self, contrary: tuple[Interval, ...]) -> tuple[float, Floats]:
        """The highest log-likelihood of any ratio, and by each delay that of those that lie in one of the intervals."""
        best = self.best_ratios()
        likeliest = self.likelihood(best)
        within = np.max([self.likelihood(np.clip(best, low, high)) for low, high in contrary], axis=0)
        found: Floats = likeliest - np.maximum(likeliest - within, self.by_totals(contrary))
        return float(likeliest.max()), found

    def by_totals(self, contrary: tuple[Interval, ...]) -> Floats:
        """By each delay, how much better than the contrary the rewards of the whole time are explained by their own
        ratio, as a log, where it is normal: they spread less than those of its spans (``spread``)."""
        mine, theirs = self.mine.sum(), self.theirs.sum()
        if not mine or not theirs:
            return np.zeros_like(self.spread)
        ratio = np.log(mine / self.asked_mine) - np.log(theirs / self.asked_theirs)
        away = np.min([np.abs(ratio - np.clip(ratio, low, high)) for low, high in contrary], axis=0)
        found: Floats = away**2 / (2.0 * self.spread * (1.0 / mine + 1.0 / theirs))
        return found


@dataclass(frozen=True, slots=True)
class Told:
    """A timeline that is asked again and again until it grows: passes come more often than samples."""

    timeline: Timeline

    def __hash__(self) -> int:
        return hash((self.timeline.begun, self.timeline.ended, len(self.timeline.spans)))


def is_better(timeline: Timeline, one: str, other: str, enough: float = 0.0) -> Explained | None:
    """That the first is rewarded more often than the second; None where nothing tells of both. A surplus that is not
    ``enough`` is not looked at more closely, which would make it smaller."""
    return _explained(Told(timeline), one, other, ((-FURTHEST, 0.0),), round(enough, 1))


def is_alike(timeline: Timeline, one: str, other: str, indifference: float, enough: float = 0.0) -> Explained | None:
    """That their rates differ by less than this part."""
    bound = log(1.0 + indifference)
    return _explained(Told(timeline), one, other, ((-FURTHEST, -bound), (bound, FURTHEST)), round(enough, 1))


@lru_cache(maxsize=256)
def _explained(told: Told, one: str, other: str, contrary: tuple[Interval, ...], enough: float) -> Explained | None:
    """The claim that the log of the ratio lies in none of these intervals."""
    fit = fitted(told.timeline, one, other)
    if fit is None:
        return None
    highest, denied = fit.denied(contrary)
    worst, delay = float(denied.max()), float(fit.delays.means[int(denied.argmax())])
    for step in CLOSER if highest - worst >= enough - 1.0 else ():
        near = fitted(told.timeline, one, other, closer(fit.delays, denied, step))
        if near is None:
            break
        fit, (higher, denied) = near, near.denied(contrary)
        highest = max(highest, higher)
        if denied.max() > worst:
            worst, delay = float(denied.max()), float(fit.delays.means[int(denied.argmax())])
    return Explained(highest - worst, delay)


def fitted(timeline: Timeline, one: str, other: str, tried: Delays | None = None) -> Fit | None:
    """Of two versions, in the spans in which both were counted; by all delays, where none are named."""
    seen = [index for index, span in enumerate(timeline.spans) if one in span.earned and other in span.earned]
    if not seen:
        return None
    tried = tried or delays(timeline.ended - timeline.begun)
    mine, theirs = (np.array([timeline.spans[index].earned[who] for index in seen]) for who in (one, other))
    first, second = (part[:, seen] for part in due(timeline, (one, other), tried))
    possible = ((first + second > LEAST) | (mine + theirs == 0.0)).all(axis=1)
    possible = possible if possible.any() else np.ones_like(possible)
    ratio = np.maximum(first, LEAST) / np.maximum(second, LEAST)
    lengths = np.array([timeline.spans[index].seconds for index in seen])
    of_first, of_second = (np.maximum(part @ lengths, LEAST) for part in (first, second))
    rate = np.minimum(1.0, (mine + theirs).sum() / (of_first + of_second))
    spread = spread_of_rewards(rate, tried, float(lengths.sum()))
    counted = ((one, mine.sum(), of_first), (other, theirs.sum(), of_second))
    excess = sum(
        (_excess(came, asked) for who, came, asked in counted if not timeline.past.get(who)), np.zeros_like(rate)
    )
    told = (spread, excess, of_first, of_second)
    return Fit(tried.where(possible), ratio[possible], mine, theirs, *(part[possible] for part in told))


def _excess(came: float, asked: Floats) -> Floats:
    """How unlikely more rewards are than requests that they could be for, of a version whose requests are all known:
    the log of the bound of H. Chernoff (1952) for as many as that. 0 where there are not more."""
    most = np.minimum(asked, came)
    return came * np.log(came / most) - came + most if came > 0 else np.zeros_like(asked)


def spread_of_rewards(rate: Floats, tried: Delays, seconds: float) -> Floats:
    """The variance of the rewards of so many seconds, where each request has one at most, for one of theirs if they
    came each by itself: 1 - rate where they are for requests of just these seconds, and 1 where they could be for any
    before. Never less than ``LEAST_SPREAD``: rates near 1 are not known that well."""
    return np.maximum(LEAST_SPREAD, 1.0 - rate * in_one_span(tried, seconds))
