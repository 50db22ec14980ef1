"""One rollout as a tree of lines: who serves what, how far the release is, and what the evidence says.

Pure: the same rollout, pods and moment give the same lines. ``get`` prints them, ``get -w`` redraws them, and the
tests keep them as files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelrollout.api.resource import ModelRollout, SpecError, parse_spec
from modelrollout.api.rollout import Spec
from modelrollout.api.status import HistoryEntry, Phase, Status, VersionStatus
from modelrollout.cli.pods import Pod
from modelrollout.cli.render_evidence import evidence_lines
from modelrollout.cli.render_steps import step_lines
from modelrollout.cli.text import Line, Span, Style, bar, columns, counted, lasting, line, shortened

WEIGHT_BAR = 20  # characters: one for five percent
HISTORY_SHOWN = 3
MESSAGE_SHOWN = 120  # characters of a message of the past; `describe` has the rest

PHASE_STYLE = {
    Phase.HEALTHY: Style.GOOD,
    Phase.PENDING: Style.WARN,
    Phase.PROGRESSING: Style.WARN,
    Phase.PAUSED: Style.WARN,
    Phase.AWAITING_APPROVAL: Style.WARN,
    Phase.BAKING: Style.WARN,
    Phase.ROLLING_BACK: Style.BAD,
    Phase.DEGRADED: Style.BAD,
    Phase.INVALID: Style.BAD,
}


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn. ``now`` in seconds since the epoch; ``note`` is said at the foot (the connection broke)."""

    rollout: ModelRollout
    now: float
    pods: tuple[Pod, ...] = ()
    note: str = ""


def tree(view: View) -> list[Line]:
    """The whole picture of one rollout."""
    blocks = [
        head(view),
        list(version_lines(view)),
        step_lines(view.rollout.status, spec_in_force(view.rollout), view.now),
        evidence_lines(view.rollout.status, view.now),
        list(alerts(view)),
        history_lines(view.rollout.status.history, view.now),
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


def spec_in_force(rollout: ModelRollout) -> Spec | None:
    """The spec that the operator goes by: the written one, or the last accepted one while that is refused."""
    refused = any(item.type == "Accepted" and item.status == "False" for item in rollout.status.conditions)
    spec = parse_spec(rollout.status.accepted_spec) if refused else rollout.spec
    return spec if isinstance(spec, Spec) else None


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


def version_lines(view: View) -> Iterator[Line]:
    """The versions that are deployed, each with its weight, its pods and what it says of itself."""
    rows = list(_version_rows(view))
    names = columns([(role, version.version, f"{version.weight} %") for role, version, _ in rows]) if rows else []
    yield line(Span("Versions", Style.TITLE)) if rows else line(Span("No version is deployed yet", Style.FAINT))
    for index, (name, (role, version, extra)) in enumerate(zip(names, rows, strict=True)):
        last = index == len(rows) - 1
        style = Style.WARN if role == "candidate" else Style.GOOD if role == "stable" else Style.FAINT
        stem = "└─ " if last else "├─ "
        width = max(len(text) for text in names)
        yield line(
            stem, Span(name.ljust(width + 3), style), *bar(version.weight / 100, WEIGHT_BAR, style), f"   {extra}"
        )
        yield from _below(version, view, "   " if last else "│  ")


def _version_rows(view: View) -> Iterator[tuple[str, VersionStatus, str]]:
    """Role, version, and what stands behind the bar."""
    status = view.rollout.status
    for role, version in (("stable", status.stable), ("candidate", status.candidate)):
        if version is not None:
            yield role, version, f"{version.ready} ready"
    for item in status.retiring:
        if item.drain_until > view.now:
            extra = f"drains, {lasting(item.drain_until - view.now)} left"
        else:
            extra = f"pods go in {lasting(item.remove_at - view.now)}" if item.remove_at > view.now else "pods go now"
        yield "retiring", VersionStatus(version=item.version, uri=item.uri), f"{extra}  ({item.reason})"


def _below(version: VersionStatus, view: View, stem: str) -> Iterator[Line]:
    """The lines under a version: its message and its pods."""
    if version.message:
        yield line(stem, Span(version.message, Style.BAD))
    pods = sorted((pod for pod in view.pods if pod.version == version.version), key=lambda pod: pod.name)
    texts = (
        columns(
            [(pod.name, pod.state, counted(pod.restarts, "restart"), lasting(view.now - pod.created)) for pod in pods]
        )
        if pods
        else []
    )
    for index, (pod, text) in enumerate(zip(pods, texts, strict=True)):
        yield line(stem, "└─ " if index == len(pods) - 1 else "├─ ", *_pod_mark(pod), text)


def _pod_mark(pod: Pod) -> Line:
    return (Span("✔ ", Style.GOOD),) if pod.ready else (Span("✖ ", Style.BAD),)


def alerts(view: View, length: int = MESSAGE_SHOWN) -> Iterator[Line]:
    """What a person should know before anything else: pauses, missing metrics, versions that failed."""
    status = view.rollout.status
    if status.paused:
        yield line(Span(f"! weights are held: {status.paused}", Style.WARN))
    if isinstance(view.rollout.spec, SpecError):
        yield line(Span(f"! {view.rollout.spec.message}", Style.BAD))
    if view.rollout.generation > status.observed_generation:
        yield line(Span("! the operator has not seen the newest spec yet", Style.WARN))
    if status.release is not None and status.release.blind_since is not None:
        yield line(Span(f"! no metrics for {lasting(view.now - status.release.blind_since)}", Style.WARN))
    for item in status.quarantined:
        words = "" if item.message in status.message else f": {shortened(item.message, length)}"
        failed = f"! {item.version} is quarantined since {lasting(view.now - item.at)}: {item.reason}{words}"
        yield line(Span(failed, Style.BAD))


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


def one_line(status: Status) -> str:
    """The rollout in one line, for logs and pipes: no relative times, so it changes only when something happened."""
    parts = [status.phase.value]
    if status.stable is not None:
        parts.append(f"stable {status.stable.version} {status.stable.weight} %")
    if status.candidate is not None:
        parts.append(f"candidate {status.candidate.version} {status.candidate.weight} % {status.candidate.ready} ready")
    if status.step:
        parts.append(f"step {status.step}")
    for item in status.analysis if status.release is not None else ():
        counts = f"{item.candidate.bad}/{item.candidate.requests} against {item.stable.bad}/{item.stable.requests}"
        parts.append(f"{item.metric} {item.verdict} {counts}")
    return ", ".join(parts) + (f": {status.message}" if status.message else "")
