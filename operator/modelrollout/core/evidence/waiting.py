"""Waiting: requests whose reward has not come yet, of one version.

A request of a minute ago without a reward is no failure where rewards come an hour late. What rewards are compared with
are therefore the requests that would have had theirs by now: N(t) = sum over s of n_s F(t - s), with F the distribution
of the delay, exponential with a known mean. It has no memory, so a single number is enough for all that is still out.
(O. Chapelle, "Modeling delayed feedback in display advertising", KDD 2014.)

Counting the whole number of requests instead would punish the version whose share rose lately, and a release always
begins with such a version: the one that served has the rewards of all that it answered before.

How much that is can only be guessed, so what a version earns is not compared while a notable part of it is from before.
Nor are delays exponential everywhere, or known well in a young trial: if all are late by the same time, a new version
has nothing for so long, and then more than is due, until after some delays both are the same again. So nothing of a
version is compared before it has competed for some, and shares have stayed for as long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, expm1, inf

OLD_ENOUGH = 3.0
"""Mean delays: by then nineteen of twenty rewards of the first requests have come, if delays are exponential."""

FROM_BEFORE = 0.05
"""The part of what is out that may be from before a version competed: a guess that is wrong by half is then one of a
fortieth, and halves again with each two thirds of a delay."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """``out`` are requests whose reward is to come, ``ripe`` those whose reward would have come that no tick counted,
    ``rewards`` (in parts) those that came before there was a request to count them for. ``before`` is the part of
    ``out`` that was asked for before the version competed, and ``seconds`` is since when it does. Each >= 0."""

    out: float = 0.0
    ripe: float = 0.0
    rewards: int = 0
    before: float = 0.0
    seconds: float = 0.0

    @property
    def is_own(self) -> bool:
        """Whether hardly any of what is to come is for requests from before the version competed."""
        return self.before <= FROM_BEFORE * self.out

    def is_settled(self, mean_delay: float) -> bool:
        """Whether what the version earns may be compared: always, where rewards come at once."""
        return not mean_delay or (self.is_own and self.seconds >= OLD_ENOUGH * mean_delay)

    def anew(self) -> Waiting:
        """Where the version competes from now on, and did before."""
        return Waiting(out=self.out, before=self.out)

    def after(self, requests: int, rewards: int, seconds: float, mean_delay: float) -> tuple[Waiting, float, int]:
        """After a tick of so many ``seconds``: what waits then, and the requests and rewards that count now. All that
        have come count once any request is ripe."""
        if not seconds > 0:
            return replace(self, out=self.out + requests, rewards=self.rewards + rewards), 0.0, 0
        out, matured = maturing(self.out, requests, seconds, mean_delay)
        before, _ = maturing(self.before, 0, seconds, mean_delay)
        ripe, came, age = self.ripe + matured, self.rewards + rewards, self.seconds + seconds
        counts = ripe > 0
        after = Waiting(out, 0.0, 0 if counts else came, before, age)
        return (after, ripe, came) if counts else (after, 0.0, 0)

    def once_known(self, seconds: float, mean_delay: float, before: float = 0.0) -> Waiting:
        """Once it is known after so many ``seconds`` how late rewards come: what is out was asked for in this time, at
        even distances, and so a part of it is ripe. So it is with what was out ``before`` that time."""
        out, matured = maturing(before, self.out, seconds, mean_delay)
        left, _ = maturing(before, 0, seconds, mean_delay)
        return replace(self, out=out, ripe=self.ripe + matured, before=left)


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
