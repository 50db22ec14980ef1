"""Allocation: what is believed of each version's rewards, and the shares of the requests that follow from it.

A bandit's side of a contest (``contest``): not what is proven, but what is likely. Every version has a belief
(``belief``), and gets requests as often as it is likely to be the best (``thompson``, ``weights``). Where rewards come
in bursts, so many of them count as one, or people who come ten times would make it certain too soon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from modelrollout.core.evidence.belief import Belief
from modelrollout.core.evidence.thompson import Posterior, chances_of_best, value_remaining
from modelrollout.core.evidence.weights import weights_of

HUNDREDTHS = 100  # of a percent


@dataclass(frozen=True, slots=True)
class Allocation:
    """The beliefs, by version."""

    beliefs: Mapping[str, Belief] = field(default_factory=dict)

    def after(self, new: Mapping[str, tuple[float, float]], seconds: float, *, half_life: float | None) -> Allocation:
        """After one tick of so many seconds: requests and rewards by version; only these are kept. Where rewards come
        late, the requests are those that they are due to (``waiting``)."""
        return Allocation(
            {
                version: self.beliefs.get(version, Belief()).after(requests, rewards, seconds, half_life=half_life)
                for version, (requests, rewards) in new.items()
            }
        )

    def chances(self, *, more_is_better: bool, overdispersion: float) -> dict[str, float]:
        """By version, the probability that it is the best."""
        if not self.beliefs:
            return {}
        posteriors = self.posteriors(more_is_better=more_is_better, overdispersion=overdispersion)
        return dict(zip(posteriors, chances_of_best(list(posteriors.values())), strict=True))

    def value_remaining(self, *, more_is_better: bool, overdispersion: float) -> float:
        """By what part of its rate the likely best may still be beaten, with 95 %; infinite while nothing is known."""
        if len(self.beliefs) < 2:
            return float("inf")
        posteriors = self.posteriors(more_is_better=more_is_better, overdispersion=overdispersion)
        return value_remaining(list(posteriors.values()))

    def posteriors(self, *, more_is_better: bool, overdispersion: float) -> dict[str, Posterior]:
        """By version, what is believed of its rate of what is better to have more of."""
        found = {}
        for version, belief in self.beliefs.items():
            exact = belief.posterior
            a, b = (1.0 + (count - 1.0) / overdispersion for count in (exact.a, exact.b))
            found[version] = Posterior(a, b) if more_is_better else Posterior(b, a)
        return found

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {version: [one.successes, one.trials] for version, one in self.beliefs.items()}

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises ValueError or TypeError when it is not that."""
        return cls({version: Belief(*map(float, values)) for version, values in status.items()})


def shares_of(chances: Mapping[str, float], floor: float) -> dict[str, float]:
    """Percent of the requests for each version, at least ``floor`` (a share) each, summing to 100: whole ones, or
    hundredths where the floor is below 1 %, so that it is not rounded away."""
    if not chances or floor * len(chances) > 1.0:
        return {}
    scale = 1 if floor >= 0.01 else HUNDREDTHS
    weights = weights_of(list(chances.values()), floor, 100 * scale)
    return {version: weight / scale for version, weight in zip(chances, weights, strict=True)}
