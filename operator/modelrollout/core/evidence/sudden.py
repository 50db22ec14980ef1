"""A sudden failure: answers of which so many failed as the whole trial until then does not explain.

Compared with the control alone, a tick in which it happened to have one request says next to nothing, though all of
the candidate's fifty answers failed. But both versions have a long record by then, and fifty bad answers beside one in
two hundred are news by themselves. Nothing is proven by that (a shared outage looks the same), so nobody is taken back
for it: a share that should rise waits for a better tick, which costs a healthy version one tick in two thousand, and
one in fifty where its bad answers come in bursts of five.
"""

from __future__ import annotations

from modelrollout.core.evidence.counts import Count
from modelrollout.core.evidence.interval import rate_interval

PART = 0.1  # of the answers: a fault in the newest scrape alone, among ten that a tick may span
UNSURE = 0.05  # chance that a rate lies outside of its interval


def fails_suddenly(answered: Count, known: Count, margin: float) -> bool:
    """Whether these answers are worse than all that was ``known`` before, beyond chance, whatever the noise."""
    if not answered.bad or answered.bad < PART * answered.trials:
        return False
    usual = rate_interval(known, UNSURE, 1.0).high
    return rate_interval(answered, UNSURE, 1.0).low > margin * usual
