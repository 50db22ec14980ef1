"""From new samples to verdicts, for each arm: its evidence, kept in the status and carried on from it.

Everything that a test needs to go on is in the status of each metric: its own numbers (``state``) and the last raw
counters (``counters``). So a pass on any replica, after any interruption, counts every answer exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log
from typing import Any

from modelrollout.api.metric_status import MetricStatus, Ratio, Side
from modelrollout.api.status import Arm
from modelrollout.core.evidence import Combined, Count, Outcome, Verdict, combine, judge
from modelrollout.core.judge import ledger, splits
from modelrollout.core.judge.account import account, account_of_silence, account_of_waiting
from modelrollout.core.judge.assessment import NOTHING_SEEN, Alone, Assessment
from modelrollout.core.judge.least_evidence import seen_in
from modelrollout.core.judge.loading import Question, load
from modelrollout.core.judge.metric_state import MetricState, begin_counting, is_unheard, take_in
from modelrollout.core.judge.shares import broken_in, watch_shares
from modelrollout.core.judge.sight import watch_sight, watch_traffic
from modelrollout.core.pass_state import Pass

TWO_SAMPLES = 1.5  # scrape intervals: a suspicion that is older has been through two of them
SET_ASIDE = 16  # tests that are remembered though nobody asks; the object must stay far below etcd's limit
NOT_ASKED = "the spec does not ask for it any more"

Assessments = Mapping[str, Assessment]
"""By version, of each arm."""


def assess(state: Pass) -> tuple[Pass, Assessments]:
    """The pass with the verdicts on every arm, and what they say together."""
    if state.control is None or not state.strategy.judges:
        return state, {arm.version: NOTHING_SEEN for arm in state.trial.arms}
    found = {}
    for arm in state.trial.arms:
        state, found[arm.version] = assess_arm(state, arm)
    alpha = state.trial.alpha.model_copy(update={"left": sum(ledger.alpha_left(arm) for arm in state.trial.arms)})
    return state.change_trial(alpha=alpha), found


def assess_arm(state: Pass, arm: Arm) -> tuple[Pass, Assessment]:
    """One arm with the verdicts of this pass."""
    asked, judged = questions(state, arm), judged_splits(state, arm.version)
    states = [_observe(state, question, question.split in judged) for question in asked]
    total = combine([item.evidence for item in states])
    verdicts = [_verdict(item, total, item.split in judged, begun=bool(judged)) for item in states]
    metrics = [to_status(item, verdict, item.split in judged) for item, verdict in zip(states, verdicts, strict=True)]
    # Before any share every question may be in trouble.
    heard = heard_in(state, judged, states, verdicts) or splits.counted(state.spec, state.trial)
    assessment = put_together(states, verdicts, total, heard)
    if state.spec.segments:
        assessment = replace(assessment, within=within(states, verdicts, total, judged))
    state = watch_shares(state.change_arm(arm.version, metrics=(*metrics, *set_aside(arm, asked))), arm, states)
    assessment = told_of_shares(assessment, state.arm(arm.version))
    state = note_what_was_seen(state, arm.version)
    state = watch_sight(state, state.arm(arm.version), assessment)
    return watch_traffic(state, state.arm(arm.version), assessment), assessment


def told_of_shares(assessment: Assessment, arm: Arm) -> Assessment:
    """With what is known of where the requests go, in all splits and in each of them."""
    inner = {split: replace(item, skewed=broken_in(arm, split)) for split, item in assessment.within.items()}
    return replace(assessment, skewed=broken_in(arm), within=inner)


def heard_in(
    state: Pass, judged: tuple[str, ...], states: Sequence[MetricState], verdicts: Sequence[Verdict | None]
) -> tuple[str, ...]:
    """The splits whose silence holds an arm: those that the release is for just now; of segments those that somebody
    asks, unless nobody asks any."""
    if not state.spec.segments:
        return splits.heard(judged, state.trial.audience)
    silent = (Outcome.NO_TRAFFIC, None)
    spoken = {item.split for item, one in zip(states, verdicts, strict=True) if (one and one.outcome) not in silent}
    return tuple(split for split in judged if split in spoken) or judged


def within(
    states: Sequence[MetricState], verdicts: Sequence[Verdict | None], total: Combined, judged: Sequence[str]
) -> Mapping[str, Assessment]:
    """The same of each split alone, but for the evidence against the arm: that is of all of them together."""
    every = list(zip(states, verdicts, strict=True))
    found = {}
    for split in judged:
        of_split = [(item, verdict) for item, verdict in every if item.split == split]
        told = [item for item, _ in of_split], [verdict for _, verdict in of_split]
        found[split] = put_together(*told, total, (split,))
    return found


def note_what_was_seen(state: Pass, version: str) -> Pass:
    """The arm has been seen at work wherever it had its least evidence beside the control."""
    assert state.control is not None
    shared = splits.compared(state.route, version, state.control.version)
    return state.change_arm(version, seen=seen_in(state.spec, state.arm(version), shared))


def judged_splits(state: Pass, version: str) -> tuple[str, ...]:
    """The splits in which an arm is judged now."""
    assert state.control is not None
    return splits.judged(state.route, version, state.control.version, state.trial.audience)


def questions(state: Pass, arm: Arm) -> list[Question]:
    """One for each metric in each split that is evidence at some time of the trial."""
    assert state.control is not None
    control = state.control.version
    wanted = [
        (split, metric)
        for split in splits.counted(state.spec, state.trial)
        for metric in state.spec.analysis.guardrails
    ]
    shares = ledger.shares(arm.metrics, [(split, metric.name) for split, metric in wanted])
    compared = splits.compared(state.route, arm.version, control)
    judged = judged_splits(state, arm.version)
    return [
        Question(
            arm=arm,
            control=control,
            split=split,
            metric=metric,
            share=shares[split, metric.name],
            uncompared=split in judged and split not in compared,
        )
        for split, metric in wanted
    ]


def set_aside(arm: Arm, asked: Sequence[Question]) -> list[MetricStatus]:
    """Tests that the spec does not ask for any more. They keep what they know, so that leaving a metric out and taking
    it in again forgets nothing, and they sell like all others. But they have no say."""
    wanted = {(question.split, question.metric.name) for question in asked}
    others = [test for test in arm.metrics if ledger.name_of(test) not in wanted]
    shares = ledger.shares(arm.metrics, list(wanted)) if others else {}
    kept = []
    for test in others:
        share = shares.get(ledger.name_of(test), test.share)
        part = test.part * share / test.share if test.share else test.part
        silenced = {"verdict": Outcome.UNDECIDED, "message": NOT_ASKED, "share": share, "part": part}
        kept.append(test.model_copy(update=silenced))
    return kept[-SET_ASIDE:]


def begin_counting_in(state: Pass, version: str, begun: Sequence[str]) -> Pass:
    """An arm got its first share in these splits: counting starts there."""
    if not state.strategy.judges or not begun:
        return state
    arm = state.arm(version)
    metrics = {ledger.name_of(test): test for test in arm.metrics}
    for question in questions(state, arm):
        if question.split in begun:
            sample = state.seen.samples.get((question.metric.name, question.split))
            fresh = begin_counting(load(state, question), sample, state.now)
            metrics[question.split, question.metric.name] = to_status(fresh, None, judged=False)
    return state.change_arm(version, metrics=tuple(metrics.values()))


def _observe(state: Pass, question: Question, judged: bool) -> MetricState:
    sample = state.seen.samples.get((question.metric.name, question.split))
    blind = question.arm.blind_since is not None
    return take_in(load(state, question), sample, state.now, counting=judged, blind=blind)


def _verdict(item: MetricState, total: Combined, judged: bool, begun: bool) -> Verdict | None:
    if not judged and (begun or item.trouble is None):
        return None
    return judge(
        item.evidence, item.now, release=total, trouble=item.trouble, begun=begun, counts_good=item.metric.counts_good
    )


def to_status(item: MetricState, verdict: Verdict | None, judged: bool) -> MetricStatus:
    """The metric as it is stored and read by people. The test is stored from its start, or what an edit has cost would
    be there again in the next pass."""
    evidence, counters = item.stored
    running = evidence.ticks > 0 or (judged and counters.at is not None)
    kept: dict[str, Any] = {
        "metric": item.metric.name,
        "split": item.split,
        "counts_good": item.metric.counts_good,
        "share": evidence.settings.share,
        "source": item.source,
        "bound": item.bound,
        "noise": item.noise,
        "state": evidence.to_status() if running else {},
        "counters": counters.to_status() if counters.at is not None else {},
        "ahead": item.ahead if any(item.ahead) else (),
        "last_sample_at": counters.at,
        "last_read_at": item.last_read_at,
        "requests_at_weight": item.at_weight.requests,
        "ticks_at_weight": item.at_weight.ticks,
        "compared_at_weight": item.at_weight.compared,
        "overdispersion": round(evidence.overdispersion, 1),
        "needed": evidence.settings.needed,
        "proven_needed": evidence.settings.proof_needed,
        "part": evidence.settings.share * evidence.evidence,
    }
    if verdict is None:
        return MetricStatus(
            verdict=Outcome.UNDECIDED,
            message="counting is over" if evidence.ticks else "counting has not begun",
            candidate=_side(evidence.candidate),
            stable=_side(evidence.stable),
            proven=evidence.proof,
            proven_share=evidence.proven_share,
            **kept,
        )
    return MetricStatus(
        verdict=verdict.outcome,
        message=verdict.reason,
        candidate=_side(verdict.candidate),
        stable=_side(verdict.stable),
        ratio=Ratio(estimate=verdict.ratio.estimate, low=verdict.ratio.low, high=verdict.ratio.high),
        evidence=verdict.evidence,
        proven=verdict.proof,
        proven_share=verdict.proven_share,
        **kept,
    )


def _side(count: Count) -> Side:
    return Side(requests=count.trials, bad=count.bad)


def put_together(
    states: Sequence[MetricState], verdicts: Sequence[Verdict | None], total: Combined, heard: Sequence[str]
) -> Assessment:
    """What the verdicts say of an arm. A failure counts wherever it is seen; only required metrics, of those whom the
    release is for just now, can block a rise by their silence."""
    spoken = [(item, verdict) for item, verdict in zip(states, verdicts, strict=True) if verdict is not None]
    against = [item for item, verdict in spoken if verdict.outcome is Outcome.FAIL or looks_bad_alone(item)]
    against.sort(key=lambda item: item.evidence.evidence)
    asked = [item for item in states if item.split in heard and item.metric.required]
    said = [verdict for item, verdict in spoken if item in asked]
    proofs = said if asked else seen_of_those(spoken, heard)

    def first(*outcomes: Outcome) -> str | None:
        return next((verdict.reason for verdict in said if verdict.outcome in outcomes), None)

    beyond = next((beyond_limit(item) for item, _ in spoken if item.evidence.exceeds_limit), None)
    return Assessment(
        against=account(against[-1]) if against else None,
        alone=alone(against[-1]) if against else None,
        hold=suspicion(asked, total) or beyond,
        suspected=total.holds or beyond is not None,
        proven=bool(proofs) and all(verdict.outcome is Outcome.PASS for verdict in proofs),
        proven_share=min((proven_part(verdict) for verdict in proofs), default=0),
        blind=first(Outcome.BLIND, Outcome.INVALID),
        no_traffic=first(Outcome.NO_TRAFFIC),
        bad_news=next((account(item) for item, _ in spoken if item.evidence.suspicion.is_bad_news), None)
        or next((account_of_waiting(item) for item, _ in spoken if item.waits_with_bad_news), None),
        missed=next((item.metric.name for item in asked if is_unheard(item)), None),
        silent=next((account_of_silence(item) for item, _ in spoken if item in asked and item.is_silent), None),
    )


def looks_bad_alone(item: MetricState) -> bool:
    """Whether an arm without a control beside it has looked so bad, for two samples or more, that its requests go back
    until the control has shown whose fault it is.

    That is no verdict yet, so the cap on one tick does not wait for a third. The chance that a good arm is ever there
    is at most the number of ticks times exp(-level) (E. Page, "Continuous inspection schemes", Biometrika 41 (1954)).
    """
    late, settings = item.evidence.suspicion, item.evidence.settings
    if alone(item) is None or item.evidence.at - late.since < TWO_SAMPLES * settings.scrape_interval:
        return False
    return late.level >= log(settings.planned_ticks * settings.needed / settings.share)


def alone(item: MetricState) -> Alone | None:
    """What speaks against an arm that nothing could be compared with: what is too much is the record, or the limit."""
    evidence, record = item.evidence, item.evidence.settings.record
    if not item.uncompared or record is None:
        return None
    late, limit = evidence.late.candidate, evidence.settings.limit
    allowed = record if limit is None or evidence.compared >= evidence.settings.needed else min(record, limit)
    return Alone(item.metric.name, item.split, late if late.trials else evidence.candidate, allowed)


def seen_of_those(spoken: Sequence[tuple[MetricState, Verdict]], heard: Sequence[str]) -> list[Verdict]:
    """Where no metric is required, those that can be seen speak for the arm; what cannot be seen proves nothing."""
    unseen = (Outcome.BLIND, Outcome.INVALID, Outcome.NO_TRAFFIC)
    return [verdict for item, verdict in spoken if item.split in heard and verdict.outcome not in unseen]


def proven_part(verdict: Verdict) -> int:
    """The part of the requests, percent, for which one metric lets the arm rise."""
    return verdict.proven_share if verdict.outcome in (Outcome.PASS, Outcome.UNDECIDED) and not verdict.hold else 0


def beyond_limit(item: MetricState) -> str:
    """Above the limit, and not to be taken back for it yet, or at all."""
    return f"{account(item)}: beyond the limit, and it is not sure that going back would help"


def suspicion(states: Sequence[MetricState], total: Combined) -> str | None:
    """Why no share must rise though nothing is proven: evidence that grows, or nothing to compare with."""
    if total.holds:
        return f"evidence {total.evidence:.3g} of {total.needed:g} against it"
    lost = [
        item.metric.name
        for item in states
        if item.metric.required and item.uncompared and item.evidence.settings.record is None
    ]
    if not lost:
        return None
    asked = any(item.evidence.candidate.trials for item in states)
    nobody = "" if asked else "no request has reached it yet, and "
    return f"{nobody}stable has no record of {' and '.join(lost)} to compare with"
