"""From new samples to verdicts: the evidence of a release, kept in the status and carried on from it.

Everything a test needs to go on is in the status of each metric: its own numbers (``state``) and the last raw
counters (``counters``). So a pass on any replica, after any interruption, counts every answer exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from modelrollout.api.analysis import Metric
from modelrollout.api.status import MetricStatus, Ratio, Side
from modelrollout.core.assessment import NOTHING_SEEN, Assessment
from modelrollout.core.evidence import (
    BadCount,
    Combined,
    Count,
    Counters,
    EvidenceSettings,
    MetricEvidence,
    Outcome,
    Tick,
    Verdict,
    combine,
    judge,
    overdispersion,
    rate_of_record,
)
from modelrollout.core.observation import Sample, Unavailable
from modelrollout.core.plan import Reason
from modelrollout.core.turn import Turn

PLANNED_TICKS = 360  # of a release whose steps name no times


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric in this pass: its test, its raw counters, what was new, and why it could not be read.

    ``stored`` is what the status keeps. A sample in which nobody sent anything is seen (it is not blindness) but not
    stored: a pass that changes nothing writes nothing.
    """

    metric: Metric
    evidence: MetricEvidence
    counters: Counters
    stored: tuple[MetricEvidence, Counters]
    tick: Tick | None = None
    trouble: Unavailable | None = None


def assess(turn: Turn) -> tuple[Turn, Assessment]:
    """The turn with the verdicts of this pass, and what they say together."""
    if turn.status.stable is None:
        return turn, NOTHING_SEEN
    gauges = [measure(turn, metric) for metric in turn.spec.analysis.metrics]
    total = combine([gauge.evidence for gauge in gauges])
    begun = turn.weight > 0
    verdicts = [
        judge(gauge.evidence, turn.now, release=total, trouble=gauge.trouble, begun=begun)
        if begun or gauge.trouble
        else None
        for gauge in gauges
    ]
    analysis = tuple(to_status(gauge, verdict) for gauge, verdict in zip(gauges, verdicts, strict=True))
    assessment = put_together(gauges, [verdict for verdict in verdicts if verdict is not None], total)
    return watch_sight(count_at_weight(turn.change(analysis=analysis), gauges), assessment), assessment


def measure(turn: Turn, metric: Metric) -> Gauge:
    """One metric with what this pass's sample adds to it. At weight 0 a sample only sets the base."""
    gauge = load(turn, metric)
    sample = turn.seen.samples.get(metric.name)
    if sample is None:
        return gauge
    if isinstance(sample, Unavailable):
        return replace(gauge, trouble=sample)
    return fold(gauge, sample, counting=turn.weight > 0)


def fold(gauge: Gauge, sample: Sample, *, counting: bool) -> Gauge:
    """The gauge after a sample. Impossible counts are a trouble of this metric and move nothing."""
    if not counting and gauge.counters.at is not None:
        return gauge
    try:
        counters, tick = gauge.counters.after(sample)
    except BadCount as error:
        return replace(gauge, trouble=Unavailable(gauge.metric.name, str(error), invalid=True))
    if tick is None or not counting:
        return replace(gauge, counters=counters, stored=(gauge.evidence, counters))
    evidence = gauge.evidence.after(tick)
    if not tick.candidate.trials and not tick.stable.trials:
        return replace(gauge, counters=counters, evidence=evidence)
    return Gauge(gauge.metric, evidence, counters, (evidence, counters), tick)


def rebase(turn: Turn) -> Turn:
    """Counting starts now: what was answered at weight 0 (previews, smoke requests) is no evidence."""
    analysis = []
    for metric in turn.spec.analysis.metrics:
        gauge = load(turn, metric)
        sample = turn.seen.samples.get(metric.name)
        if isinstance(sample, Sample) and not gauge.evidence.ticks:
            gauge = fold(replace(gauge, counters=fresh_counters(turn)), sample, counting=False)
        analysis.append(to_status(gauge, None))
    return turn.change(analysis=tuple(analysis))


def load(turn: Turn, metric: Metric) -> Gauge:
    """One metric as the last pass left it, under the settings of the spec."""
    old = next((item for item in turn.status.analysis if item.metric == metric.name), None)
    settings = settings_of(turn, metric, old)
    evidence = load_evidence(old, metric.name, settings, turn)
    if turn.weight == 100 and evidence.settings.record is None and evidence.stable.trials:
        record = rate_of_record(evidence.stable, evidence.settings)
        evidence = replace(evidence, settings=replace(evidence.settings, record=record))
    counters = load_counters(old, turn)
    return Gauge(metric, evidence, counters, (evidence, counters))


def load_evidence(old: MetricStatus | None, name: str, settings: EvidenceSettings, turn: Turn) -> MetricEvidence:
    """The test as it stands in the status. One that was there and cannot be read starts again at half the alpha."""
    began = turn.release.weight_since or turn.now
    if old is None or not old.state:
        return MetricEvidence.start(name, began, settings)
    try:
        return MetricEvidence.from_status(old.state).under(settings)
    except (KeyError, TypeError, ValueError):
        return MetricEvidence.start(name, began, settings, losses=1)


def load_counters(old: MetricStatus | None, turn: Turn) -> Counters:
    """The last raw counters of these two versions."""
    if old is None or not old.counters:
        return fresh_counters(turn)
    try:
        counters = Counters.from_status(old.counters)
    except (KeyError, TypeError, ValueError):
        return fresh_counters(turn)
    mine = (turn.candidate.version, stable_version(turn))
    return counters if (counters.candidate, counters.stable) == mine else fresh_counters(turn)


