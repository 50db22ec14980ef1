"""Waiting: requests whose reward has not come yet, of one version.

A request of a minute ago without a reward is no failure where rewards come an hour late. What rewards are compared with
are therefore the requests that would have had theirs by now: N(t) = sum over s of n_s F(t - s), with F the distribution
of the delay, exponential with a known mean. It has no memory, so a single number is enough for all that is still out.
(O. Chapelle, "Modeling delayed feedback in display advertising", KDD 2014.)

Counting the whole number of requests instead would punish the version whose share rose lately, and a release always
begins with such a version: the one that served has the rewards of all that it answered before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, expm1, inf


@dataclass(frozen=True, slots=True)
class Waiting:
    """``out`` are requests whose reward is to come, ``ripe`` those whose reward would have come that no tick counted,
    ``rewards`` (in parts) those that came before there was a request to count them for. Each >= 0."""

    out: float = 0.0
    ripe: float = 0.0
    rewards: int = 0

    def after(self, requests: int, rewards: int, seconds: float, mean_delay: float) -> tuple[Waiting, float, int]:
        """After a tick of so many ``seconds``: what waits then, and the requests and rewards that count now. All that
        have come count once any request is ripe."""
        out, matured = maturing(self.out, requests, seconds, mean_delay) if seconds > 0 else (self.out + requests, 0.0)
        ripe, came = self.ripe + matured, self.rewards + rewards
        return (Waiting(out, 0.0, 0), ripe, came) if ripe > 0 else (Waiting(out, 0.0, came), 0.0, 0)

    def once_known(self, seconds: float, mean_delay: float, before: float = 0.0) -> Waiting:
        """Once it is known after so many ``seconds`` how late rewards come: what is out was asked for in this time, at
        even distances, and so a part of it is ripe. So it is with what was out ``before`` that time."""
        out, matured = maturing(before, self.out, seconds, mean_delay)
        return replace(self, out=out, ripe=self.ripe + matured)


def maturing(pending: float, trials: float, seconds: float, mean_delay: float) -> tuple[float, float]:
    """How many requests are still out after a tick, and how many have matured in it: none where the mean is infinite,
    for it is not known yet.

    ``trials`` new ones at even distances over ``seconds`` > 0: of those (1 - exp(-u)) / u are still out at its end,
    with u = seconds / mean_delay. Raises ValueError for a mean that is negative or not a number.
    """
    if mean_delay == inf:
        return pending + trials, 0.0
    if not mean_delay >= 0.0:
        raise ValueError(f"mean_delay is {mean_delay!r}: it must be a number of seconds >= 0")
    if mean_delay == 0.0:
        return 0.0, pending + trials
    means = seconds / mean_delay
    out = pending * exp(-means) + trials * (-expm1(-means) / means)
    return out, max(0.0, pending + trials - out)
