"""One rollout as a tree of lines: who serves what, how far the release is, and what the evidence says.

Pure: the same rollout, pods and moment give the same lines. ``get`` prints them, ``get -w`` redraws them, and the
tests keep them as files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelrollout.api.status import Arm, HistoryEntry, Phase, Status
from modelrollout.cli.render_alerts import MESSAGE_SHOWN, alerts
from modelrollout.cli.render_contest import contest_lines
from modelrollout.cli.render_evidence import asked_now, evidence_lines
from modelrollout.cli.render_route import route_lines
from modelrollout.cli.render_steps import step_lines
from modelrollout.cli.render_versions import version_lines
from modelrollout.cli.text import Line, Span, Style, columns, lasting, line, shortened
from modelrollout.cli.view import View, spec_in_force
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

HISTORY_SHOWN = 3

PHASE_STYLE = {
    Phase.HEALTHY: Style.GOOD,
    Phase.PENDING: Style.WARN,
    Phase.VALIDATING: Style.WARN,
    Phase.SHADOWING: Style.WARN,
    Phase.PROGRESSING: Style.WARN,
    Phase.PAUSED: Style.WARN,
    Phase.AWAITING_APPROVAL: Style.WARN,
    Phase.BAKING: Style.WARN,
    Phase.ROLLING_BACK: Style.BAD,
    Phase.DEGRADED: Style.BAD,
    Phase.INVALID: Style.BAD,
}


def tree(view: View) -> list[Line]:
    """The whole picture of one rollout."""
    status, spec = view.rollout.status, spec_in_force(view.rollout)
    blocks = [
        head(view),
        list(version_lines(view)),
        route_lines(status),
        step_lines(status, spec, view.now),
        contest_lines(status, view.now),
        evidence_lines(status, spec, view.now),
        list(alerts(view)),
        history_lines(status.history, view.now),
    ]
    if view.note:
        blocks.append([line(Span(view.note, Style.BAD))])
    return join_blocks(blocks)


def join_blocks(blocks: Sequence[Sequence[Line]]) -> list[Line]:
    """The blocks that are not empty, with an empty line between them."""
    lines: list[Line] = []
    for block in blocks:
        if block:
            lines += [*([()] if lines else []), *block]
    return lines


def head(view: View) -> list[Line]:
    """Name, phase, and the operator's own sentence."""
    rollout, status = view.rollout, view.rollout.status
    facts = [status.strategy or "", f"step {status.step}" if status.step else ""]
    extra = ", ".join(fact for fact in facts if fact)
    lines = [
        line(Span(rollout.name, Style.TITLE), Span(f"  namespace {rollout.namespace}", Style.FAINT)),
        line(Span(status.phase.value, PHASE_STYLE[status.phase]), f"  {extra}" if extra else ""),
    ]
    return lines + ([line(status.message)] if status.message else [])


def history_lines(
    history: Sequence[HistoryEntry], now: float, shown: int = HISTORY_SHOWN, length: int = MESSAGE_SHOWN
) -> list[Line]:
    """How the last releases ended, the newest first."""
    if not history:
        return []
    newest = list(reversed(history))[:shown]
    rows = [
        (entry.version, entry.outcome, f"{lasting(now - entry.ended_at)} ago", _summary(entry, length))
        for entry in newest
    ]
    return [line(Span("History", Style.TITLE)), *(line(f"  {text}") for text in columns(rows))]


def _summary(entry: HistoryEntry, length: int) -> str:
    words = shortened(entry.message or entry.reason, length)
    return f"after {lasting(entry.ended_at - entry.started_at)}: {words}"


def one_line(rollout: ModelRollout) -> str:
    """The rollout in one line, for logs and pipes: no relative times, so it changes only when something happened."""
    status, spec = rollout.status, spec_in_force(rollout)
    parts = [status.phase.value]
    if status.stable is not None:
        parts.append(f"stable {status.stable.version} {status.stable.weight} %")
    parts += [f"candidate {arm.version} {arm.weight} % {arm.ready} ready" for arm in status.arms]
    if status.step:
        parts.append(f"step {status.step}")
    if status.trial is not None and status.trial.contest is not None:
        contest = status.trial.contest
        parts += [f"{contest.metric} {item.version} {item.rewards:.10g}/{item.requests}" for item in contest.versions]
    for arm in status.arms:
        parts += _counts(status, spec, arm)
    return ", ".join(parts) + (f": {status.message}" if status.message else "")


def _counts(status: Status, spec: Spec | None, arm: Arm) -> Iterator[str]:
    """What is counted of a version just now, with its name where there are several."""
    tests = asked_now(status, spec, arm)
    splits = {item.split for item in tests}
    for item in tests:
        name = [arm.version] if len(status.arms) > 1 else []
        name += [item.split] if len(splits) > 1 else []
        ours, theirs = (f"{item.counted(side)}/{side.requests}" for side in (item.candidate, item.stable))
        counts = f"{ours} against {theirs}"
        yield " ".join([*name, item.metric, item.verdict, counts])
