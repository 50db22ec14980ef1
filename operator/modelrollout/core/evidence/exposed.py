"""Late rewards: of two versions that answer the same people, which earns more, where a tick's rewards are not those of
its own requests?

Known are the rewards s_1, s_2 that came in a tick and how many requests they are due to (``waiting``), m_1 and m_2,
which need not be whole. If the first version's rate is r times the second's, the first has the part
r m_1 / (r m_1 + m_2) of all rewards in expectation, so for an alternative r = a and a null hypothesis r = b

    ratio = (a / b)^s_1  ((b m_1 + m_2) / (a m_1 + m_2))^(s_1 + s_2)

Why its mean is at most 1 where b is the true ratio, however each request's reward is spread over the ticks: with c for
the base of the second power, a sum s of independent rewards in [0, 1] with the mean mu has E[z^s] <= exp(mu (z - 1)),
since z^x lies below its chord and 1 + y <= e^y. So E[ratio] <= exp(mu_1 (a c / b - 1) + mu_2 (c - 1)), and with
mu_1 : mu_2 = b m_1 : m_2 the exponent is 0. A true ratio on the null hypothesis' side makes it negative. It is the test
of two Poisson counts (J. Przyborowski, H. Wilenski, Biometrika 31 (1940)), a little weaker than the exact one of
``pairwise`` where most requests are rewarded.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.pairwise import BETTER_BY, INSIDE, Ratios


def late_ratios(first: tuple[float, float], second: tuple[float, float], indifference: float) -> Ratios:
    """Log ratios of all alternatives, from (rewards, requests that these are due to) of both; ``indifference`` is the
    part by which rates may differ and still be called the same."""
    (mine, due), (theirs, others_due) = first, second
    alternative, null = _grid(indifference)
    base = np.log((null * due + others_due) / (alternative * due + others_due))
    logs = mine * np.log(alternative / null) + (mine + theirs) * base
    better, inside = len(BETTER_BY), len(INSIDE)
    return Ratios(*np.split(logs, [better, 2 * better, 2 * better + inside]))


@lru_cache(maxsize=64)
def _grid(indifference: float) -> tuple[Floats, Floats]:
    """Of each alternative the ratio of rates, and that of its null hypothesis."""
    better, inside = np.array(BETTER_BY), (1.0 + indifference) ** np.array(INSIDE)
    bound = 1.0 + indifference
    alternative = np.concatenate([better, 1.0 / better, inside, inside])
    null = np.concatenate([np.ones(2 * len(BETTER_BY)), np.full(len(INSIDE), bound), np.full(len(INSIDE), 1.0 / bound)])
    return alternative, null
