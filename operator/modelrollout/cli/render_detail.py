"""Everything that is known of one rollout, for `describe`: the tree, and below it what the tree has no room for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelrollout.api.base import format_duration, format_timestamp
from modelrollout.api.resource import ModelRollout
from modelrollout.api.rollout import Spec
from modelrollout.api.status import Condition, HistoryEntry, VersionStatus
from modelrollout.cli.render import View, alerts, head, history_lines, join_blocks, spec_in_force, version_lines
from modelrollout.cli.render_evidence import evidence_lines
from modelrollout.cli.render_steps import step_lines
from modelrollout.cli.text import Line, Span, Style, lasting, line, table

CONDITION_STYLE = {"True": Style.GOOD, "False": Style.BAD, "Unknown": Style.FAINT}
BAD_WHEN_TRUE = "Stalled"
EVERYTHING = 10_000  # characters of a message; the API server keeps fewer in a condition


@dataclass(frozen=True, slots=True)
class EventLine:
    """One Kubernetes Event. ``at`` in seconds since the epoch: when it was seen last."""

    at: float
    kind: str
    reason: str
    message: str
    count: int


def event_from_json(body: Mapping[str, Any]) -> EventLine:
    """An Event as the API server gives it, of either generation of the Events API."""
    series = body.get("series") or {}
    stamps = (series.get("lastObservedTime"), body.get("lastTimestamp"), body.get("eventTime"))
    stamp = next((value for value in stamps if value), body["metadata"]["creationTimestamp"])
    return EventLine(
        at=datetime.fromisoformat(stamp).timestamp(),
        kind=body.get("type") or "Normal",
        reason=body.get("reason") or "",
        message=body.get("message") or "",
        count=series.get("count") or body.get("count") or 1,
    )


def detail(view: View, events: Sequence[EventLine]) -> list[Line]:
    """All blocks, each with a title."""
    rollout, status = view.rollout, view.rollout.status
    spec = spec_in_force(rollout)
    blocks = [
        head(view),
        _block("Spec", table(list(spec_rows(spec)))) if spec else [],
        list(version_lines(view)),
        _block("Models", table(list(model_rows(rollout)))),
        step_lines(status, spec, view.now),
        evidence_lines(status, view.now),
        list(alerts(view, EVERYTHING)),
        _block("Conditions", table(condition_rows(status.conditions, view.now))),
        history_lines(status.history, view.now, shown=len(status.history), length=EVERYTHING),
        _block("Digests of past releases", table(digest_rows(status.history))),
        _block("Last command", [line(status.last_command)] if status.last_command else []),
        _block("Events", table(event_rows(events, view.now))),
        [line(Span(view.note, Style.BAD))] if view.note else [],
    ]
    return join_blocks(blocks)


def _block(title: str, lines: Sequence[Line]) -> list[Line]:
    """A title with the lines below it, or nothing when there are none."""
    return [line(Span(title, Style.TITLE)), *((Span("  "), *content) for content in lines)] if lines else []


def spec_rows(spec: Spec) -> Iterator[list[Span]]:
    """The settings that the operator goes by, defaults included."""
    model, serving, traffic, analysis = spec.model, spec.serving, spec.traffic, spec.analysis
    metrics = [f"latency over {format_duration(item.over)}" if item.over else item.name for item in analysis.metrics]
    facts = {
        "model": f"{model.name} {model.version}",
        "uri": model.uri,
        "digest": model.digest or "recorded at the first fetch",
        "serving": f"{serving.replicas} x {serving.image}",
        "hosts": ", ".join(traffic.hosts),
        "gateways": ", ".join(traffic.gateways),
        "strategy": "canary" if spec.strategy.canary is not None else "blueGreen",
        "metrics": f"{', '.join(metrics)} (from {analysis.provider.value})",
        "false rollback": f"{100 * analysis.false_rollback:g} % of the releases that are as good as stable",
        "undecided": f"{analysis.on_timeout.value} after {format_duration(analysis.max_hold)}",
        "no metrics": f"{analysis.on_blind.value} after {format_duration(analysis.max_blind)}",
        "deletion": spec.deletion_policy.value,
    }
    for name, text in facts.items():
        yield [Span(name, Style.FAINT), Span(text)]


def model_rows(rollout: ModelRollout) -> Iterator[list[Span]]:
    """What is deployed, by its digest and where it came from."""
    status = rollout.status
    for role, version in (("stable", status.stable), ("candidate", status.candidate)):
        if version is not None:
            yield _model_row(role, version.version, version)
    for item in status.retiring:
        kept = VersionStatus(version=item.version, uri=item.uri, digest=item.digest)
        yield _model_row("retiring", item.version, kept)


def _model_row(role: str, name: str, version: VersionStatus) -> list[Span]:
    return [Span(role), Span(name), Span(version.digest or "not fetched yet"), Span(version.uri)]


def condition_rows(conditions: Sequence[Condition], now: float) -> list[list[Span]]:
    """Each condition with its age."""
    return [
        [
            Span(item.type),
            Span(item.status, _condition_style(item)),
            Span(item.reason),
            Span(lasting(now - datetime.fromisoformat(item.last_transition_time).timestamp())),
            Span(item.message),
        ]
        for item in conditions
    ]


def _condition_style(item: Condition) -> Style:
    if item.type == BAD_WHEN_TRUE:
        return Style.BAD if item.status == "True" else Style.PLAIN
    return CONDITION_STYLE.get(item.status, Style.PLAIN)


def digest_rows(history: Sequence[HistoryEntry]) -> list[list[Span]]:
    """Which bytes each release was about, with its times; the newest first."""
    return [
        [
            Span(item.version),
            Span(item.digest or "never fetched"),
            Span(format_timestamp(item.started_at)),
            Span(format_timestamp(item.ended_at)),
        ]
        for item in reversed(history)
    ]


def event_rows(events: Sequence[EventLine], now: float) -> list[list[Span]]:
    """The newest last, as in a log."""
    return [
        [
            Span(f"{lasting(now - event.at)} ago"),
            Span(event.kind, Style.WARN if event.kind == "Warning" else Style.PLAIN),
            Span(event.reason),
            Span(event.message + (f" (x{event.count})" if event.count > 1 else "")),
        ]
        for event in sorted(events, key=lambda event: event.at)
    ]
