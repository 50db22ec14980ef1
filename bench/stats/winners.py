"""Rules of other tools that name a winner among versions by a reward, from all that was counted so far.

Each is a re-implementation of a rule, not the tool: "like", and in its favour. Epsilon-greedy and an equal split are no
rules of this kind: they give shares, and never say who has won.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import log, sqrt

from modelrollout.core.evidence.belief import Belief
from modelrollout.core.evidence.thompson import chances_of_best

Counts = Sequence[int]
Rule = Callable[[Counts, Counts], int | None]  # requests and rewards of each version so far; who has won
TUNED = 5000.0  # requests of two versions at which GrowthBook's sequence is the narrowest


def iter8(requests: Counts, rewards: Counts, *, least: float = 0.99) -> int | None:
    """Whoever is the best with this probability (iter8-analytics 1.2: the winner at 0.99). The prior is Beta(1, 1), as
    of the other bandits here, and the probability exact where Iter8 draws."""
    chances = chances_of_best([Belief(won, asked).posterior for asked, won in zip(requests, rewards, strict=True)])
    best = max(range(len(chances)), key=chances.__getitem__)
    return best if chances[best] >= least else None


def growthbook(requests: Counts, rewards: Counts, *, alpha: float = 0.05) -> int | None:
    """Whoever is above each of the others by the confidence sequence of two (gbstats: SequentialTwoSidedTTest, with the
    alpha and the tuning by default and no correction for several versions, which is off there).

    GrowthBook compares with the control alone, and so would name one of two that beat it alike.
    """
    rates = [won / max(asked, 1) for asked, won in zip(requests, rewards, strict=True)]
    best = max(range(len(rates)), key=rates.__getitem__)
    others = (arm for arm in range(len(rates)) if arm != best)
    ahead = all(
        rates[best] - rates[arm] > half_width(rates[best], requests[best], rates[arm], requests[arm], alpha)
        for arm in others
    )
    return best if ahead else None


def half_width(one: float, of_one: int, other: float, of_other: int, alpha: float) -> float:
    """Of the interval for the difference of two rates of so many requests each, at any time (I. Waudby-Smith et al.,
    "Time-uniform central limit theory and asymptotic confidence sequences", 2021, equations 9 and 161)."""
    requests = of_one + of_other
    squared = (-2.0 * log(alpha) + log(-2.0 * log(alpha) + 1.0)) / TUNED
    grown = requests * squared + 1.0
    variance = one * (1.0 - one) / max(of_one, 1) + other * (1.0 - other) / max(of_other, 1)
    return sqrt(variance * 2.0 * grown * log(sqrt(grown) / alpha) / (requests * squared)) if requests else 1.0


RULES: dict[str, Rule] = {
    "Iter8-like, the best by 95 %": partial(iter8, least=0.95),
    "Iter8-like, the best by 99 %": iter8,
    "GrowthBook-like, sequential": growthbook,
}
