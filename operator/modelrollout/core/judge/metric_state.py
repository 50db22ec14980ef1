"""MetricState: one metric of one arm in one split, in one pass. Its test and its raw counters.

What a pass needs to go on is read from the status (``loading.py``); here a sample is taken in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp

from modelrollout.api.analysis import Metric
from modelrollout.core.evidence import (
    BadCount,
    Count,
    Counters,
    MetricEvidence,
    MoreBadThanNew,
    Tick,
    rate_interval,
    rate_of_record,
)
from modelrollout.core.evidence.counts import NOTHING
from modelrollout.core.judge.overdue import NONE, Ahead, count_overdue
from modelrollout.core.observation import Sample, Unavailable

LATE_SCRAPES = 2.0
UNSURE = 0.05  # chance that answers that wait, or silence, are taken for news and are none, which costs a scrape
NOTHING_COUNTED = {"requests_at_weight": 0, "ticks_at_weight": 0, "compared_at_weight": 0}
"""Fields of a metric's status: what was counted before does not speak for an arm from now on."""


@dataclass(frozen=True, slots=True)
class AtWeight:
    """What was counted since the last change of weight: the arm's requests that could be compared, the samples with
    such, and the lesser of both versions' requests in each of these, summed up. An arm with nearly all requests is
    compared with few, and knows no more than these few can tell."""

    requests: int = 0
    ticks: int = 0
    compared: int = 0

    def after(self, tick: Tick, *, uncompared: bool) -> AtWeight:
        """After one more sample."""
        arm, control = tick.candidate.trials, tick.stable.trials
        if not arm or not (control or uncompared):
            return self
        return AtWeight(self.requests + arm, self.ticks + 1, self.compared + min(arm, control))


@dataclass(frozen=True, slots=True)
class MetricState:
    """One metric in this pass: its test, its raw counters, what was new, and why it could not be read.

    ``stored`` is what the status keeps. A sample in which nobody sent anything is seen (it is not blindness) but not
    stored: a pass that changes nothing writes nothing. ``source`` is a digest of what is counted.
    """

    metric: Metric
    split: str
    source: str
    evidence: MetricEvidence
    counters: Counters
    stored: tuple[MetricEvidence, Counters]
    uncompared: bool  # the control has no requests by decision, so there is only its record
    noise: tuple[float, ...] | None  # what the control's past tells (``loading.noise_known``); None: not known yet
    at_weight: AtWeight = AtWeight()
    tick: Tick | None = None
    trouble: Unavailable | None = None
    missed: bool = False  # this pass got no answer, but the last sample is still fresh
    bound: float | None = None  # the bucket bound by which latency is really judged, seconds
    last_read_at: float | None = None  # when the stored sample was first read, by the operator's clock
    age: float = 0.0  # seconds that the sample of this pass is old, whatever the two clocks say
    ahead: Ahead = NONE  # overdue requests that were counted already
    waiting: Count = NOTHING  # the arm's newest answers, which wait for the control's to be compared with

    @property
    def waits_with_bad_news(self) -> bool:
        """Whether what waits to be compared is worse than all that both versions answered so far, beyond chance."""
        known, margin = self.evidence.candidate + self.evidence.stable, self.evidence.settings.margin
        least = rate_interval(self.waiting, UNSURE, self.evidence.overdispersion).low
        beyond_noise = self.waiting.bad > 0 and least > margin * known.rate
        return beyond_noise or self.evidence.fails_suddenly(self.waiting, self.now)

    @property
    def is_silent(self) -> bool:
        """Whether the arm answers nothing any more, beyond chance at the rate at which it did, while the control, where
        it has requests, does: as one that hangs while its callers still wait."""
        evidence, last = self.evidence, self.stored[0].at  # a sample in which nobody was asked is not stored
        answering = evidence.served - evidence.started
        waited = (self.now if self.uncompared else last) - evidence.served
        if waited < evidence.settings.scrape_interval or answering <= 0:
            return False
        return exp(-evidence.candidate.trials * waited / answering) <= UNSURE

    @property
    def now(self) -> float:
        """The time by Prometheus' clock: that of the newest sample. The operator's own clock may be another one, and
        whether samples are too old is known to who reads them (``Unavailable``)."""
        return max(self.counters.at or 0.0, self.evidence.at)


def take_in(
    state: MetricState, sample: Sample | Unavailable | None, now: float, *, counting: bool, blind: bool = False
) -> MetricState:
    """The state with what this pass's sample adds to it. While the arm has no share a sample only sets the base.
    ``blind``: it could not be seen before this pass, and still cannot while an answer is pending."""
    if sample is None:
        return state
    if isinstance(sample, Unavailable):
        settings = state.evidence.settings
        fresh = settings.stale_scrapes * settings.scrape_interval
        pending = sample.pending and not blind
        brief = pending or is_brief(sample, state.last_read_at or state.counters.at, now, fresh)
        return replace(state, missed=True) if brief else replace(state, trouble=sample)
    after = replace(state, bound=sample.bound or state.bound, age=age_of(state, sample, now))
    for each in (*_unseen(state, sample, counting), sample):
        after = fold(after, each, counting=counting)
    return read_at(now, state, after)


