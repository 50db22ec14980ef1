"""A sudden failure: answers of which so many failed as the whole trial until then does not explain.

Compared with the control alone, a tick in which it happened to have one request says next to nothing, though all of
the candidate's fifty answers failed. But both versions have a long record by then, and fifty bad answers beside one in
two hundred are news by themselves. Nothing is proven by that (a shared outage looks the same), so nobody is taken back
for it: a share that should rise waits for a better tick, which costs a healthy version one tick in two thousand, and
one in fifty where its bad answers come in bursts of five.
"""

from __future__ import annotations

from math import ceil

from modelrollout.core.evidence.counts import Count
from modelrollout.core.evidence.interval import rate_interval

PART = 0.1  # of the answers of the newest scrape
UNSURE = 0.05  # chance that a rate lies outside of its interval


def fails_suddenly(answered: Count, known: Count, margin: float, scrapes: float = 1.0) -> bool:
    """Whether these answers are worse than all that was ``known`` before, beyond chance, whatever the noise.

    They came in so many ``scrapes``, 1 at least.
    """
    if not answered.bad:
        return False
    usual = rate_interval(known, UNSURE, 1.0).high
    newest = _newest(answered, usual, scrapes)
    if not newest.bad or newest.bad < PART * newest.trials:
        return False
    return rate_interval(newest, UNSURE, 1.0).low > margin * usual


def _newest(answered: Count, usual: float, scrapes: float) -> Count:
    """The answers of the newest scrape, as if all the bad ones were among them that are not usual among the others:
    where Prometheus was away for a moment the good ones of before would hide a version that has just begun to fail."""
    trials = ceil(answered.trials / scrapes)
    unusual = max(0, answered.bad - round(usual * (answered.trials - trials)))
    return Count(min(unusual, trials), trials)
