"""How well what was seen of two versions is explained by delays of any shape.

In spans that are equally long any distribution of delays says the same as a mixture of delays that are whole numbers of
spans: a request's place in its span is not known, and between two such delays what is due by each moment changes evenly
with the delay. So the shape needs no name: the likelihood of ``one_shape`` is made as large as it can be over the ratio
of rates and the parts of such a mixture. Each step goes towards where it would be largest if the logs of the odds were
straight in both, which is a problem of least squares with nothing below 0 (Y. Wang, "On fast computation of the
non-parametric maximum likelihood estimate of a mixing distribution", J. R. Statist. Soc. B 69 (2007)).

What comes later than the test is old cannot be seen by anybody: a part of the rewards that does makes the version that
was asked more before look better for ever. In the first ``YOUNG`` seconds such parts are among those that are tried.
Later each part is as late as half of the age at most, or exponential with a mean of that: else no such version could
ever be said to be better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import exp, inf, log

import numpy as np

from modelrollout.core.evidence.delays import LONGEST, STEP, Delays
from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.nonnegative import least_squares
from modelrollout.core.evidence.one_shape import FURTHEST, Explanation, Interval
from modelrollout.core.evidence.seen import LEAST, Seen

YOUNG = 3600.0
"""Seconds: as long as a bandit tests by default before anybody wins."""

PART = 0.5  # of the age of a test that is older, by which rewards have come that are not exponentially late
SAME = 0.02  # of a span: lags that are nearer than that are one
STEPS, GAIN = 60, 0.01  # at most, and by how much the likelihood grows by one of the last, as a log
SHORTER = tuple(0.5**times for times in range(8))  # parts of a step, where the whole one leads too far
KNOWN = 1e-9  # a span that tells less than that tells that

FREEDOM = 2.0
"""What a mixture explains better by its freedom alone, as a log, where the delay hides most of the ratio of rates."""


@dataclass(frozen=True, slots=True)
class Point:
    """One explanation: the ``weights`` of the delays, together 1, and the log of the ``ratio`` of rates."""

    weights: Floats
    ratio: float

    def towards(self, other: Point, part: float) -> Point:
        """So far on the way to another one."""
        weights = np.maximum(self.weights + part * (other.weights - self.weights), 0.0)
        return Point(weights, self.ratio + part * (other.ratio - self.ratio))


@dataclass(frozen=True, slots=True)
class Found:
    """The best of some, and its log-``likelihood``."""

    likelihood: float
    point: Point


@dataclass(frozen=True, slots=True)
class Mixture:
    """Two versions in each span (columns) by each of the ``delays`` (rows) of a mixture: the requests a second of the
    ``first`` and the ``second`` that are due, and of the whole time those that were ``asked`` of both."""

    seen: Seen
    delays: Delays
    first: Floats
    second: Floats
    asked: tuple[Floats, Floats]

    @classmethod
    def of(cls, seen: Seen) -> Mixture:
        """Of all delays of any shape."""
        tried = parts(seen)
        first, second = seen.due(tried)
        used = (first + second).max(axis=1) > LEAST
        used = used if used.any() else np.ones_like(used)
        first, second = (np.maximum(part[used], LEAST) for part in (first, second))
        return cls(seen, tried.where(used), first, second, seen.asked(first, second))

    def likelihood(self, point: Point) -> float:
        """As that of ``one_shape.Fit``."""
        odds = point.ratio + np.log(point.weights @ self.first) - np.log(point.weights @ self.second)
        mine, theirs = self.seen.mine, self.seen.theirs
        found = float((mine * odds - (mine + theirs) * np.logaddexp(0.0, odds)).sum())
        return found - float(self.seen.excess(*self._asked(point.weights))[0])

    def best(self, within: Interval, begin: Point | None = None, enough: float = inf) -> Found:
        """The point that fits best with the log of a ratio in an interval; any that is ``enough``."""
        number = len(self.delays.means)
        at = begin or Point(np.full(number, 1.0 / number), 0.0)
        at = Point(at.weights, float(np.clip(at.ratio, *within)))
        found = Found(self.likelihood(at), at)
        for _ in range(STEPS):
            after = self._after(found, within)
            gain = after.likelihood - found.likelihood
            found = after if gain > 0.0 else found
            if gain < GAIN or found.likelihood >= enough:
                break
        return found

    def _after(self, found: Found, within: Interval) -> Found:
        """A better point on the way to the aim."""
        point, aim = found.point, self._aim(found.point, within)
        for part in SHORTER:
            at = point.towards(aim, part)
            likelihood = self.likelihood(at)
            if likelihood > found.likelihood:
                return Found(likelihood, at)
        return found

    def _aim(self, point: Point, within: Interval) -> Point:
        """Where the likelihood would be largest if the logs of the odds were straight, no further than the interval."""
        slopes, wanted = zip(self._of_spans(point, within), self._of_totals(point), self._of_all(), strict=True)
        begin = np.append(point.weights, [0.0, 0.0])
        *weights, more, less = least_squares(np.vstack(slopes), np.concatenate(wanted), begin)
        every, change = np.array(weights), more - less
        if not every.any():
            return point
        bounded = float(np.clip(point.ratio + change, *within))
        part = (bounded - point.ratio) / change if change else 1.0
        return Point(point.weights + part * (every / every.sum() - point.weights), bounded)

    def _of_spans(self, point: Point, within: Interval) -> tuple[Floats, Floats]:
        """By how much the odds of each span (rows) grow with each weight, the log of the ratio and less of it, and by
        how much they should: as parts of how well they are known. A ratio at a bound goes no further."""
        mine, every = self.seen.mine, self.seen.mine + self.seen.theirs
        first, second = point.weights @ self.first, point.weights @ self.second
        part = 1.0 / (1.0 + exp(-point.ratio) * second / first)
        known = np.sqrt(np.maximum(every * part * (1.0 - part), KNOWN))
        more, less = float(point.ratio < within[1]), float(point.ratio > within[0])
        slopes = np.vstack([(self.first / first - self.second / second) * known, more * known, -less * known])
        return slopes.T, (mine - every * part) / known

    def _of_totals(self, point: Point) -> tuple[Floats, Floats]:
        """The same of requests that are too few: more of them should be due."""
        found = [(came, asked / float(point.weights @ asked), asked) for came, asked in self._too_many(point.weights)]
        slopes = [np.sqrt(came) * np.append(slope, [0.0, 0.0]) for came, slope, _ in found]
        wanted = [np.sqrt(came) * (2.0 - float(point.weights @ asked) / came) for came, _, asked in found]
        return np.array(slopes).reshape(-1, len(point.weights) + 2), np.array(wanted)

    def _of_all(self) -> tuple[Floats, Floats]:
        """The same of all weights, which are 1 together."""
        known = float(np.sqrt((self.seen.mine + self.seen.theirs).sum() + 1.0))
        return known * np.append(np.ones(len(self.delays.means)), [0.0, 0.0])[None, :], np.array([known])

    def _too_many(self, weights: Floats) -> Iterator[tuple[float, Floats]]:
        """Of versions with more rewards than requests that these could be for: both."""
        came = (float(self.seen.mine.sum()), float(self.seen.theirs.sum()))
        for number, asked, limited in zip(came, self.asked, self.seen.limited, strict=True):
            if limited and number > weights @ asked:
                yield number, asked

    def _asked(self, weights: Floats) -> tuple[Floats, Floats]:
        mine, theirs = (np.atleast_1d(weights @ part) for part in self.asked)
        return mine, theirs

    def at_one_delay(self, best: Point, contrary: tuple[Interval, ...]) -> float:
        """The surplus of a claim if the delays were known to be those that fit best."""
        within = max(self.likelihood(Point(best.weights, float(np.clip(best.ratio, *each)))) for each in contrary)
        return self.likelihood(best) - within

    def sharpened(self, surplus: float, best: Point, contrary: tuple[Interval, ...]) -> float:
        """The surplus of a claim where the rewards of the whole time spread less than those of its spans. What is not
        known of the ratio is what chance does at one delay and what the delay leaves open, whose variances add up: and
        of chance the totals know it better."""
        by_spans, asked = self.at_one_delay(best, contrary), self._asked(best.weights)
        spread = self.seen.spread(*asked, np.array([self._together(best.weights)]))
        by_totals = float(self.seen.by_totals(*asked, spread, contrary)[0])
        if not by_totals > by_spans > 0.0 < surplus:
            return surplus
        return 1.0 / (max(0.0, 1.0 / surplus - 1.0 / by_spans) + 1.0 / by_totals)

    def _together(self, weights: Floats) -> float:
        """The chance that two rewards are for requests of the whole time, at least: two delays are no further apart on
        average than the root of the mean square (J. L. W. V. Jensen, 1906)."""
        means = self.delays.means
        spread = np.where(self.delays.orders == inf, 0.0, means)
        apart = np.sqrt((means[:, None] - means[None, :]) ** 2 + spread[:, None] ** 2 + spread[None, :] ** 2)
        return float(weights @ np.maximum(0.0, 1.0 - apart / self.seen.lengths.sum()) @ weights)


def parts(seen: Seen) -> Delays:
    """The delays of which any other is a mixture: alike for all, or exponential."""
    edges = seen.timeline.edges
    age, shortest = float(edges[-1]), float(np.diff(edges).min())
    longest = LONGEST * age if age < YOUNG else PART * age
    lags = np.concatenate([edges - moment for moment in (*_moments(seen), 0.0)] + [age - edges])
    lags = np.unique(np.round(lags[(lags >= 0.0) & (lags <= longest)] / (SAME * shortest))) * SAME * shortest
    later = age * STEP ** np.arange(1.0, max(1.0, log(longest / age, STEP)))
    exponential = shortest / 4.0 * STEP ** np.arange(0.0, max(1.0, log(4.0 * longest / shortest, STEP)))
    means = np.concatenate([lags, later, exponential])
    return Delays(means, np.where(np.arange(len(means)) < len(lags) + len(later), inf, 1.0))


def _moments(seen: Seen) -> set[float]:
    """When the past of a version began or ended, after a time as long as the test at most; since the test began."""
    begun, age = seen.timeline.begun, seen.timeline.ended - seen.timeline.begun
    every = {moment - begun for who in seen.versions for part in seen.timeline.past.get(who, ()) for moment in part[:2]}
    return {moment for moment in every if -age < moment < 0.0}


def explained(seen: Seen, contrary: tuple[Interval, ...], enough: float, highest: float) -> Explanation:
    """By the mixture that suits best, where some shape explains what was seen with a likelihood whose log is the
    ``highest``; the contrary's is not looked for any closer than to leave the claim with less than is ``enough``."""
    mixture = Mixture.of(seen)
    best = mixture.best((-FURTHEST, FURTHEST))
    until = max(best.likelihood, highest) - enough
    denied = Found(-inf, best.point)
    for within, begin in product(contrary, (best.point, None)):
        if denied.likelihood < until:
            denied = max(denied, mixture.best(within, begin, until), key=lambda each: each.likelihood)
    surplus, known = best.likelihood - denied.likelihood, mixture.at_one_delay(best.point, contrary)
    hidden = 1.0 - min(1.0, max(0.0, surplus) / known) if known > 0.0 else 1.0
    delay = float(denied.point.weights @ mixture.delays.means)
    sharp = mixture.sharpened(surplus, best.point, contrary)
    return Explanation(best.likelihood - FREEDOM * hidden, best.likelihood - sharp, delay)
