"""Discordance: of two versions that were asked the same, does one fail (or is it slow) more often than the other?

Requests at which both fare alike tell nothing (Q. McNemar, Psychometrika 12 (1947)). Of the others, let b be bad at the
arm alone and c at the control alone. While the arm is not worse each is at most as likely the arm's as a toss of a coin
says, so a bet on a part t > 1/2 has the capital (2 t)^b (2 (1 - t))^c; a mixture of such bets reaches 1 / alpha with a
chance of alpha at most, however often one looks.

The counters do not tell which of the bad ones are of one request. With b and c of all that were bad, each pair counts
as 4 t (1 - t) <= 1: a little less is known than could be, and never more.
"""

from __future__ import annotations

from math import exp, fsum, log

from modelrollout.core.evidence.capital import LARGEST_POWER

ALPHA = 0.01
"""The chance that a version that is no worse is ever called so."""

PARTS = (0.55, 0.65, 0.75, 0.85, 0.95, 0.99)


def evidence(arm: float, control: float) -> float:
    """That the arm, which was bad so often, is worse than the control; of 1 / ALPHA it is proven."""
    logs = [arm * log(2.0 * part) + control * log(2.0 * (1.0 - part)) - log(len(PARTS)) for part in PARTS]
    return fsum(exp(min(LARGEST_POWER, value)) for value in logs)
