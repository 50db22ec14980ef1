"""Gauge: one metric of a release in one pass. Its test and its raw counters, carried on from the status.

What a pass needs to go on is read from the status here, and what was edited, lost or is not known yet is decided
here: an edit of what is counted starts counting anew, a spoilt status costs half of alpha, and stable's past stands
for it once it has no requests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

from modelrollout.api.analysis import Metric
from modelrollout.api.status import MetricStatus
from modelrollout.core.evidence import (
    BadCount,
    Count,
    Counters,
    EvidenceSettings,
    MetricEvidence,
    Tick,
    overdispersion,
    rate_of_record,
)
from modelrollout.core.observation import Sample, Unavailable
from modelrollout.core.turn import Turn

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)  # what a spoilt status can lead to
PLANNED_TICKS = 360  # of a release whose steps name no times
UNKNOWN_RECORD = Count(5, 100)  # stands for the errors of a stable version of which nothing at all is known once it
# has no requests: one with clearly more than one in twenty is taken back whatever the old one was like


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
    uncompared: bool  # stable has no requests, so there is only its record
    noise: tuple[float, ...] | None  # overdispersion and rate of stable's past; None: not asked or not answered yet
    at_weight: tuple[int, int] = (0, 0)  # requests that were compared, and samples, since the last change of weight
    tick: Tick | None = None
    trouble: Unavailable | None = None
    missed: bool = False  # this pass got no answer, but the last sample is still fresh

    @property
    def now(self) -> float:
        """The time by Prometheus' clock: that of the newest sample. The operator's own clock may be another one, and
        whether samples are too old is known to who reads them (``Unavailable``)."""
        return max(self.counters.at or 0.0, self.evidence.at)


def measure(turn: Turn, metric: Metric) -> Gauge:
    """One metric with what this pass's sample adds to it. At weight 0 a sample only sets the base."""
    gauge = load(turn, metric)
    sample = turn.seen.samples.get(metric.name)
    if sample is None:
        return gauge
    if isinstance(sample, Unavailable):
        return replace(gauge, missed=True) if is_brief(gauge, sample, turn) else replace(gauge, trouble=sample)
    return fold(gauge, sample, counting=turn.weight > 0)


def is_brief(gauge: Gauge, gap: Unavailable, turn: Turn) -> bool:
    """One failed question to Prometheus is no blindness while the last sample is still fresh."""
    if gap.invalid or gauge.counters.at is None:
        return False
    settings = gauge.evidence.settings
    return turn.now - gauge.counters.at <= settings.stale_scrapes * settings.scrape_interval


def fold(gauge: Gauge, sample: Sample, *, counting: bool) -> Gauge:
    """The gauge after a sample. Impossible counts are a trouble of this metric, and the base of its next sample."""
    if not counting and gauge.counters.at is not None:
        return gauge
    try:
        counters, tick = gauge.counters.after(sample)
        evidence = gauge.evidence if tick is None else gauge.evidence.after(tick)
    except BadCount as error:
        base, _ = Counters(gauge.counters.candidate, gauge.counters.stable).after(sample)
        trouble = Unavailable(gauge.metric.name, str(error), invalid=True)
        return replace(gauge, counters=base, stored=(gauge.evidence, base), trouble=trouble)
    if tick is None or not counting:
        return replace(gauge, counters=counters, stored=(gauge.evidence, counters))
    if is_half(gauge, sample, tick):
        return gauge
    if not tick.candidate.trials and not tick.stable.trials:
        return replace(gauge, counters=counters, evidence=evidence)
    requests, ticks = gauge.at_weight
    served = tick.candidate.trials if tick.stable.trials or gauge.uncompared else 0
    at_weight = (requests + served, ticks + (1 if served else 0))
    return replace(
        gauge, evidence=evidence, counters=counters, stored=(evidence, counters), at_weight=at_weight, tick=tick
    )


def is_half(gauge: Gauge, sample: Sample, tick: Tick) -> bool:
    """Whether what one version answered should wait for the other, or there would never be two to compare.

    It waits while the other was read earlier: versions that count their requests themselves are scraped one after the
    other. And the candidate's answers wait for stable's next one until stable is said to have no traffic: alone they
    prove nothing, so nothing is lost meanwhile.
    """
    if gauge.uncompared or bool(tick.candidate.trials) == bool(tick.stable.trials):
        return False
    candidate, stable = sample.read.get(gauge.counters.candidate), sample.read.get(gauge.counters.stable)
    answered, other = (candidate, stable) if tick.candidate.trials else (stable, candidate)
    if answered is not None and other is not None and other < answered:
        return True
    waited = tick.at - (gauge.counters.at or 0.0)
    return tick.candidate.trials > 0 and waited < gauge.evidence.settings.no_traffic_after


def noise_with(gauge: Gauge, sample: Sample) -> tuple[float, ...] | None:
    """The noise with stable's record filled in from what it answered since the release began."""
    noise = gauge.noise or (gauge.evidence.settings.overdispersion,)
    if len(noise) > 1:
        return noise
    try:
        _, tick = gauge.counters.after(sample)
    except BadCount:
        return noise
    record = rate_of_record(tick.stable, gauge.evidence.settings) if tick is not None else None
    return noise if record is None else (noise[0], record)