def _unseen(state: MetricState, sample: Sample, counting: bool) -> tuple[Sample, ...]:
    """The samples before it that are news. Of a test that has no base yet, or does not count, none: what was answered
    before is none of its evidence."""
    last = state.counters.at
    return tuple(each for each in sample.earlier if counting and last is not None and each.at > last)


def read_at(now: float, before: MetricState, after: MetricState) -> MetricState:
    """The state after a sample, with the time at which the stored one was first read."""
    return after if after.stored[1].at == before.stored[1].at else replace(after, last_read_at=now)


def age_of(state: MetricState, sample: Sample, now: float) -> float:
    """How old a sample is, in seconds: what has passed since the stored one was first read, less what lies between the
    two by Prometheus' clock. Its clock and the operator's need not agree."""
    last = state.counters.at
    if last is None or state.last_read_at is None:
        return 0.0
    return max(0.0, (now - state.last_read_at) - (sample.at - last))


def is_brief(gap: Unavailable, last: float | None, now: float, fresh: float) -> bool:
    """One failed question to Prometheus is no blindness while the ``last`` sample was read at most ``fresh`` seconds
    ago, by the operator's own clock: Prometheus' may be another one."""
    return not gap.invalid and last is not None and now - last <= fresh


def fold(state: MetricState, sample: Sample, *, counting: bool) -> MetricState:
    """The state after a sample. Impossible counts are a trouble of this metric, and the base of its next sample."""
    if not counting and state.counters.at is not None:
        return state
    interval = state.evidence.settings.scrape_interval
    try:
        counters, tick = state.counters.after(sample, interval)
        if counters is not state.counters:
            tick, ahead = count_overdue(tick, state.ahead, sample, counters)
        else:
            ahead = state.ahead
        evidence = state.evidence if tick is None else state.evidence.after(tick)
    except BadCount as error:
        base, _ = Counters(state.counters.candidate, state.counters.stable).after(sample, interval)
        words = str(error)
        if isinstance(error, MoreBadThanNew) and state.metric.counts_good:
            words = error.of_owner()
        trouble = Unavailable(state.metric.name, words, invalid=True)
        return replace(state, counters=base, stored=(state.evidence, base), trouble=trouble)
    if tick is None or not counting:
        return replace(state, counters=counters, stored=(state.evidence, counters), ahead=ahead)
    if is_half(state, sample, tick):
        # Who was seen for the first time sets its base even so, or it would be new, and silent, for ever.
        based = state.counters.with_bases_of(counters)
        return replace(state, counters=based, stored=(state.stored[0], based), waiting=tick.candidate)
    if not tick.candidate.trials and not tick.stable.trials:
        # Who was seen for the first time has set its base, and must not be new again in the next pass.
        stored = (state.stored[0], counters) if counters.known != state.stored[1].known else state.stored
        return replace(state, counters=counters, evidence=evidence, stored=stored)
    at_weight = state.at_weight.after(tick, uncompared=state.uncompared)
    stored = (evidence, counters)
    return replace(
        state, evidence=evidence, counters=counters, stored=stored, at_weight=at_weight, tick=tick, ahead=ahead
    )


def is_half(state: MetricState, sample: Sample, tick: Tick) -> bool:
    """Whether what one version answered should wait for the other, or there would never be two to compare.

    It waits while the other was read earlier: versions that count their requests themselves are scraped one after the
    other. And the arm's answers wait for the control's next one until that is said to have no traffic: alone they
    prove nothing, so nothing is lost meanwhile.
    """
    if state.uncompared or bool(tick.candidate.trials) == bool(tick.stable.trials):
        return False
    candidate, stable = sample.read(state.counters.candidate), sample.read(state.counters.stable)
    answered, other = (candidate, stable) if tick.candidate.trials else (stable, candidate)
    if answered is not None and other is not None and other < answered:
        return True
    waited = tick.at - (state.counters.at or 0.0)
    return tick.candidate.trials > 0 and waited < state.evidence.settings.no_traffic_after


def is_unheard(state: MetricState) -> bool:
    """Whether this pass knows nothing new: a scrape may be late, two are a reason to wait."""
    return state.missed or state.age > LATE_SCRAPES * state.evidence.settings.scrape_interval


def begin_counting(state: MetricState, sample: Sample | Unavailable | None, now: float) -> MetricState:
    """Counting starts now: what was answered before the first share is no evidence.

    What the control answered meanwhile is its record, where nothing older is known of it.
    """
    if not isinstance(sample, Sample) or state.evidence.ticks:
        return state
    fresh = Counters(state.counters.candidate, state.counters.stable)
    uncounted = replace(state, noise=noise_with(state, sample), counters=fresh, ahead=NONE)
    return read_at(now, state, fold(uncounted, sample, counting=False))


def noise_with(state: MetricState, sample: Sample) -> tuple[float, ...] | None:
    """The noise with the control's record filled in from what it answered since the trial began."""
    settings = state.evidence.settings
    noise = state.noise or (settings.overdispersion,)
    if len(noise) > 1:
        return noise
    try:
        _, tick = state.counters.after(sample, settings.scrape_interval)
    except BadCount:
        return noise
    stable = tick.stable if tick is not None else Count(0, 0)
    record = rate_of_record(stable, settings)
    return noise if record is None else (noise[0], record)
