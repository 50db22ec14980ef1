"""Which arms are out of the race, by the product's own contest: those that another one is proven to be better than.

Over all ordered pairs, and however often one looks, the chance that any arm is ever dropped for one that is not better
is at most alpha (Ville's inequality and a union bound). Shares that follow the successes do not harm it: each tick is
judged given both arms' requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.proofs import Proofs

RULES = Rules(false_winner=0.05, overdispersion=1.0)  # alpha: that any arm is dropped for one that is not better


@dataclass(frozen=True, slots=True)
class Race:
    """The contest, and the arms that are still in."""

    contest: Contest
    racing: tuple[int, ...]
    rules: Rules

    @classmethod
    def of(cls, arms: int, mean_delay: float) -> Race:
        """All of two or more arms, nothing known; rewards come so many seconds late."""
        names = tuple(map(str, range(arms)))
        return cls(Contest().among(names), tuple(range(arms)), replace(RULES, mean_delay=mean_delay))

    def after(self, trials: Sequence[int], successes: Sequence[int], seconds: float) -> Race:
        """After a tick's counts of each arm; only arms that are still in are compared."""
        new = {str(arm): (trials[arm], successes[arm]) for arm in self.racing}
        contest = self.contest.after(0.0, new, self.rules, seconds)
        racing = tuple(map(int, Proofs(contest, self.rules).contenders))
        return Race(contest.among(tuple(map(str, racing))), racing, self.rules)
