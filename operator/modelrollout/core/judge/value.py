"""What it was worth to give each segment shares of its own: beside one version for everybody, and beside equal shares.

Of the present set of versions: one more, or one less, and it is asked anew. Only what was answered by known shares is
counted, so the first samples after each change of the shares are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

from modelrollout.api.contest_status import Gain, ValueStatus
from modelrollout.core.evidence import Count
from modelrollout.core.evidence.contest import Rules
from modelrollout.core.evidence.off_policy import EQUAL, Estimate, Logged, OffPolicy
from modelrollout.core.judge.known import Known, rules
from modelrollout.core.judge.loading import UNREADABLE
from modelrollout.core.pass_state import Pass

ALPHA = 0.05
DIGITS = 6


def valued(state: Pass, known: Sequence[Known]) -> ValueStatus | None:
    """What is known of it after the newest samples; None where there are no segments."""
    if not state.spec.segments:
        return None
    versions = tuple(sorted({version for item in known for version in item.contest.versions}))
    before = state.trial.value
    if before is None or before.versions != versions:
        before = ValueStatus(versions=versions, since=state.now)
    logged = {item.status.split: item.logged for item in known if item.logged is not None}
    if not logged or any(set(item.contest.versions) != set(versions) for item in known):
        return before
    more, largest = rules(state, known[0].status).more_is_better, known[0].status.largest
    return _told(before, load(before).after(logged), more_is_better=more, unit=1.0 if largest is None else largest)


def load(status: ValueStatus) -> OffPolicy:
    """The sums as the status has them."""
    try:
        return OffPolicy.from_status(status.state) if status.state else OffPolicy()
    except UNREADABLE:
        return OffPolicy()


def logged_of(known: Known, counted: Mapping[str, tuple[float, float]], decided: Rules) -> Logged | None:
    """One tick of a split, from requests and rewards (parts of the largest) by version, with its shares and what was
    expected by all earlier ticks. Where rewards come late, what they are due to was asked by earlier shares."""
    shares = {version: known.status.shares.get(version, 0) / 100.0 for version in known.contest.versions}
    if decided.mean_delay:
        every = fsum(requests for requests, _ in counted.values())
        if not every:
            return None
        shares = {version: requests / every for version, (requests, _) in counted.items()}
    return Logged(
        {version: counts[0] for version, counts in counted.items()},
        {version: counts[1] for version, counts in counted.items()},
        shares,
        {version: _expected(known.contest.rated(version, decided.parts)) for version in known.contest.versions},
    )


def _expected(count: Count) -> float:
    """The rate of what was counted, where nothing is counted yet one half."""
    return (count.bad + 1.0) / (count.trials + 2.0)


def _told(before: ValueStatus, sums: OffPolicy, *, more_is_better: bool, unit: float) -> ValueStatus:
    ran, equal = sums.value(None, ALPHA), sums.gain(EQUAL, ALPHA)
    if equal is not None and not more_is_better:
        equal = Estimate(-equal.value, -equal.high, -equal.low)
    best = sums.gain_over_best(ALPHA, more_is_better=more_is_better)
    told = {"ran": _gain(ran, unit), "over_equal": _gain(equal, unit), "over_one": _gain(best, unit)}
    return before.model_copy(update=told | {"state": sums.to_status()})


def _gain(found: Estimate | None, unit: float) -> Gain | None:
    if found is None:
        return None
    value, low, high = (round(part * unit, DIGITS) for part in (found.value, found.low, found.high))
    return Gain(value=value, low=low, high=high)
