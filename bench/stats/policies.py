"""What gives requests to arms: the product's weights, and the rules of other tools on the same beliefs.

Each of the others is a re-implementation of a rule, not the tool: "like". All get the posteriors Beta(1 + successes,
1 + failures) and exact probabilities where the tools draw some thousand times, and shares that need not be whole
percents: in their favour. Shares of all arms, adding up to 1, for the arms that are still in the race.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from modelrollout.core.evidence.belief import Belief
from modelrollout.core.evidence.thompson import Posterior, chances_of_best
from modelrollout.core.evidence.waiting import Waiting
from modelrollout.core.evidence.weights import weights_of

FLOOR = 0.01
Shares = Sequence[float]
Rule = Callable[[Sequence[Belief], Sequence[int]], Shares]  # beliefs of all arms, and which are in the race


@dataclass(frozen=True, slots=True)
class Arm:
    """What a policy knows of one arm."""

    belief: Belief = field(default_factory=Belief)
    waiting: Waiting = field(default_factory=Waiting)


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule and what it believes in: ``half_life`` and ``mean_delay`` in seconds, as in ``Belief.after`` and
    ``Waiting.after``, and whether arms are dropped when they are proven worse."""

    rule: Rule
    half_life: float | None = None
    mean_delay: float = 0.0
    drops: bool = False

    def after(self, known: Arm, trials: int, successes: int, seconds: float) -> Arm:
        """What is known of an arm after a batch."""
        waiting, due, came = known.waiting.after(trials, successes, seconds, self.mean_delay)
        return Arm(known.belief.after(due, came, seconds, half_life=self.half_life), waiting)


def thompson(beliefs: Sequence[Belief], racing: Sequence[int], *, floor: float = FLOOR, total: int = 100) -> Shares:
    """The product's weights."""
    chances = dict(zip(racing, chances_of_best([beliefs[arm].posterior for arm in racing]), strict=True))
    weights = weights_of([chances.get(arm) for arm in range(len(beliefs))], floor, total)
    return [weight / total for weight in weights]


def equal(beliefs: Sequence[Belief], racing: Sequence[int]) -> Shares:
    """A plain A/B/n test."""
    return [1.0 / len(beliefs)] * len(beliefs)


def greedy(beliefs: Sequence[Belief], racing: Sequence[int], *, explored: float) -> Shares:
    """Epsilon-greedy: the arm with the highest mean gets all but a part that is explored evenly."""
    means = [belief.posterior.mean for belief in beliefs]
    return favourite(int(np.argmax(means)), len(beliefs), explored)


def iter8(beliefs: Sequence[Belief], racing: Sequence[int], *, explored: float = 0.1) -> Shares:
    """The likely best arm, and a tenth explored evenly (iter8-analytics 1.2, top-k split of posterior probabilities of
    being the best with k = 1)."""
    chances = chances_of_best([belief.posterior for belief in beliefs])
    return favourite(int(np.argmax(chances)), len(beliefs), explored)


def growthbook(beliefs: Sequence[Belief], racing: Sequence[int], *, floor: float = FLOOR) -> Shares:
    """Half of the probability to be among the two best, with a floor (GrowthBook: gbstats, top-two weights)."""
    two = among_two_best([belief.posterior for belief in beliefs])
    return [floor + (1.0 - len(beliefs) * floor) * chance / 2.0 for chance in two]


def favourite(arm: int, arms: int, explored: float) -> Shares:
    """One arm gets all but a part, which is shared evenly."""
    return [(1.0 - explored) * (index == arm) + explored / arms for index in range(arms)]


def among_two_best(posteriors: Sequence[Posterior]) -> list[float]:
    """The probability of each of three or more arms to be the best or the second best.

    Whoever is the best once arm j is left out was the best before, or the second behind j. Over all j != i:
    sum of P(i best without j) = (K - 1) P(i best) + P(i second).
    """
    arms = len(posteriors)
    best = np.array(chances_of_best(posteriors))
    without = np.zeros(arms)
    for left_out in range(arms):
        rest = [arm for arm in range(arms) if arm != left_out]
        without[rest] += chances_of_best([posteriors[arm] for arm in rest])
    found: list[float] = (without - (arms - 2) * best).tolist()
    return found


PEERS: dict[str, Policy] = {
    "Iter8-like, likely best + 10 % explored": Policy(iter8),
    "GrowthBook-like, top two, floor 1 %": Policy(growthbook),
    "epsilon-greedy 10 %": Policy(partial(greedy, explored=0.1)),
    "epsilon-greedy 2 %": Policy(partial(greedy, explored=0.02)),
    "equal split": Policy(equal),
}
