"""Which arms are out of the race: the pairwise odds-ratio test with margin 1, for bandits.

Arm i is dropped when the evidence that some other arm has higher odds of success has reached K (K - 1) / alpha, K being
the number of arms at the start: over all ordered pairs, and however often one looks, the chance that any arm is ever
dropped for one that is not better is at most alpha (Ville's inequality and a union bound). Shares that follow the
successes do not harm it: each tick is judged given both arms' requests. As in suite abn, on the product's likelihoods
and capital; there is no strategy for it in the product yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from bench.stats.arms import BETTER_BY, GRID
from modelrollout.core.evidence import Count, EvidenceSettings, Tick
from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.hypergeometric import log_likelihoods

ALPHA = 0.05  # chance that any arm is dropped for one that is not better


@dataclass(frozen=True, slots=True)
class Race:
    """Capital of each ordered pair, "the first beats the second", and the arms that are still in."""

    beats: dict[tuple[int, int], Capital]
    racing: tuple[int, ...]
    settings: EvidenceSettings

    @classmethod
    def of(cls, arms: int) -> Race:
        """All of two or more arms, nothing known. All of the capital is staked at once."""
        alpha = ALPHA / (arms * (arms - 1))
        settings = EvidenceSettings(alpha=alpha, margin=1.0, floor=0.0, first_capital=0.999, late_capital=0.001)
        start = dict.fromkeys(permutations(range(arms), 2), Capital.of(len(BETTER_BY)))
        return cls(start, tuple(range(arms)), settings)

    def after(self, trials: Sequence[int], successes: Sequence[int]) -> Race:
        """After a tick's counts of each arm; only pairs of arms that are still in are compared."""
        counts = [Count(wins, number) for wins, number in zip(successes, trials, strict=True)]
        beats = dict(self.beats)
        for one, other in combinations(self.racing, 2):
            ratios = log_likelihoods(Tick(0.0, counts[one], counts[other]), GRID)
            up, down = np.split(ratios[1:] - ratios[0], 2)
            beats[one, other] = beats[one, other].after(up.tolist(), self.settings)
            beats[other, one] = beats[other, one].after(down.tolist(), self.settings)
        return Race(beats, self._left(beats), self.settings)

    def _left(self, beats: dict[tuple[int, int], Capital]) -> tuple[int, ...]:
        """Who stays in. An arm is only dropped for one that is in itself, so that there is always one."""
        left = list(self.racing)
        for arm in self.racing:
            rivals = (beats[other, arm] for other in left if other != arm)
            if any(capital.evidence(self.settings) >= self.settings.needed for capital in rivals):
                left.remove(arm)
        return tuple(left)
