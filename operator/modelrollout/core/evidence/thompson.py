"""Thompson's weights: how likely is each arm the best one, and how much better could another one still be?

Each arm has a Beta posterior of its rate of successes, independent of the others, from the prior Beta(1, 1). An arm
gets requests as often as it is likely to be the best (W. R. Thompson, "On the likelihood that one unknown probability
exceeds another", Biometrika 25 (1933)). The weights stand for some seconds, so that all their requests share one
posterior; that costs hardly anything (C. Kalkanli, A. Özgür, "Batched Thompson sampling", 2021).

    P_i = integral of f_i(x) times the product over j != i of F_j(x) dx

is summed and not drawn: the same posteriors give the same weights, after a restart and in a replay. How it is summed:

 - Over x = log p, where each density has one maximum and falls at least exponentially on both sides of it (both
   parameters are >= 1), and where "better by a tenth" is the same step everywhere.
 - Each arm puts the edges of some panels where its posterior lives, closer together near its maximum. The panels
   between all of these edges resolve every arm, a sharp one in the middle of a wide one too.
 - Four Gauss-Legendre points in a panel, about 256 in all; F_j at a point is what lies in the panels before it and the
   integral of the polynomial through the panel's four points.

Absolute error < 1e-4 for up to nine arms and posteriors of up to 1e10 trials (tests: scipy). 0.4 ms for six arms.
For metrics where less is better the caller counts what is not a success.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1

import numpy as np
from numpy.typing import NDArray

from modelrollout.core.evidence.counts import LARGEST

Floats = NDArray[np.float64]
PANELS = 60  # of all arms together, each with POINTS points
LEAST_PANELS = 8  # of one arm, however many there are
POINTS = 4
REACH = 7.0  # standard deviations from the maximum to the ends of an arm's panels: beyond lies < 1e-4 of it
TAIL = 3.0  # the left tail is an exponential one where there are few successes; this much further to the left
CROWDED = 1.5  # how much closer panels are near the maximum: sinh(CROWDED u), u evenly between -1 and 1
NEAR_ONE: Floats = 0.25 ** np.arange(-3.0, 4.0)  # times the maximum
ALMOST_ZERO = -1e-300  # log of the largest rate, whose complement still has a logarithm
PERCENTILE = 0.95
FIRST_STEP, LARGEST_STEP, HALVINGS = 0.01, 700.0, 16

_nodes, _weights = np.polynomial.legendre.leggauss(POINTS)
NODES: Floats = (_nodes + 1.0) / 2.0
WEIGHTS: Floats = _weights / 2.0
_powers = np.arange(POINTS)
# [k, l]: the integral from a panel's start to its k-th point of the polynomial that is 1 at its l-th point, 0 at others
UP_TO: Floats = (NODES[:, None] ** (_powers + 1) / (_powers + 1)) @ np.linalg.inv(NODES[:, None] ** _powers)


@dataclass(frozen=True, slots=True)
class Posterior:
    """Beta(a, b) of one arm's rate of successes: ``a`` is 1 + successes, ``b`` is 1 + failures, both real numbers.

    Raises ValueError for a parameter that is below 1, over 1e15 or not a number.
    """

    a: float
    b: float

    def __post_init__(self) -> None:
        for name, value in (("a", self.a), ("b", self.b)):
            if not 1.0 <= value <= 1.0 + LARGEST:
                raise ValueError(f"{name} is {value!r}: it must be a number from 1 on, 1 + a count up to {LARGEST:.0e}")

    @property
    def mean(self) -> float:
        """Expected rate of successes."""
        return self.a / (self.a + self.b)


def chances_of_best(posteriors: Sequence[Posterior]) -> tuple[float, ...]:
    """The probability of each arm that its rate is the highest; they add up to 1.

    Raises ValueError without any arm.
    """
    if not posteriors:
        raise ValueError("posteriors is empty: there must be an arm")
    chances = _chances(_parameters(posteriors), np.zeros((1, 1)))
    return tuple((chances / chances.sum()).tolist())


def value_remaining(posteriors: Sequence[Posterior]) -> float:
    """By how much, as a part of its rate, the likely best arm may still be beaten: 0.01 is "by a hundredth".

    The 95th posterior percentile of (max_j p_j - p_best) / p_best, best being the arm with the highest chance of it
    (the rule by which Google Analytics' content experiments stopped, S. Scott, "Multi-armed bandit experiments",
    2013). It is 0 once that arm is the best one with a probability of 95 %. Not more than v is left where the best arm
    beats all the others at 1 / (1 + v) of their rates, which over log p are the others moved to the left. The answer's
    own percentile is right to 1e-3, and v is solved for to 1e-4 of itself, or to 1e-6 where it is smaller than 0.01.
    """
    best = int(np.argmax(chances_of_best(posteriors)))
    parameters = _parameters(posteriors)

    def enough(step: float) -> bool:
        steps = np.full((len(posteriors), 1), step)
        steps[best] = 0.0
        return bool(_chances(parameters, steps)[best] >= PERCENTILE)

    if enough(0.0):
        return 0.0
    low, high = 0.0, FIRST_STEP
    while high < LARGEST_STEP and not enough(high):
        low, high = high, 2.0 * high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return expm1(high)


def _parameters(posteriors: Sequence[Posterior]) -> Floats:
    """Shape (2, arms, 1): all a, all b."""
    return np.array([[[one.a] for one in posteriors], [[one.b] for one in posteriors]])


def _chances(parameters: Floats, left: Floats) -> Floats:
    """The chance of each arm to be the best, shape (arms,), each moved to the left by ``left``, (arms, 1) or (1, 1)."""
    edges = _edges(*parameters) - left
    grid = np.sort(np.concatenate([edges.ravel(), _edges_near_one(parameters[0], parameters[1], left)]))
    widths = np.diff(grid)
    points = grid[:-1, None] + widths[:, None] * NODES
    inside = (grid[:-1] >= edges[:, :1]) & (grid[1:] <= edges[:, -1:])
    density = _density(points + left[:, :, None], *parameters[..., None]) * np.where(inside, widths, 0.0)[..., None]
    parts = density * WEIGHTS
    panels = parts.sum(axis=2)
    through = panels.cumsum(axis=1)
    total = through[:, -1:]
    below = (through - panels)[..., None] + np.einsum("amq,pq->amp", density, UP_TO)
    others = _product_of_others(np.clip(below / total[..., None], 0.0, 1.0))  # the polynomial may dip below 0
    return np.asarray((parts * others).sum(axis=(1, 2)) / total[:, 0])


def _edges(a: Floats, b: Floats) -> Floats:
    """The edges of each arm's panels, shape (arms, panels + 1), as logs of rates."""
    half = max(LEAST_PANELS, PANELS // len(a)) // 2
    mode = -np.log1p((b - 1.0) / a)
    both = a + b
    deviation = np.sqrt(b / (a * both) + b * (a + both) / (2.0 * (a * both) ** 2))
    left, right = REACH * deviation + TAIL / a, np.minimum(REACH * deviation, -mode)
    steps = np.sinh(np.linspace(0.0, CROWDED, half + 1)) / np.sinh(CROWDED)
    return np.concatenate([mode - left * steps[:0:-1], mode + right * steps], axis=1)


def _edges_near_one(a: Floats, b: Floats, left: Floats) -> Floats:
    """More edges, of arms with less than one failure (a discount leaves parts of them), shape (edges,). Towards a rate
    of 1 their density goes to 0 like a root, which no polynomial does: panels are smaller the closer they are to it."""
    near = (b < 2.0).ravel()
    edges = -np.log1p((b - 1.0) / a) * NEAR_ONE - left
    return np.asarray(edges[near].ravel())


def _density(x: Floats, a: Floats, b: Floats) -> Floats:
    """Of log p at ``x``, as a multiple of its maximum."""
    mode = np.minimum(-np.log1p((b - 1.0) / a), ALMOST_ZERO)
    x = np.minimum(x, ALMOST_ZERO)
    rest = np.log(-np.expm1(x)) - np.log(-np.expm1(mode))
    return np.asarray(np.exp(np.minimum(a * (x - mode) + (b - 1.0) * rest, 0.0)))


def _product_of_others(factors: Floats) -> Floats:
    """For each arm the product over all the others, without a division, since factors may be 0. Shape as given."""
    others = np.ones_like(factors)
    np.cumprod(factors[:-1], axis=0, out=others[1:])
    after = np.cumprod(factors[:0:-1], axis=0)[::-1]
    others[:-1] *= after
    return others
