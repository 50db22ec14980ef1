"""From new samples to verdicts: the evidence of a release, kept in the status and carried on from it.

Everything a test needs to go on is in the status of each metric: its own numbers (``state``) and the last raw
counters (``counters``). So a pass on any replica, after any interruption, counts every answer exactly once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelrollout.api.status import MetricStatus, Ratio, Side
from modelrollout.core.assessment import NOTHING_SEEN, Assessment
from modelrollout.core.evidence import Combined, Outcome, Verdict, combine, judge
from modelrollout.core.gauge import Gauge, fold, fresh_counters, load, measure, noise_with, source_of
from modelrollout.core.observation import Sample
from modelrollout.core.plan import Reason
from modelrollout.core.turn import Turn


def assess(turn: Turn) -> tuple[Turn, Assessment]:
    """The turn with the verdicts of this pass, and what they say together."""
    if turn.status.stable is None:
        return turn, NOTHING_SEEN
    gauges = [measure(turn, metric) for metric in turn.spec.analysis.metrics]
    total = combine([gauge.evidence for gauge in gauges])
    begun = turn.weight > 0
    verdicts = [
        judge(gauge.evidence, gauge.now, release=total, trouble=gauge.trouble, begun=begun)
        if begun or gauge.trouble
        else None
        for gauge in gauges
    ]
    analysis = tuple(to_status(turn, gauge, verdict) for gauge, verdict in zip(gauges, verdicts, strict=True))
    assessment = put_together(gauges, [verdict for verdict in verdicts if verdict is not None], total)
    return watch_sight(turn.change(analysis=analysis), assessment), assessment


def rebase(turn: Turn) -> Turn:
    """Counting starts now: what was answered at weight 0 (previews, smoke requests) is no evidence.

    What stable answered meanwhile is its record, where nothing older is known of it.
    """
    analysis = []
    for metric in turn.spec.analysis.metrics:
        gauge = load(turn, metric)
        sample = turn.seen.samples.get(metric.name)
        if isinstance(sample, Sample) and not gauge.evidence.ticks:
            gauge = replace(gauge, noise=noise_with(gauge, sample), counters=fresh_counters(turn))
            gauge = fold(gauge, sample, counting=False)
        analysis.append(to_status(turn, gauge, None))
    return turn.change(analysis=tuple(analysis))


def to_status(turn: Turn, gauge: Gauge, verdict: Verdict | None) -> MetricStatus:
    """The metric as it is stored and read by people. The test is stored from its start, or an alpha that an edit has
    halved would be whole again in the next pass."""
    evidence, counters = gauge.stored
    kept: dict[str, Any] = {
        "metric": gauge.metric.name,
        "source": source_of(gauge.metric, turn.spec.analysis.provider),
        "noise": gauge.noise,
        "state": evidence.to_status() if turn.weight > 0 and counters.at is not None else {},
        "counters": counters.to_status() if counters.at is not None else {},
        "last_sample_at": counters.at,
        "requests_at_weight": gauge.at_weight[0],
        "ticks_at_weight": gauge.at_weight[1],
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
        hold=suspicion(gauges, total),
        proven=bool(passed) and all(passed),
        blind=first(Outcome.BLIND, Outcome.INVALID),
        no_traffic=first(Outcome.NO_TRAFFIC),
        missed=next((gauge.metric.name for gauge in gauges if gauge.metric.required and gauge.missed), None),
    )


def suspicion(gauges: list[Gauge], total: Combined) -> str | None:
    """Why the weight must not rise though nothing is proven: evidence that grows, or nothing to compare with."""
    if total.holds:
        return f"evidence {total.evidence:.3g} of {total.needed:g} against it"
    lost = [
        gauge.metric.name
        for gauge in gauges
        if gauge.metric.required and gauge.uncompared and gauge.evidence.settings.record is None
    ]
    return (
        f"stable has no record of {' and '.join(lost)} to compare with: modelrollout promote goes on" if lost else None
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
