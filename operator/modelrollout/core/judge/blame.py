"""Whose fault it was: an arm that looked bad with all the requests has handed them back, and the control has them now.

Where the control keeps no share nothing is concurrent: an arm is held against what the control answered before, and a
fault of both (an outage of what they stand on, other callers, a slow drift) looks like the arm's. With the requests
back at the control it is seen: does the control answer now as the arm did, or as its own record allows? That is A.
Wald's sequential probability ratio test ("Sequential tests of statistical hypotheses", Ann. Math. Statist. 16 (1945)).
It only mends a verdict that was reached before, so it adds nothing to the chance of a false rollback.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, log1p

from modelrollout.api.metric_status import MetricStatus, Side
from modelrollout.api.status import Arm, Recall
from modelrollout.core.evidence import BadCount, Count, Counters, percent, rate_interval
from modelrollout.core.judge.account import of_split
from modelrollout.core.judge.loading import UNREADABLE
from modelrollout.core.observation import Sample
from modelrollout.core.pass_state import Pass

SURE = log(20.0)  # nats, either way
UNSURE = 0.05  # chance that the arm's rate is not what its limits say
LEAST_RATIO = 1.1  # of the two rates: closer ones cannot be told apart in any time


def odds_of_the_same_fault(state: Pass, arm: Arm) -> float | None:
    """Log odds, in nats, for "the control answers as the arm did" against "as its record allows"; None while the
    control has answered nothing that can be counted."""
    test, answered = test_of(arm), answered_since(state, arm)
    if arm.recall is None or test is None or answered is None:
        return None
    return log_odds(answered, arm.recall, phi_of(test))


def log_odds(answered: Count, taken: Recall, phi: float) -> float:
    """The same from counts; ``phi`` is the overdispersion of the control's answers.

    The arm's rate is the least that its answers allow: they were looked at because they were bad, and how bad they
    were is a little chance as well.
    """
    record, showed = taken.record, Count(taken.candidate.bad, max(taken.candidate.requests, 1))
    rate = min(max(rate_interval(showed, UNSURE, phi).low, record * LEAST_RATIO), 0.999)
    good = answered.trials - answered.bad
    return (answered.bad * log(rate / record) + good * (log1p(-rate) - log1p(-record))) / phi


def answered_since(state: Pass, arm: Arm) -> Count | None:
    """What the control answered since the requests are back, or since it was looked at last."""
    test = test_of(arm)
    return None if test is None else control_since(state, test)


def control_since(state: Pass, test: MetricStatus) -> Count | None:
    """What the control answered, by one test's counters: they stand still while its arm has no share."""
    sample = state.seen.samples.get((test.metric, test.split))
    if not isinstance(sample, Sample):
        return None
    try:
        _, tick = Counters.from_status(test.counters).after(sample, state.seen.scrape_interval)
    except (BadCount, *UNREADABLE):
        return None
    return tick.stable if tick is not None and tick.stable.trials else None


def counted_from_now(state: Pass, test: MetricStatus) -> MetricStatus:
    """The test with its counters moved on to this pass's sample."""
    sample = state.seen.samples.get((test.metric, test.split))
    if not isinstance(sample, Sample):
        return test
    fresh = Counters(*Counters.from_status(test.counters).versions) if test.counters else None
    if fresh is None:
        return test
    counters, _ = fresh.after(sample, state.seen.scrape_interval)
    return test.model_copy(update={"counters": counters.to_status(), "last_sample_at": counters.at})


def tests_of(arm: Arm) -> Sequence[MetricStatus]:
    """The tests of the split in which the arm was judged alone."""
    return [item for item in arm.metrics if arm.recall is not None and item.split == arm.recall.split]


def test_of(arm: Arm) -> MetricStatus | None:
    """The test that spoke against it."""
    return next((item for item in tests_of(arm) if arm.recall and item.metric == arm.recall.metric), None)


def phi_of(test: MetricStatus) -> float:
    """By how much bad answers come in bursts."""
    return max(test.noise[0], 1.0) if test.noise else 1.0


def shown(state: Pass, arm: Arm) -> str:
    """What the control has answered, in words; by a metric of its owner's what that owner counts, in that direction."""
    test, answered, control = test_of(arm), answered_since(state, arm), state.control
    if test is None or answered is None or control is None:
        return "nothing was answered since"
    if test.metric not in [metric.name for metric in state.spec.analysis.metrics if not metric.built_in]:
        return f"{answered.bad} of {answered.trials} answers by {control.version} were bad ({percent(answered.rate)})"
    counted = test.counted(Side(requests=answered.trials, bad=answered.bad))
    share = percent(counted / answered.trials)
    return f"{counted} of {answered.trials} {test.metric}{of_split(test.split)} by {control.version} ({share})"
