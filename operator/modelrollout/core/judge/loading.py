"""A metric of an arm as the last pass left it in the status, under the settings of the spec.

What was edited, lost or is not known yet is decided here: an edit of what is counted, or of what the numbers mean,
begins a test anew with what the old one had left (``ledger.py``), and the control's past stands for it once it has no
requests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

from modelrollout.api.analysis import Analysis, Metric
from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.status import Arm
from modelrollout.core.evidence import (
    Count,
    Counters,
    EvidenceSettings,
    MetricEvidence,
    overdispersion,
    rate_of_record,
    stake_on_floor,
)
from modelrollout.core.evidence.non_inferiority import EVEN, LITTLE, MUCH
from modelrollout.core.judge.ledger import left
from modelrollout.core.judge.metric_state import AtWeight, MetricState
from modelrollout.core.judge.overdue import NONE, Ahead
from modelrollout.core.judge.splits import audiences, is_of_everybody
from modelrollout.core.pass_state import Pass

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)  # what a spoilt status can lead to
PLANNED_TICKS = 360  # of a release whose steps name no times
LEAST_TICKS = 120  # however short the release: it may be held
UNKNOWN_RECORD = Count(5, 100)  # stands for the errors of a control of which nothing at all is known once it has no
# requests: an arm with clearly more than one in twenty is taken back whatever the old version was like


@dataclass(frozen=True, slots=True)
class Question:
    """What one test asks: one metric of an arm against the control, in one split, with its share of the arm's alpha.
    ``uncompared``: the control has no requests there, by decision."""

    arm: Arm
    control: str
    split: str
    metric: Metric
    share: float
    uncompared: bool

    @property
    def known(self) -> MetricStatus | None:
        """What the status holds of it."""
        return next(
            (item for item in self.arm.metrics if (item.split, item.metric) == (self.split, self.metric.name)), None
        )

    @property
    def fresh_counters(self) -> Counters:
        """No sample seen yet."""
        return Counters(self.arm.version, self.control)


def load(state: Pass, asked: Question) -> MetricState:
    """The test as it stands."""
    old, source = asked.known, source_of(asked.metric, state.spec.analysis)
    former = former_source_of(asked.metric, state.spec.analysis)
    edited = old is not None and old.source not in ("", source, former)
    noise = noise_known(state, asked, None if edited else old)
    settings = settings_of(state, asked, noise)
    if edited and old is not None:
        evidence = begin_anew(asked, state.now, settings, old)
        counters, at_weight = asked.fresh_counters, AtWeight()
    else:
        evidence = with_record(asked, load_evidence(state, asked, settings), noise)
        counters = asked.fresh_counters if old is not None and old.source == former else load_counters(asked)
        at_weight = counted_at_weight(old) if old else AtWeight()
    stored = (evidence, counters)
    return MetricState(
        metric=asked.metric,
        split=asked.split,
        source=source,
        evidence=evidence,
        counters=counters,
        stored=stored,
        uncompared=asked.uncompared,
        noise=noise,
        at_weight=at_weight,
        bound=old.bound if old is not None and not edited else None,
        last_read_at=old.last_read_at if old is not None and not edited else None,
        ahead=load_ahead(old) if counters.at is not None else NONE,
    )


def counted_at_weight(old: MetricStatus) -> AtWeight:
    """What was counted at the present weight."""
    return AtWeight(old.requests_at_weight, old.ticks_at_weight, old.compared_at_weight)


def begin_anew(asked: Question, at: float, settings: EvidenceSettings, old: MetricStatus) -> MetricEvidence:
    """A test that asks something else than before begins with what the old one had left."""
    part = old.part * asked.share / old.share if old.share else old.part  # as it sold to tests that were added
    share = left(asked.share, part) if old.state else asked.share
    return MetricEvidence.start(asked.metric.name, at, replace(settings, share=share))


def load_evidence(state: Pass, asked: Question, settings: EvidenceSettings) -> MetricEvidence:
    """The test as it stands in the status."""
    # Never the time of this pass: it is part of what is said while nothing is seen, and would be news in each pass.
    old, arm = asked.known, asked.arm
    began = (old.last_sample_at if old is not None else None) or arm.weight_since or state.trial.started_at
    if old is None or not old.state:
        return MetricEvidence.start(asked.metric.name, began, settings)
    try:
        return MetricEvidence.from_status(old.state).under(settings)
    except UNREADABLE:
        return begin_anew(asked, began, settings, old)


def load_counters(asked: Question) -> Counters:
    """The last raw counters of these two versions."""
    old = asked.known
    if old is None or not old.counters:
        return asked.fresh_counters
    try:
        counters = Counters.from_status(old.counters)
    except UNREADABLE:
        return asked.fresh_counters
    mine = (asked.arm.version, asked.control)
    return counters if (counters.candidate, counters.stable) == mine else asked.fresh_counters


def load_ahead(old: MetricStatus | None) -> Ahead:
    """The overdue requests that were counted already."""
    return (old.ahead[0], old.ahead[1]) if old is not None and len(old.ahead) == 2 else NONE


def with_record(asked: Question, evidence: MetricEvidence, noise: tuple[float, ...] | None) -> MetricEvidence:
    """Once the control has no requests any more the arm is held against its record: what it answered before the
    release, or during it; where nothing is known at all, against a rate of errors that is bad for any version.

    Not earlier: a sample in which the control happens to have no request, in an outage of both, must not be held
    against better days.
    """
    if not asked.uncompared or evidence.settings.record is not None:
        return evidence
    record = noise[1] if noise and len(noise) > 1 else rate_of_record(evidence.stable, evidence.settings)
    if record is None and evidence.metric == "errors":
        record = rate_of_record(UNKNOWN_RECORD, evidence.settings)
    return replace(evidence, settings=replace(evidence.settings, record=record))


def source_of(metric: Metric, analysis: Analysis) -> str:
    """A digest of what a metric counts."""
    if metric.sum:
        return _digest(metric.sum, metric.count, metric.max, metric.direction)
    if metric.successes:
        return _digest(metric.successes, metric.trials, metric.direction)
    return _digest(analysis.provider, metric.over, analysis.client_cancels)


def former_source_of(metric: Metric, analysis: Analysis) -> str | None:
    """The same of a built-in metric, by operators up to 0.1. They did not count requests that ended without an answer.

    What they proved goes on. But the counters have a past now that nobody has counted, and only their next sample tells
    what is new.
    """
    return None if not metric.built_in else _digest(analysis.provider, metric.over)


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=6).hexdigest()


def noise_known(state: Pass, asked: Question, old: MetricStatus | None) -> tuple[float, ...] | None:
    """Overdispersion of the control's past, its record, and what that lets one stake on the floor; None while the
    question has not been answered.

    The record is that of all requests. It says nothing of those of ``match`` or of a segment alone, nor of the others.
    """
    if old is not None and old.noise is not None:
        return old.noise
    if state.seen.baseline is None or asked.metric.name not in state.seen.baseline:
        return None
    history = state.seen.baseline[asked.metric.name]
    phi = overdispersion(history)
    past = sum(history, Count(0, 0))
    record = record_of(state, past, phi)
    if record is None or not is_of_everybody(state.spec):
        return (phi,)
    return phi, record, stake_on_floor(past, state.spec.analysis.floor, phi)


def record_of(state: Pass, answered: Count, phi: float) -> float | None:
    """The rate that stands for a control that answered so much, by the margin and the floor of the spec; ``phi`` is the
    overdispersion of its answers. None where it answered nothing."""
    analysis = state.spec.analysis
    settings = EvidenceSettings(margin=analysis.margin, floor=analysis.floor, overdispersion=phi)
    return rate_of_record(answered, settings)


def settings_of(state: Pass, asked: Question, noise: tuple[float, ...] | None) -> EvidenceSettings:
    """The settings of one test. What the control's past tells is fixed when counting starts."""
    analysis, interval = state.spec.analysis, state.seen.scrape_interval
    return EvidenceSettings(
        alpha=asked.arm.alpha,
        share=min(asked.share, 1.0),
        margin=analysis.margin,
        floor=analysis.floor,
        limit=asked.metric.limit_of_bad,
        not_worse_than=analysis.not_worse_than,
        no_traffic_after=analysis.no_traffic_after,
        scrape_interval=interval,
        planned_ticks=planned_ticks(state, interval),
        overdispersion=min(max(noise[0], 1.0), 999.0) if noise else overdispersion(()),
        floor_stake=min(max(noise[2], LITTLE), MUCH) if noise and len(noise) > 2 else EVEN,
    )


def planned_ticks(state: Pass, interval: float) -> int:
    """How many samples the release will see if nothing holds it."""
    seconds = state.strategy.seconds(state.settings)
    if seconds is None:
        return PLANNED_TICKS
    return max(LEAST_TICKS, int(seconds * len(audiences(state.spec)) / interval))
