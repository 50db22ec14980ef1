"""What was counted of an arm by the comparer of before, where another one compares it now.

A comparer is for certain arms: when one of them leaves, or another is ready, the next one counts from 0. So does one
that was killed, or whose node went down. Answers to copies are what they are, whoever counted them; so the test of an
arm goes on, with the one chance of an error that it has, and nobody has to wait anew. What a process had counted when
it was seen last is in the status, with the time at which it began: another time is another process. What a process
counts after its last scrape is lost, of both versions alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.api.shadow_counts import ReplayCounts, ShadowCounts
from modelrollout.api.status import Arm, Status
from modelrollout.api.validation_status import ShadowStatus
from modelrollout.core.pass_state import Pass
from modelrollout.core.validate.comparer import Between, name_of
from modelrollout.core.validate.disagreement import Flips
from modelrollout.core.validate.shadowed import Replays, Shadowed


def carry(state: Pass) -> Pass:
    """At the end of a pass: what this one has seen is kept for those that the next comparer is to compare."""
    began, trial = state.rollout.status, state.status.trial
    name = name_of(Between(state.spec, began.stable), began.trial)
    if trial is None or name is None or name == name_of(state, trial) or _control(began) != _control(state.status):
        return state
    return state.for_each_arm(lambda arm: _carried(began.arm(arm.version), arm))


def _control(status: Status) -> str | None:
    return status.stable.version if status.stable is not None else None


def _carried(before: Arm | None, arm: Arm) -> Arm:
    """Only of an arm that was in it already, by the same settings, and is not through yet."""
    if before is None or before.entered_at != arm.entered_at or arm.shadow.passed:
        return arm
    if before.shadow.by != arm.shadow.by or arm.shadow.since is None:
        return arm
    return arm.model_copy(update={"shadow": _closed(arm.shadow)})


def noted(known: ShadowStatus, seen: Shadowed) -> ShadowStatus:
    """With what the comparer has counted until now. If it is another process than the last time, what that one had
    counted is what was counted before."""
    if known.last is not None and known.last.started != seen.started:
        known = _closed(known)
    return known.model_copy(update={"last": _counts(seen)})


def _closed(known: ShadowStatus) -> ShadowStatus:
    """The comparer that was seen last counts no more."""
    if known.last is None:
        return known
    try:
        before: ShadowCounts | None = _counts(together(_shadowed(known.last), known.before))
    except ValueError:  # a status that somebody has edited
        before = known.before
    return known.model_copy(update={"before": before, "last": None})


def together(seen: Shadowed, before: ShadowCounts | None) -> Shadowed:
    """All that was counted of an arm. What was dropped, or could not be compared, is that of this comparer alone: it
    tells what can be seen now."""
    if before is None:
        return seen
    try:
        flips = _flips(seen.flips, before)
    except ValueError:  # a status that somebody has edited
        return seen
    return Shadowed(
        flips=flips,
        arm=_replays(seen.arm, before.arm),
        control=_replays(seen.control, before.control),
        received=seen.received,
        dropped=seen.dropped,
        why=seen.why,
        unusable=seen.unusable,
    )


def _flips(seen: Flips, before: ShadowCounts) -> Flips:
    different, compared = seen.noise
    return Flips(
        compared=seen.compared + before.compared,
        different=seen.different + before.different,
        once=seen.once + before.once,
        always=seen.always + before.always,
        noise=(different + before.noise_different, compared + before.noise_compared),
    )


def _replays(seen: Replays, before: ReplayCounts) -> Replays:
    return Replays(
        answered=seen.answered + before.answered,
        failed=seen.failed + before.failed,
        latency=_histogram(seen.latency, before.latency),
        scores=_histogram(seen.scores, before.scores),
    )


def _histogram(one: Sequence[float], other: Sequence[float]) -> Sequence[float]:
    """Of two with the same bins. One that has none has counted nothing yet."""
    if not one or not other:
        return one or other
    return [ours + theirs for ours, theirs in zip(one, other, strict=True)] if len(one) == len(other) else one


def _counts(of: Shadowed) -> ShadowCounts:
    """As it is kept in the status."""
    different, compared = of.flips.noise
    return ShadowCounts(
        compared=of.flips.compared,
        different=of.flips.different,
        once=of.flips.once,
        always=of.flips.always,
        noise_different=different,
        noise_compared=compared,
        arm=_of_version(of.arm),
        control=_of_version(of.control),
        started=of.started,
    )


def _shadowed(counts: ShadowCounts) -> Shadowed:
    """The other way round. Raises ValueError for what cannot be."""
    arm, control = (Replays(one.answered, one.failed, one.latency, one.scores) for one in (counts.arm, counts.control))
    noise = counts.noise_different, counts.noise_compared
    flips = Flips(counts.compared, counts.different, counts.once, counts.always, noise)
    return Shadowed(flips=flips, arm=arm, control=control)


def _of_version(replays: Replays) -> ReplayCounts:
    latency, scores = tuple(replays.latency), tuple(replays.scores)
    return ReplayCounts(answered=replays.answered, failed=replays.failed, latency=latency, scores=scores)
