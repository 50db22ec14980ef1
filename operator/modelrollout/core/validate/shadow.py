"""Shadow traffic before the first request: what the comparer has counted, and whether the arm may go on by it.

An arm is in the shadow once its servers have shown what is asked of them. It fails at any moment at which something is
proven against it, with the chances of an error that the tests have; it goes on after ``duration``, once as much as is
wanted was compared and nothing that the spec limits is open. Where that stays open for ``maxHold`` the arm is taken
back (``safety/checks``): nothing is held against it, and it was not shown either. What cannot be seen proves nothing:
who is not there, who drops most of what comes, a control that does not answer itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelrollout.api.base import clock_time, format_duration
from modelrollout.api.compared import LATENCY_BOUNDS
from modelrollout.api.shadow import Shadow
from modelrollout.api.status import Arm
from modelrollout.api.validation_status import ShadowStatus
from modelrollout.core.evidence import percent
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.validate import discordance, gate
from modelrollout.core.validate.carried import noted, together
from modelrollout.core.validate.comparer import waits_for
from modelrollout.core.validate.disagreement import Outcome, judge_flips, told
from modelrollout.core.validate.finding import Finding, Verdict
from modelrollout.core.validate.score_shift import score_shift
from modelrollout.core.validate.shadowed import Shadowed

ENOUGH_TO_SAY = 20
"""Copies after which it is said that most of them are lost."""

PATIENCE = 3
"""Scrapes for which nothing may be seen before anybody is told."""

STARTING = "its comparer is being started"
_ROW = "shadow "  # what the names of the checks here begin with


def update_shadow(state: Pass) -> Pass:
    """Every arm that is in the shadow, with what the comparer has counted until now."""
    for arm in state.status.arms:
        if gate.is_in_shadow(state, arm):
            state = _tell(state.change_arm(arm.version, shadow=_judged(state, arm)), arm)
    return state


def _judged(state: Pass, arm: Arm) -> ShadowStatus:
    settings = gate.shadow_of(state.spec, state.control)
    assert settings is not None
    known, digest = arm.shadow, gate.digest_of_shadow(settings)
    if (why := waits_for(state, state.trial)) is not None:
        return ShadowStatus(by=digest, message=why)
    if known.by != digest:  # what was counted until now is by other settings
        return _held(ShadowStatus(by=digest), state, STARTING)
    seen = state.seen.shadow.get(arm.version)
    if seen is None:
        return _held(known, state, state.seen.unshadowed or STARTING)
    known = noted(known, seen)
    every = together(seen, known.before)
    findings = tuple(_findings(state, settings, arm.version, every))
    failed = [item.message for item in findings if item.verdict is Verdict.FAIL]
    if not failed and (held := _unseen(seen, _control(state))) is not None:
        return _held(known.model_copy(update={"since": known.since or state.now}), state, held)
    known = _seen_again(known, state)
    ends, wanted = (known.since or state.now) + settings.duration, settings.min_compared
    is_over = state.now >= ends and every.flips.compared >= wanted
    is_open = any(item.verdict is Verdict.UNKNOWN for item in findings)
    return known.model_copy(
        update={
            "compared": every.flips.compared,
            "failed": "; ".join(failed) or None,
            "passed": not failed and not is_open and is_over,
            "undecided_since": (known.undecided_since or state.now) if is_open and is_over else None,
            "checks": tuple(item.row for item in findings),
            "message": f"{told(every.flips, arm.version, _control(state))}; {_until(state, ends, every, settings)}",
        }
    )


def _seen_again(known: ShadowStatus, state: Pass) -> ShadowStatus:
    """Time in which nothing could be seen does not count."""
    lost = state.now - known.held_since if known.held_since is not None else 0.0
    since, undecided = (at + lost if at is not None else None for at in (known.since, known.undecided_since))
    clocks = {"since": state.now if since is None else since, "undecided_since": undecided}
    return known.model_copy(update={**clocks, "held": None, "held_since": None})


def _held(known: ShadowStatus, state: Pass, why: str) -> ShadowStatus:
    """Nothing can be seen: a question or a scrape that fails now and then is no news."""
    since = known.held_since if known.held_since is not None else state.now
    lasts = state.now - since >= PATIENCE * state.seen.scrape_interval
    return known.model_copy(update={"held": why if lasts else None, "held_since": since, "message": why})


def _control(state: Pass) -> str:
    assert state.control is not None
    return state.control.version


def _until(state: Pass, ends: float, seen: Shadowed, settings: Shadow) -> str:
    """What is waited for."""
    if seen.flips.compared < settings.min_compared:
        return f"{seen.flips.compared:.0f} of minCompared {settings.min_compared} were compared"
    if state.now < ends:
        return f"it ends at {clock_time(round(ends))}"
    longest = format_duration(state.spec.analysis.max_hold)
    return f"whether that is allowed is not decided yet; undecided for maxHold {longest} it is taken back"


def _unseen(seen: Shadowed, control: str) -> str | None:
    """Why what was counted proves nothing."""
    if seen.received >= ENOUGH_TO_SAY and seen.dropped > seen.received / 2:
        return f"its comparer dropped {seen.dropped:.0f} of the last {seen.received:.0f} copies ({seen.why})"
    if seen.unusable >= ENOUGH_TO_SAY and seen.unusable > seen.flips.compared:
        return f"{control} itself answered {seen.unusable:.0f} copies with nothing that could be compared"
    return None


def _findings(state: Pass, settings: Shadow, version: str, seen: Shadowed) -> Iterator[Finding]:
    """In the order in which they are told."""
    control = _control(state)
    yield _errors(version, control, seen)
    if (bound := _latency_bound(state)) is not None:
        yield _latency(version, control, seen, bound)
    yield _disagreement(settings, version, control, seen)
    if (shift := _scores(settings, version, control, seen)) is not None:
        yield shift


def _errors(version: str, control: str, seen: Shadowed) -> Finding:
    ours, theirs = seen.arm, seen.control
    said = (
        f"{ours.failed:.0f} of {ours.asked:.0f} copies failed at {version}, {theirs.failed:.0f} of {theirs.asked:.0f} "
        f"at {control}"
    )
    is_worse = discordance.evidence(ours.failed, theirs.failed) >= 1.0 / discordance.ALPHA
    return Finding("shadow errors", Verdict.FAIL if is_worse else Verdict.PASS, said)


def _latency_bound(state: Pass) -> float | None:
    """The next bound of the comparer's histogram at or above the one of the metric latency."""
    over = next((metric.over for metric in state.spec.analysis.metrics if metric.name == "latency"), None)
    return next((bound for bound in LATENCY_BOUNDS if over is not None and bound >= over), None)


