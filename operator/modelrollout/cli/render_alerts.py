"""What a person should know before anything else: pauses, missing metrics, what is not there, versions that failed."""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.api.status import Arm, Status
from modelrollout.cli.besides import besides
from modelrollout.cli.text import Line, Span, Style, lasting, line, shortened
from modelrollout.cli.view import View
from modelrollout.core.hint import with_name
from modelrollout.core.plan import unblamed
from modelrollout.resource.rollout import ModelRollout, SpecError

MESSAGE_SHOWN = 120  # characters of a message of the past; `describe` has the rest


def alerts(view: View, length: int = MESSAGE_SHOWN) -> Iterator[Line]:
    """One line each."""
    status = view.rollout.status
    yield from _pauses(view.rollout)
    if isinstance(view.rollout.spec, SpecError):
        yield line(Span(f"! {view.rollout.spec.message}", Style.BAD))
    if view.rollout.generation > status.observed_generation:
        yield line(Span("! the operator has not seen the newest spec yet", Style.WARN))
    if status.command_ignored is not None:
        yield line(Span(f"! the last command: {shortened(status.command_ignored, length)}", Style.WARN))
    yield from _blindness(status, view.now)
    yield from (line(Span(f"! {words}", Style.WARN)) for words in besides(status))
    for item in status.quarantined:
        words = "" if item.message in status.message else f": {shortened(item.message, length)}"
        since = lasting(view.now - item.at)
        failed = f"! {item.version} is quarantined since {since}: {item.reason}{words}"
        if item.tried is not None:  # a correction takes no retry
            failed = f"! {item.version} failed {since} ago: {item.reason}{words}; a corrected spec is tried again"
        yield line(Span(failed, Style.BAD))
    for taken in (item for item in status.taken_back if item not in status.not_chosen):
        words = "" if taken.message in status.message else f": {shortened(taken.message, length)}"
        became = unblamed(taken.reason)
        yield line(Span(f"! {taken.version} {became} {lasting(view.now - taken.at)} ago{words}", Style.WARN))


def _pauses(rollout: ModelRollout) -> Iterator[Line]:
    """What is held: all that is under trial by one sentence, or one version while others go on."""
    reasons = {arm.paused for arm in rollout.status.arms}
    if len(reasons) == 1 and (reason := reasons.pop()):
        yield line(Span(f"! weights are held: {with_name(reason, rollout)}", Style.WARN))
        return
    for arm in rollout.status.arms:
        if arm.paused:
            words = with_name(arm.paused, rollout)
            yield line(Span(f"! {arm.version} is held at {arm.weight} %: {words}", Style.WARN))


def _blindness(status: Status, now: float) -> Iterator[Line]:
    """Since when nothing can be seen of a version."""
    for arm in status.arms:
        if arm.blind_since is not None:
            yield line(Span(f"! no metrics{_of(arm, status)} for {lasting(now - arm.blind_since)}", Style.WARN))


def _of(arm: Arm, status: Status) -> str:
    """Which version is meant, where there are several."""
    return f" of {arm.version}" if len(status.arms) > 1 else ""
