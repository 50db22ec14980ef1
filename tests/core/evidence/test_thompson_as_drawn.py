"""Our chances to be the best are summed, those of Thompson sampling are drawn: mabwiser's draws are ours, on average.

mabwiser is what teams use for bandits in Python (E. Strong, B. Kleynhans, S. Kadioglu, "MABWiser", 2019). From the same
answers both must send the same share of the requests to each version.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import pytest
from mabwiser.mab import MAB, LearningPolicy

from modelrollout.core.evidence.allocation import Allocation

DRAWS = 40_000
SIGMAS = 5.0
ANSWERS: Mapping[str, Mapping[str, tuple[int, int]]] = {  # requests and rewards by version
    "few, and three alike": {"1.0.0": (20, 2), "1.0.1": (20, 2), "1.0.2": (20, 2)},
    "the bench's six": {
        "1.0.0": (1000, 40),
        "1.0.1": (1000, 50),
        "1.0.2": (1000, 60),
        "1.0.3": (1000, 30),
        "1.0.4": (1000, 45),
        "1.0.5": (1000, 20),
    },
    "much of one, little of the other": {"1.0.0": (20000, 1000), "1.0.1": (50, 3)},
    "no reward at all of one": {"1.0.0": (400, 0), "1.0.1": (400, 2)},
}


def drawn(counted: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """How often each version is chosen by mabwiser."""
    bandit = MAB(list(counted), LearningPolicy.ThompsonSampling(), seed=1)
    decisions = [version for version, (requests, _) in counted.items() for _ in range(requests)]
    rewards = [int(i < good) for requests, good in counted.values() for i in range(requests)]
    bandit.fit(decisions, rewards)
    chosen = [bandit.predict() for _ in range(DRAWS)]
    return {version: chosen.count(version) / DRAWS for version in counted}


@pytest.mark.parametrize("counted", ANSWERS.values(), ids=ANSWERS.keys())
def test_the_shares_are_those_of_mabwiser(counted: Mapping[str, tuple[int, int]]) -> None:
    known = Allocation().after(dict(counted), 10.0, half_life=None)
    chances = known.chances(more_is_better=True, overdispersion=1.0)
    for version, share in drawn(counted).items():
        chance = chances[version]
        assert abs(share - chance) <= SIGMAS * sqrt(chance * (1.0 - chance) / DRAWS) + 1e-3, version
