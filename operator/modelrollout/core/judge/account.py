"""The account of a failure, for people: what happened, to whom, and the two numbers that everyone can check.

``20 of 100 answers failed (20 %), 0 of 900 by 1.0.1 (0 %)``. How sure that is stands beside the verdict, not here.
"""

from __future__ import annotations

from modelrollout.api.base import clock_time, format_duration
from modelrollout.api.route import RESERVED
from modelrollout.core.evidence import Count, percent
from modelrollout.core.judge.metric_state import MetricState


def account(item: MetricState) -> str:
    """What the metric counted of the arm and of the control; where only the last part went wrong, of that part."""
    evidence, late = item.evidence, item.evidence.late
    candidate, stable, when = evidence.candidate, evidence.stable, ""
    if late.since > evidence.started and late.candidate.trials:
        candidate, stable = late.candidate, late.stable
        when = f"in the last {evidence.at - late.since:.0f} s "
    return f"{when}{_share(item, candidate, f' {counted_words(item)}')}, {_limit(item)}{_of_control(item, stable)}"


def account_of_waiting(item: MetricState) -> str:
    """What an arm has answered since it could be compared last: bad answers, and nothing beside them yet."""
    share = _share(item, item.waiting, f" {counted_words(item)}")
    return f"{share}, and none by {item.counters.stable} to compare with yet"


def account_of_silence(item: MetricState) -> str:
    """Since when an arm has answered nothing. The time and not its age: the sentence stays while nothing happens."""
    since = clock_time(item.evidence.served)
    return f"{item.metric.name}: nothing was answered since {since}, and at the rate until then much would have been"


def counted_words(item: MetricState) -> str:
    """What is counted: bad answers, or by a metric of its owner's what that owner counts, in that direction."""
    segment = of_split(item.split)
    return f"answers{segment} {bad_words(item)}" if item.metric.built_in else f"{item.metric.name}{segment}"


def of_split(split: str) -> str:
    """Whose answers they are, where they are not everybody's."""
    return "" if split in RESERVED else f" of {split}"


def bad_words(item: MetricState) -> str:
    """What a bad answer is. Latency is judged by a bucket of the histogram, and it is said by which."""
    if item.metric.name == "errors":
        return "failed"
    over = item.metric.over or 0.0
    if item.bound is None or abs(item.bound - over) < 1e-9:
        return f"were slower than {format_duration(over)}"
    return f"were slower than {format_duration(item.bound)} (the histogram's next bound above {format_duration(over)})"


def _limit(item: MetricState) -> str:
    """The limit, where that is what was exceeded."""
    limit = item.evidence.settings.limit
    if limit is None or not item.evidence.exceeds_limit:
        return ""
    return f"the limit is {percent(1.0 - limit if item.metric.counts_good else limit)}, "


def _of_control(item: MetricState, stable: Count) -> str:
    control, settings = item.counters.stable, item.evidence.settings
    if not stable.trials and settings.record is not None:
        if item.metric.counts_good:
            return f"where {percent(1.0 - settings.record)} is the least that the record of {control} asks for"
        return f"where {percent(settings.record)} is the most that the record of {control} allows"
    return _share(item, stable, f" by {control}") if stable.trials else f"no requests to {control}"


def _share(item: MetricState, count: Count, what: str) -> str:
    counted = count.trials - count.bad if item.metric.counts_good else count.bad
    return f"{counted} of {count.trials}{what} ({percent(counted / count.trials if count.trials else 0.0)})"