def fresh_counters(turn: Turn) -> Counters:
    """No sample seen yet."""
    return Counters(turn.candidate.version, stable_version(turn))


def stable_version(turn: Turn) -> str:
    """The version that the candidate is compared with."""
    return turn.status.stable.version if turn.status.stable else ""


def settings_of(turn: Turn, metric: Metric, old: MetricStatus | None) -> EvidenceSettings:
    """The settings of one metric's test. What the baseline's past tells is fixed when the release starts."""
    analysis, interval = turn.spec.analysis, turn.seen.scrape_interval
    settings = EvidenceSettings(
        alpha=analysis.false_rollback,
        margin=analysis.margin,
        floor=analysis.floor,
        not_worse_than=analysis.not_worse_than,
        no_traffic_after=analysis.no_traffic_after,
        scrape_interval=interval,
        planned_ticks=planned_ticks(turn, interval),
    ).shared_by(len(analysis.metrics))
    history = (turn.seen.baseline or {}).get(metric.name, ())
    noise = old.noise if old is not None and old.noise is not None else None
    settings = replace(settings, overdispersion=noise[0] if noise else overdispersion(history))
    if noise:
        return replace(settings, record=noise[1] if len(noise) > 1 else None)
    return replace(settings, record=rate_of_record(sum(history, Count(0, 0)), settings))


def planned_ticks(turn: Turn, interval: float) -> int:
    """How many samples the release will see if nothing holds it."""
    canary, blue_green = turn.spec.strategy.canary, turn.spec.strategy.blue_green
    if canary is not None:
        waits = [step.pause.duration if step.pause else step.duration for step in canary.steps]
        seconds = canary.bake + sum(wait or 0.0 for wait in waits)
    else:
        assert blue_green is not None
        seconds = blue_green.bake
    return max(PLANNED_TICKS, int(seconds / interval))


def to_status(gauge: Gauge, verdict: Verdict | None) -> MetricStatus:
    """The metric as it is stored and read by people."""
    evidence, counters = gauge.stored
    kept: dict[str, Any] = {
        "metric": gauge.metric.name,
        "noise": noise_of(evidence.settings),
        "state": evidence.to_status() if evidence.ticks else {},
        "counters": counters.to_status() if counters.at is not None else {},
        "last_sample_at": counters.at,
        "needed": evidence.settings.needed,
        "proven_needed": evidence.settings.proof_needed,
    }
    if verdict is None:
        return MetricStatus(verdict=Outcome.UNDECIDED, message="counting has not begun", **kept)
    return MetricStatus(
        verdict=verdict.outcome,
        message=verdict.reason,
        candidate=Side(requests=verdict.candidate.trials, bad=verdict.candidate.bad),
        stable=Side(requests=verdict.stable.trials, bad=verdict.stable.bad),
        ratio=Ratio(estimate=verdict.ratio.estimate, low=verdict.ratio.low, high=verdict.ratio.high),
        evidence=verdict.evidence,
        part=verdict.part,
        proven=verdict.proof,
        **kept,
    )


def noise_of(settings: EvidenceSettings) -> tuple[float, ...]:
    """Overdispersion and, when known, the record of stable."""
    return (settings.overdispersion,) if settings.record is None else (settings.overdispersion, settings.record)


def put_together(gauges: list[Gauge], verdicts: list[Verdict], total: Combined) -> Assessment:
    """What the verdicts say of the release. Only required metrics can block a rise by their silence."""
    required = {gauge.metric.name for gauge in gauges if gauge.metric.required}
    by_name = {verdict.metric: verdict for verdict in verdicts}
    against = by_name[total.largest].reason if total.fails and total.largest in by_name else None

    def first(*outcomes: Outcome) -> str | None:
        return next((v.reason for v in verdicts if v.metric in required and v.outcome in outcomes), None)

    passed = [by_name[name].outcome is Outcome.PASS for name in required if name in by_name]
    return Assessment(
        against=against,
        hold=f"evidence {total.evidence:.3g} of {total.needed:g} against it" if total.holds else None,
        proven=bool(passed) and all(passed),
        blind=first(Outcome.BLIND, Outcome.INVALID),
        no_traffic=first(Outcome.NO_TRAFFIC),
        ticked=any(gauge.tick is not None for gauge in gauges),
    )


def count_at_weight(turn: Turn, gauges: list[Gauge]) -> Turn:
    """Requests and samples since the last change of weight, by the required metric that has seen the least."""
    ticks = [gauge.tick for gauge in gauges if gauge.metric.required] or [gauge.tick for gauge in gauges]
    present = [tick for tick in ticks if tick is not None]
    if not present:
        return turn
    served = min(tick.candidate.trials for tick in present)
    release = turn.release
    return turn.change_release(
        requests_at_weight=release.requests_at_weight + served,
        ticks_at_weight=release.ticks_at_weight + (1 if served else 0),
    )


def watch_sight(turn: Turn, assessment: Assessment) -> Turn:
    """Since when nothing can be seen, and an Event when sight is lost and when it is back."""
    since = turn.release.blind_since
    if assessment.blind and since is None:
        message = f"{turn.candidate.version} stays at {turn.weight} %: {assessment.blind}"
        return turn.change_release(blind_since=turn.now).say(Reason.BLIND, message, warning=True)
    if not assessment.blind and since is not None:
        return turn.change_release(blind_since=None).say(Reason.SIGHT_RESTORED, "the metrics are back")
    return turn
