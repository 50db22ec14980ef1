"""How well what was seen of two versions is explained by each of the ``delays``.

Of two versions in each span, given how many rewards came to both, those of the first are binomial, with the part

    r m_1 / (r m_1 + m_2),   m_v = requests of v whose reward falls in the span, by the delay's distribution

r is the ratio of their rates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelrollout.core.evidence.delays import CLOSER, Delays, closer, delays, in_one_span
from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.seen import LEAST, Seen

FURTHEST = 16.0  # log of the largest ratio of rates
HALVINGS = 26
PLAUSIBLE = 2.0  # log of the likelihood ratio: a delay that is further from the best has a chance of one in twenty

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The ``highest`` log-likelihood of any ratio of rates and any delay, and that of those that deny a claim, with the
    mean ``delay`` by which they do it best, in seconds."""

    highest: float
    denied: float
    delay: float

    @property
    def surplus(self) -> float:
        """The log by which a claim explains more than its contrary, >= 0."""
        return max(0.0, self.highest - self.denied)

    def or_(self, other: Explanation) -> Explanation:
        """Of both, what explains better."""
        worse = max(self, other, key=lambda each: each.denied)
        return Explanation(max(self.highest, other.highest), worse.denied, worse.delay)


@dataclass(frozen=True, slots=True)
class Fit:
    """Two versions in each span (columns) by each of the ``delays`` (rows): the ``due`` requests of the first for one
    of the second. None of the delays leaves a reward of both without any request that it could be for."""

    seen: Seen
    delays: Delays
    due: Floats
    spread: Floats  # by delay, ``Seen.spread``
    excess: Floats  # by delay, ``Seen.excess``
    asked: tuple[Floats, Floats]  # by delay, ``Seen.asked``

    def likelihood(self, ratios: Floats) -> Floats:
        """Log-likelihood of one ratio of rates for each delay, as its log, less what does not depend on it."""
        mine, theirs = self.seen.mine, self.seen.theirs
        odds = ratios[:, None] + np.log(self.due)
        found: Floats = (mine * odds - (mine + theirs) * np.logaddexp(0.0, odds)).sum(axis=1)
        return found - self.excess

    def best_ratios(self) -> Floats:
        """The log of the ratio of rates that fits best by each delay: where as many rewards are expected as came."""
        logs, every = np.log(self.due), self.seen.mine + self.seen.theirs
        low, high = np.full(len(logs), -FURTHEST), np.full(len(logs), FURTHEST)
        for _ in range(HALVINGS):
            middle = (low + high) / 2.0
            expected = (every / (1.0 + np.exp(-(middle[:, None] + logs)))).sum(axis=1)
            more = expected < self.seen.mine.sum()
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
        by_totals = self.seen.by_totals(*self.asked, self.spread, contrary)
        found: Floats = likeliest - np.maximum(likeliest - within, by_totals)
        return float(likeliest.max()), found


def fitted(seen: Seen, tried: Delays | None = None) -> Fit:
    """By all delays, where none are named."""
    tried = tried or delays(seen.timeline.ended - seen.timeline.begun)
    first, second = seen.due(tried)
    possible = ((first + second > LEAST) | (seen.mine + seen.theirs == 0.0)).all(axis=1)
    possible = possible if possible.any() else np.ones_like(possible)
    tried, first, second = tried.where(possible), first[possible], second[possible]
    asked = seen.asked(first, second)
    spread = seen.spread(*asked, in_one_span(tried, float(seen.lengths.sum())))
    return Fit(seen, tried, np.maximum(first, LEAST) / np.maximum(second, LEAST), spread, seen.excess(*asked), asked)


def explained(seen: Seen, contrary: tuple[Interval, ...]) -> Explanation:
    """By the delay that suits best, and that which suits the contrary best."""
    fit = fitted(seen)
    return _best(fit, *fit.denied(contrary))


def explained_closer(seen: Seen, contrary: tuple[Interval, ...]) -> Explanation:
    """The same, with delays of the contrary that are nearer and nearer to its best."""
    fit = fitted(seen)
    highest, denied = fit.denied(contrary)
    found = _best(fit, highest, denied)
    for step in CLOSER:
        fit = fitted(seen, closer(fit.delays, denied, step))
        highest, denied = fit.denied(contrary)
        found = found.or_(_best(fit, highest, denied))
    return found


def _best(fit: Fit, highest: float, denied: Floats) -> Explanation:
    likeliest = int(denied.argmax())
    return Explanation(highest, float(denied[likeliest]), float(fit.delays.means[likeliest]))
