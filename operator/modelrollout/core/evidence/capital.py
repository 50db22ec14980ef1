"""Capital: the bookkeeping that all the sequential tests share.

A test is a bet against the null hypothesis: capital is staked on several alternatives, each multiplied at every tick
by a likelihood ratio whose expectation under the null is at most 1. So the capital's expectation never grows while
the null holds, and the chance that it EVER reaches 1 / alpha is at most alpha, however often one looks (J. Ville,
"Étude critique de la notion de collectif", 1939; A. Ramdas et al., "Game-theoretic statistics and safe anytime-valid
inference", Statist. Sci. 38 (2023)).

Two additions. Part of the capital is kept back and staked tick by tick, so that a fault that starts late is found
nearly as fast as one that is there from the start (e-detectors: J. Shin, A. Ramdas, A. Rinaldo, "E-detectors", 2023;
here the stakes add up to 1, so the bound is on the whole release). And one scrape multiplies an alternative by exp(cap)
at most: a single bad one is no verdict. Taking the lesser of two payouts keeps the expectation at most 1, whatever the
cap goes by; so a tick that spans many scrapes, after Prometheus was away, may be worth as many caps. (To let one tick
lift a low capital all the way to where the first tick could have lifted it finds a late total failure in 2 ticks
instead of 4, but was measured to turn scrapes that are 5 s apart into false rollbacks: 5 % of the releases with two
short shared outages.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum

from modelrollout.core.evidence.settings import EvidenceSettings

LARGEST_POWER = 600.0  # of e: a float ends at 709
PLENTY = 100.0  # times the bound: capital above is thrown away, which is always allowed and makes forgetting quick


@dataclass(frozen=True, slots=True)
class Capital:
    """Capital on each alternative and the number of ticks so far; what is not staked yet follows from the ticks."""

    members: tuple[float, ...]
    ticks: int = 0

    @classmethod
    def of(cls, alternatives: int) -> Capital:
        """Nothing staked on so many alternatives."""
        return cls((0.0,) * alternatives)

    def evidence(self, settings: EvidenceSettings) -> float:
        """The e-value: average capital plus what is kept back. 1 before the first tick."""
        return fsum(self.members) / len(self.members) + (1.0 - staked(self.ticks, settings))

    def after(self, log_ratios: Sequence[float], settings: EvidenceSettings, scrapes: int = 1) -> Capital:
        """After one tick, worth so many ``scrapes``, with these log-likelihood ratios of the alternatives, in nats."""
        stake = staked(self.ticks + 1, settings) - staked(self.ticks, settings)
        most = PLENTY * settings.needed / settings.share
        phi, cap = settings.overdispersion, min(settings.cap * scrapes, LARGEST_POWER)
        members = []
        for capital, ratio in zip(self.members, log_ratios, strict=True):
            after = (capital + stake) * exp(min(ratio / phi, cap))
            members.append(min(after, most))
        return Capital(tuple(members), self.ticks + 1)


def staked(ticks: int, settings: EvidenceSettings) -> float:
    """Part of the capital that is staked after so many ticks, between 0 and 1.

    ``first_capital`` at the first, ``late_capital`` evenly over the planned ticks, and what then remains ever more
    slowly: after t ticks beyond the plan, the part (planned + 1) / (planned + 1 + t) of it is still kept.
    """
    if ticks == 0:
        return 0.0
    planned = settings.planned_ticks
    rest = 1.0 - settings.first_capital - settings.late_capital
    beyond = max(0, ticks - 1 - planned)
    spread = settings.late_capital * min(ticks - 1, planned) / planned
    return settings.first_capital + spread + rest * beyond / (planned + 1 + beyond)
