"""Disagreement: does a candidate answer otherwise than the version that serves more often than its owner allows?

A difference may be noise: a model that does not answer the same way twice differs from itself, too. So what is tested
is flips(control, arm) against ``allowed`` + flips(control, control), by the counters of the comparer alone. How often
control differs from itself cannot be taken from its noise sample: of 80 requests that is 8, and 8 equal answers rule
out no noise below 44 %. So where an arm differs, the comparer asks again: with c, c', c'' the control's answers and
a, a' the arm's, each request with a != c is worth

    bet 1    +1 where c' = c (``once``), else -1
    bet 2    +1 where c'' = c' = c and a' != c (``always``), else -1/3

and all others 0. The bet that the mean worth is above ``allowed`` has, at a stake of L, the capital

    product over all requests of 1 + L (worth - allowed),

which the counts alone give; while the mean is not above, the chance that it ever reaches 1 / alpha is at most alpha,
however often one looks (``evidence/capital``). Where a part of a request's rows differ, each factor is taken to the
power of its part; by the inequality of the means that is never more.

Bet 1. Given the request, c and c' are exchangeable, so P(a = c, c' != c) = P(a = c', c' != c) <= P(a != c, c' != c).
Hence the mean worth is at most P(a != c) - P(c' != c), and it is just that where a request has two answers.

Bet 2. Of noise every second flip is worth +1 in bet 1, so that one flip says little. Let the arm's answers to all
but a part ``allowed`` of the requests be no further from the control's than those are from each other, that is
P(a = c) >= P(c' = c) with p and q the chances of an answer by control and by arm: sum(p q) >= sum(p^2). Then
P(always) = sum(p^3 (1 - q)^2) <= 1/4 P(a != c) (for two answers by algebra, with equality where control tosses a coin;
for up to five also by 200,000 random p and q). So these requests are worth at most 0 in the mean, and the stakes may
be three times as high. This bet is most of the capital: it finds an arm that differs for good. Bet 1 finds one that
does not repeat itself.

That an arm does not differ by ``allowed`` is bet 1 the other way round, with ``beta`` for the chance of error.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import exp, fsum, log, log1p

from modelrollout.core.evidence import percent
from modelrollout.core.evidence.capital import LARGEST_POWER

ALPHA = 0.01  # chance of a false failure
BETA = 0.05  # chance of a false pass, at just what is allowed
ROUNDING = 1e-6  # of sums of parts of requests, taken from one another
COST = 1 / 3  # of a flip in bet 2 that is not there always

Counts = tuple[float, float, float]
Stakes = tuple[tuple[float, float], ...]
"""Parts of the largest stake, and of the capital on each."""

# Most of it on large stakes: who differs much, or not at all, is to be known soon.
_STEADY = ((0.95, 0.5), (0.5, 0.15), (0.25, 0.1), (0.1, 0.05))
_ANY = ((0.95, 0.12), (0.5, 0.05), (0.2, 0.03))
_WITHIN = ((0.97, 0.5), (0.7, 0.2), (0.4, 0.2), (0.15, 0.1))


class Outcome(StrEnum):
    """What is known."""

    PASS = "Pass"
    FAIL = "Fail"
    OPEN = "Open"


@dataclass(frozen=True, slots=True)
class Flips:
    """The comparer's counters of one arm (``api/compared``) since the trial began: COMPARED, DIFFERENT and REPEATED;
    ``noise`` are DIFFERENT and COMPARED of the control. Raises ValueError for what cannot be."""

    compared: float
    different: float
    once: float
    always: float
    noise: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        order = (0.0, self.always, self.once, self.different, self.compared)
        if any(less > more + ROUNDING for less, more in pairwise(order)):
            raise ValueError(f"{self}: of what was compared a part differs, and of that a part again")

    @property
    def beyond_noise(self) -> float:
        """The part of the answers that differ, less what the control differs from itself by; may be below 0."""
        return (2 * self.once - self.different) / self.compared if self.compared else 0.0


@dataclass(frozen=True, slots=True)
class Disagreement:
    """``evidence`` of 1 / ALPHA is a failure, ``proof`` of 1 / BETA a pass; 1 before anything was compared."""

    outcome: Outcome
    evidence: float
    proof: float


def judge_flips(flips: Flips, allowed: float, least: int) -> Disagreement:
    """What is known of an arm that may differ in a part ``allowed`` of its answers. It passes after ``least`` at the
    earliest, and fails at any time. A verdict is final, though the evidence may fall again."""
    evidence = _evidence(flips, allowed)
    proof = _proof(flips, allowed)
    if evidence >= 1 / ALPHA:
        return Disagreement(Outcome.FAIL, evidence, proof)
    passed = proof >= 1 / BETA and flips.compared >= least
    return Disagreement(Outcome.PASS if passed else Outcome.OPEN, evidence, proof)


def told(flips: Flips, arm: str, control: str) -> str:
    """The counts in words."""
    if not flips.compared:
        return f"no answer of {arm} was compared with {control}'s"
    ours = f"{_count(flips.different)} of {_count(flips.compared)} answers of {arm} differ from {control}'s"
    different, compared = flips.noise
    own = f"; {control} differs from itself in {_count(different)} of {_count(compared)}" if compared else ""
    return f"{ours} ({percent(flips.different / flips.compared)}), {_count(flips.always)} of them each time{own}"


def _evidence(flips: Flips, allowed: float) -> float:
    """Of both bets."""
    gains = (1.0 - allowed, -COST - allowed, -allowed)
    steady = _capital(_STEADY, gains, (flips.always, flips.different - flips.always, flips.compared - flips.different))
    gains = (1.0 - allowed, -1.0 - allowed, -allowed)
    return steady + _capital(_ANY, gains, _by_once(flips))


def _proof(flips: Flips, allowed: float) -> float:
    """Bet 1 the other way round."""
    return _capital(_WITHIN, (allowed - 1.0, allowed + 1.0, allowed), _by_once(flips))


def _by_once(flips: Flips) -> Counts:
    return flips.once, flips.different - flips.once, flips.compared - flips.different


def _capital(stakes: Stakes, gains: Counts, counts: Counts) -> float:
    """What the stakes have become. One request wins or loses ``gains`` times the stake: where the flip is there again,
    where it is not, and where there is none."""
    largest = -1.0 / min(gains)  # more could be lost than there is
    members = []
    for part, capital in stakes:
        logs = [count * log1p(part * largest * gain) for count, gain in zip(counts, gains, strict=True)]
        members.append(exp(min(LARGEST_POWER, fsum(logs) + log(capital))))
    return fsum(members)


def _count(number: float) -> str:
    """Parts of requests to a tenth."""
    return f"{number:.1f}".removesuffix(".0")