def load(turn: Turn, metric: Metric) -> Gauge:
    """One metric as the last pass left it, under the settings of the spec.

    When what is counted was edited (another provider, bound or query), old counts say nothing any more: counting
    starts anew, with half the alpha.
    """
    old = next((item for item in turn.status.analysis if item.metric == metric.name), None)
    edited = old is not None and old.source not in ("", source_of(metric, turn.spec.analysis.provider))
    noise = noise_known(turn, metric, None if edited else old)
    settings = settings_of(turn, noise)
    if edited:
        evidence = MetricEvidence.start(metric.name, turn.now, settings, losses=1)
        counters = fresh_counters(turn)
        return Gauge(metric, evidence, counters, (evidence, counters), turn.weight == 100, noise)
    evidence = with_record(turn, load_evidence(old, metric.name, settings, turn), noise)
    counters = load_counters(old, turn)
    at_weight = (old.requests_at_weight, old.ticks_at_weight) if old else (0, 0)
    return Gauge(metric, evidence, counters, (evidence, counters), turn.weight == 100, noise, at_weight)


def with_record(turn: Turn, evidence: MetricEvidence, noise: tuple[float, ...] | None) -> MetricEvidence:
    """Once stable has no requests any more the candidate is held against its record: what it answered before the
    release, or during it; where nothing is known at all, against a rate of errors that is bad for any version.

    Not earlier: a sample in which stable happens to have no request, in an outage of both, must not be held against
    better days.
    """
    if turn.weight < 100 or evidence.settings.record is not None:
        return evidence
    record = noise[1] if noise and len(noise) > 1 else rate_of_record(evidence.stable, evidence.settings)
    if record is None and evidence.metric == "errors":
        record = rate_of_record(UNKNOWN_RECORD, evidence.settings)
    return replace(evidence, settings=replace(evidence.settings, record=record))


def source_of(metric: Metric, provider: str) -> str:
    """A digest of what a metric counts."""
    parts = (metric.successes, metric.trials, metric.direction) if metric.successes else (provider, metric.over)
    return blake2b(repr(parts).encode(), digest_size=6).hexdigest()


def noise_known(turn: Turn, metric: Metric, old: MetricStatus | None) -> tuple[float, ...] | None:
    """Overdispersion of stable's past and its record; None while the question has not been answered."""
    if old is not None and old.noise is not None:
        return old.noise
    if turn.seen.baseline is None or metric.name not in turn.seen.baseline:
        return None
    history = turn.seen.baseline[metric.name]
    phi = overdispersion(history)
    record = rate_of_record(sum(history, Count(0, 0)), EvidenceSettings(overdispersion=phi))
    return (phi,) if record is None else (phi, record)


def load_evidence(old: MetricStatus | None, name: str, settings: EvidenceSettings, turn: Turn) -> MetricEvidence:
    """The test as it stands in the status. One that was there and cannot be read starts again at half the alpha."""
    # Never the time of this pass: it is part of what is said while nothing is seen, and would be news in each pass.
    release = turn.release
    began = (old.last_sample_at if old is not None else None) or release.weight_since or release.started_at
    if old is None or not old.state:
        return MetricEvidence.start(name, began, settings)
    try:
        return MetricEvidence.from_status(old.state).under(settings)
    except UNREADABLE:
        return MetricEvidence.start(name, began, settings, losses=1)


def load_counters(old: MetricStatus | None, turn: Turn) -> Counters:
    """The last raw counters of these two versions."""
    if old is None or not old.counters:
        return fresh_counters(turn)
    try:
        counters = Counters.from_status(old.counters)
    except UNREADABLE:
        return fresh_counters(turn)
    mine = (turn.candidate.version, stable_version(turn))
    return counters if (counters.candidate, counters.stable) == mine else fresh_counters(turn)


def fresh_counters(turn: Turn) -> Counters:
    """No sample seen yet."""
    return Counters(turn.candidate.version, stable_version(turn))


def stable_version(turn: Turn) -> str:
    """The version that the candidate is compared with."""
    return turn.status.stable.version if turn.status.stable else ""


def settings_of(turn: Turn, noise: tuple[float, ...] | None) -> EvidenceSettings:
    """The settings of one metric's test. What the baseline's past tells is fixed when counting starts."""
    analysis, interval = turn.spec.analysis, turn.seen.scrape_interval
    return EvidenceSettings(
        alpha=analysis.false_rollback,
        margin=analysis.margin,
        floor=analysis.floor,
        not_worse_than=analysis.not_worse_than,
        no_traffic_after=analysis.no_traffic_after,
        scrape_interval=interval,
        planned_ticks=planned_ticks(turn, interval),
        overdispersion=noise[0] if noise else overdispersion(()),
    ).shared_by(len(analysis.metrics))


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