def _latency(version: str, control: str, seen: Shadowed, bound: float) -> Finding:
    slow, slow_control = (_above(item.latency, bound) for item in (seen.arm, seen.control))
    said = (
        f"{slow:.0f} of {seen.arm.asked:.0f} copies took {version} more than {format_duration(bound)}, and "
        f"{slow_control:.0f} {control}"
    )
    is_worse = discordance.evidence(slow, slow_control) >= 1.0 / discordance.ALPHA
    return Finding("shadow latency", Verdict.FAIL if is_worse else Verdict.PASS, said)


def _above(histogram: Sequence[float], bound: float) -> float:
    return sum(count for upper, count in zip((*LATENCY_BOUNDS, float("inf")), histogram, strict=False) if upper > bound)


def _disagreement(settings: Shadow, version: str, control: str, seen: Shadowed) -> Finding:
    said, allowed = told(seen.flips, version, control), settings.max_disagreement
    if allowed is None:
        return Finding("shadow answers", Verdict.REPORTED if seen.flips.different else Verdict.PASS, said)
    outcome = judge_flips(seen.flips, allowed, settings.min_compared).outcome
    return Finding("shadow answers", _VERDICTS[outcome], f"{said}; maxDisagreement is {percent(allowed)}")


def _scores(settings: Shadow, version: str, control: str, seen: Shadowed) -> Finding | None:
    """None where no answer has a score."""
    shift, allowed = score_shift(seen.control.scores, seen.arm.scores), settings.max_psi
    if shift is None:
        return None
    said = (
        f"the population stability index of the scores of {version} against those of {control} is {shift.index:.3f} "
        f"(equal ones stay below {shift.noise:.3f})"
    )
    if allowed is None:
        return Finding("shadow scores", Verdict.REPORTED if shift.index > shift.noise else Verdict.PASS, said)
    return Finding("shadow scores", _VERDICTS[shift.judged(allowed)], f"{said}; maxPSI is {allowed:g}")


_VERDICTS = {Outcome.PASS: Verdict.PASS, Outcome.FAIL: Verdict.FAIL, Outcome.OPEN: Verdict.UNKNOWN}


def _tell(state: Pass, before: Arm) -> Pass:
    """Events of what is new, and at the end its findings beside the others. A failure is told by safety."""
    arm = state.arm(before.version)
    now = arm.shadow
    if now.held is not None and now.since is not None and before.shadow.held is None:
        message = f"{arm.version} in the shadow: {now.held}; it gets no request before its answers were compared"
        return state.say(Reason.BLIND, message, warning=True, cause=f"{arm.version} in the shadow")
    if not (now.passed or now.failed):
        return state
    others = (item for item in arm.validation.checks if not item.check.startswith(_ROW))
    every = arm.validation.model_copy(update={"checks": (*others, *now.checks)})
    state = state.change_arm(arm.version, validation=every)
    if now.failed is not None:
        return state
    doubtful = any(item.verdict != Verdict.PASS for item in now.checks)
    words = "; ".join(f"{item.check}: {item.message}" for item in now.checks)
    return state.say(Reason.SHADOWED, f"{arm.version} may get requests: {words}", warning=doubtful)
