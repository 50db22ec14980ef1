"""The ledger of a trial's alpha: the chance of a false rollback is given out once, over all arms, metrics and splits.

A sequential test is a bet (``evidence/capital.py``): it begins with its part of alpha, and ``part of alpha x evidence``
is what that part has become. The sum over all tests of a trial is a supermartingale that begins at alpha, so the chance
that any good arm is ever rolled back is at most alpha. It stays one when a test ends at any moment and another begins
with what the first had left, and when a test sells a share of itself to one that is added. So an edit costs nothing
twice: it never raises what is left (V. Vovk, R. Wang, "E-values: calibration, combination and applications", Ann.
Statist. 49 (2021), section 2; G. Shafer, "Testing by betting", J. R. Stat. Soc. A 184 (2021)).

More than what it began with is not handed on: evidence against an arm under one question is none under another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.status import Arm

LEAST = 1e-9  # of alpha: a test that has less can decide nothing any more, and must not divide by zero

Name = tuple[str, str]
"""Split and metric."""


def name_of(test: MetricStatus) -> Name:
    """What a test is known by."""
    return test.split, test.metric


def left(share: float, part: float) -> float:
    """What a test that began with ``share`` may hand on; ``part`` is what that has become."""
    return max(min(share, part), LEAST)


def shares(known: Sequence[MetricStatus], wanted: Sequence[Name]) -> Mapping[Name, float]:
    """Each test's share of its arm's alpha: those that have one keep it, unless new ones have to be given theirs."""
    given = {name_of(test): test.share for test in known if test.share > 0}
    new = [name for name in wanted if name not in given]
    if not new:
        return given
    wealth = sum(left(test.share, test.part) for test in known if test.share > 0) if given else 1.0
    each = wealth / (len(given) + len(new))
    kept = len(given) / (len(given) + len(new))
    return {name: max(share * kept, LEAST) for name, share in given.items()} | dict.fromkeys(new, each)


def alphas(arms: Sequence[Arm], new: int, total: float) -> tuple[float, float]:
    """For arms that enter a trial: what part of theirs the others keep, and each new one's alpha."""
    if not arms:
        return 1.0, total / new
    wealth = sum(alpha_left(arm) for arm in arms)
    return len(arms) / (len(arms) + new), wealth / (len(arms) + new)


def alpha_left(arm: Arm) -> float:
    """What is left of an arm's alpha."""
    tests = [test for test in arm.metrics if test.share > 0]
    return arm.alpha * (min(1.0, sum(left(test.share, test.part) for test in tests)) if tests else 1.0)


def sold(arm: Arm, kept: float) -> Arm:
    """The arm after it has sold a part of all its tests."""
    metrics = tuple(
        test.model_copy(update={"share": test.share * kept, "part": test.part * kept}) for test in arm.metrics
    )
    if arm.metrics:
        return arm.model_copy(update={"metrics": metrics})
    return arm.model_copy(update={"alpha": arm.alpha * kept})
