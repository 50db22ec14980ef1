"""Everything that is known of one rollout, for `describe`: the tree, and below it what the tree has no room for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelrollout.api.base import format_duration, format_timestamp
from modelrollout.api.samples import Samples
from modelrollout.api.serving import Serving
from modelrollout.api.shadow import Shadow
from modelrollout.api.status import Arm, Condition, HistoryEntry, Status, VersionStatus
from modelrollout.api.validation_status import CheckStatus
from modelrollout.cli.render import head, history_lines, join_blocks
from modelrollout.cli.render_alerts import alerts
from modelrollout.cli.render_contest import contest_lines
from modelrollout.cli.render_evidence import evidence_lines
from modelrollout.cli.render_route import match_words, route_lines
from modelrollout.cli.render_steps import step_lines
from modelrollout.cli.render_versions import RETIRING, retired, serving, version_lines
from modelrollout.cli.text import Line, Span, Style, lasting, line, table
from modelrollout.cli.view import View, spec_in_force
from modelrollout.core.evidence import percent
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

CONDITION_STYLE = {"True": Style.GOOD, "False": Style.BAD, "Unknown": Style.FAINT}
VERDICT_STYLE = {"Pass": Style.GOOD, "Fail": Style.BAD}
BAD_WHEN_TRUE = "Stalled"
SHADOW_ANSWERS = "shadow answers"  # the check whose row says how many differ
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


def detail(view: View, events: Sequence[EventLine], examples: Sequence[Line] = ()) -> list[Line]:
    """All blocks, each with a title. ``examples``: that of answers that differ."""
    rollout, status = view.rollout, view.rollout.status
    spec = spec_in_force(rollout)
    blocks: list[Sequence[Line]] = [
        head(view),
        block("Spec", table(list(spec_rows(spec)))) if spec else [],
        list(version_lines(view)),
        route_lines(status, EVERYTHING),
        block("Models", table(list(model_rows(rollout)))),
        validation_block(status),
        examples,
        step_lines(status, spec, view.now),
        contest_lines(status, view.now),
        evidence_lines(status, spec, view.now),
        list(alerts(view, EVERYTHING)),
        block("Conditions", table(condition_rows(status.conditions, view.now))),
        history_lines(status.history, view.now, shown=len(status.history), length=EVERYTHING),
        block("Digests of past releases", table(digest_rows(status.history))),
        block("Last command", [line(status.last_command)] if status.last_command else []),
        block("Events", table(event_rows(events, view.now))),
        [line(Span(view.note, Style.BAD))] if view.note else [],
    ]
    return join_blocks(blocks)


def block(title: str, lines: Sequence[Line]) -> list[Line]:
    """A title with the lines below it, or nothing when there are none."""
    return [line(Span(title, Style.TITLE)), *((Span("  "), *content) for content in lines)] if lines else []


def spec_rows(spec: Spec) -> Iterator[list[Span]]:
    """The settings that the operator goes by, defaults included."""
    facts = (*_model_facts(spec), *_serving_facts(spec), *_validation_facts(spec), *_analysis_facts(spec))
    for name, text in facts:
        yield [Span(name, Style.FAINT), Span(text)]
    yield [Span("deletion", Style.FAINT), Span(spec.deletion_policy.value)]


def _model_facts(spec: Spec) -> Iterator[tuple[str, str]]:
    """Every version that the strategy wants."""
    for model in spec.strategy.chosen.models(spec.strategy.settings, spec.model):
        yield "model", f"{model.name} {model.version}"
        yield "uri", model.uri
        yield "digest", model.digest or "recorded at the first fetch"


def _pods(serving: Serving) -> str:
    """How many there are of each version."""
    if serving.autoscaling is not None:
        return f"{serving.autoscaling.min} to {serving.autoscaling.max} x"
    return f"{serving.replicas} x" if serving.replicas is not None else "as many as others scale to x"


def _serving_facts(spec: Spec) -> Iterator[tuple[str, str]]:
    serving, traffic, strategy = spec.serving, spec.traffic, spec.strategy.chosen
    yield "serving", f"{_pods(serving)} {serving.image}"
    yield "hosts", ", ".join(traffic.hosts)
    yield "gateways", ", ".join(traffic.gateways)
    if traffic.match:
        yield "first for", " or ".join(match_words(match) for match in traffic.match)
    yield "strategy", f"{strategy.name}: {strategy.title}"


def _validation_facts(spec: Spec) -> Iterator[tuple[str, str]]:
    """What is looked at before any traffic."""
    settings = spec.asked_before_traffic
    downgrade = ", downgrades allowed" if settings.allow_downgrade else ""
    limit = settings.infrastructure.max_load_time
    load_time = f", loaded within {format_duration(limit)}" if limit is not None else ""
    fraction = settings.infrastructure.max_memory_fraction
    memory = f", at most {100 * fraction:g} % of its memory limit" if fraction is not None else ""
    samples = f", {_samples_words(settings.samples)}" if settings.samples is not None else ""
    yield "validation", f"signature {settings.signature.value}{load_time}{memory}{samples}{downgrade}"
    if settings.shadow is not None:
        yield "shadow", _shadow_words(settings.shadow)


def _shadow_words(shadow: Shadow) -> str:
    limits = [f"at most {percent(shadow.max_disagreement)} differ"] if shadow.max_disagreement is not None else []
    limits += [f"maxPSI {shadow.max_psi:g}"] if shadow.max_psi is not None else []
    judged = ", ".join(limits) or "differences are reported"
    wanted = f"for {format_duration(shadow.duration)} and {shadow.min_compared} answers"
    return f"copies of {shadow.percent:g} % of the requests, {wanted}; {judged}"


def _samples_words(samples: Samples) -> str:
    where = f"of ConfigMap {samples.config_map}" if samples.config_map else f"({len(samples.requests)})"
    golden = " with golden answers" if samples.golden is not None else ""
    return f"samples {where}{golden}"


def _analysis_facts(spec: Spec) -> Iterator[tuple[str, str]]:
    """What a version under trial is judged by, where the strategy has it judged."""
    analysis = spec.analysis
    if not spec.strategy.chosen.judges:
        return
    metrics = [f"latency over {format_duration(item.over)}" if item.over else item.name for item in analysis.guardrails]
    if analysis.rewards:
        yield "reward", ", ".join(item.name for item in analysis.rewards)
    yield "metrics", f"{', '.join(metrics)} (from {analysis.provider.value})"
    yield "false rollback", f"{100 * analysis.false_rollback:g} % of the releases that are as good as stable"
    yield "undecided", f"{analysis.on_timeout.value} after {format_duration(analysis.max_hold)}"
    yield "no metrics", f"{analysis.on_blind.value} after {format_duration(analysis.max_blind)}"


def model_rows(rollout: ModelRollout) -> Iterator[list[Span]]:
    """What is deployed, by its digest and where it came from."""
    for role, version in serving(rollout.status):
        yield _model_row(role, version)
    for item in rollout.status.retiring:
        yield _model_row(RETIRING, retired(item))


def _model_row(role: str, version: VersionStatus) -> list[Span]:
    return [Span(role), Span(version.version), Span(version.digest or "not fetched yet"), Span(version.uri)]


def validation_block(status: Status) -> list[Line]:
    """What was shown before any traffic."""
    return block("Before any traffic", table(list(validation_rows(status))))


def validation_rows(status: Status) -> Iterator[list[Span]]:
    """What each version showed before its first request; and the one that left last."""
    for _, version in serving(status):
        for item in version.validation.checks:
            yield _check_row(version.version, item)
        yield from _shadow_rows(version)
    last = status.last_validation
    if last is not None and last.version not in {version.version for _, version in serving(status)}:
        for item in last.checks:
            yield _check_row(last.version, item)


def _shadow_rows(version: VersionStatus) -> Iterator[list[Span]]:
    """What is compared just now: it may still come out otherwise."""
    if not isinstance(version, Arm) or version.shadow.passed or version.weight_since is not None:
        return
    for item in version.shadow.checks:
        yield [Span(version.version), Span(item.check), Span("so far", Style.FAINT), Span(item.message)]


def _check_row(version: str, item: CheckStatus) -> list[Span]:
    style = VERDICT_STYLE.get(item.verdict, Style.WARN)
    return [Span(version), Span(item.check), Span(item.verdict, style), Span(item.message)]


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
