"""Verdicts: what the evidence of a metric means now, with its numbers and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrollout.core.evidence.counts import Count
from modelrollout.core.evidence.interval import Interval, rate_interval
from modelrollout.core.evidence.metric import MetricEvidence
from modelrollout.core.evidence.outcome import Outcome, Trouble, outcome_of
from modelrollout.core.evidence.release import Combined, combine, part_of
from modelrollout.core.evidence.sentence import OddsRatio, sentence


@dataclass(frozen=True, slots=True)
class Verdict:
    """One metric at one moment. Rates are shares, ``ratio`` the odds of a bad answer as a multiple of stable's.

    ``part`` is this metric's part of ``evidence``, which is the release's; at ``needed`` the candidate is rolled
    back. At ``proof_needed`` it is proven by ``proof`` that the candidate is not much worse; ``proven_share`` is the
    part of the requests, percent, for which it is known to be good enough. ``hold``: no weight may be raised. ``at`` is
    the time of the last tick counted.
    """

    metric: str
    outcome: Outcome
    reason: str
    candidate: Count
    stable: Count
    ratio: OddsRatio
    evidence: float
    part: float
    needed: float
    proof: float
    proof_needed: float
    proven_share: int
    hold: bool
    at: float
    alpha: float
    overdispersion: float

    @property
    def candidate_interval(self) -> Interval:
        """Where the candidate's rate lies, with probability 1 - alpha at all times at once."""
        return rate_interval(self.candidate, self.alpha, self.overdispersion)

    @property
    def stable_interval(self) -> Interval:
        """Where stable's rate lies, with probability 1 - alpha at all times at once."""
        return rate_interval(self.stable, self.alpha, self.overdispersion)


def judge(
    evidence: MetricEvidence,
    now: float,
    *,
    release: Combined | None = None,
    trouble: Trouble | None = None,
    begun: bool = True,
    counts_good: bool = False,
) -> Verdict:
    """The verdict of one metric ``now`` (seconds since the epoch). With ``counts_good`` it is told of good answers.

    ``release`` is the evidence of all metrics together (``combine``), by default that of this one alone. ``trouble``
    says that the metric cannot be read now, ``begun`` whether the candidate has had traffic: a wrong query stops a
    release that has not begun, and only blinds one that has.
    """
    release = release or combine([evidence])
    outcome = outcome_of(evidence, now, release, trouble, begun)
    ratio = odds_ratio_of(evidence)
    return Verdict(
        metric=evidence.metric,
        outcome=outcome,
        reason=sentence(outcome, evidence, release, ratio, trouble, counts_good=counts_good),
        candidate=evidence.candidate,
        stable=evidence.stable,
        ratio=ratio,
        evidence=release.evidence,
        part=part_of(evidence),
        needed=release.needed,
        proof=evidence.proof,
        proof_needed=evidence.settings.proof_needed,
        proven_share=evidence.proven_share,
        hold=release.holds,
        at=evidence.at,
        alpha=evidence.settings.alpha,
        overdispersion=evidence.settings.overdispersion,
    )


def judge_all(
    evidences: Sequence[MetricEvidence],
    now: float,
    troubles: Mapping[str, Trouble] | None = None,
    begun: bool = True,
) -> tuple[Verdict, ...]:
    """The verdicts of all metrics of one release, in their order. ``troubles`` by metric.

    When the evidence of the release reaches its bound, the metric with the largest part fails.
    """
    release = combine(evidences)
    troubles = troubles or {}
    return tuple(
        judge(each, now, release=release, trouble=troubles.get(each.metric), begun=begun) for each in evidences
    )


def odds_ratio_of(evidence: MetricEvidence) -> OddsRatio:
    """The odds of a bad answer as a multiple of stable's; nothing before any bad answer, or without a comparison.

    When the test itself has shown that the odds exceed the margin, the interval says no less: it describes a ratio
    that stays the same, the test also finds one that went up late.
    """
    settings = evidence.settings
    estimate = evidence.odds.estimate(evidence.candidate, evidence.stable)
    if estimate is None:
        return OddsRatio(None, None, None)
    interval = evidence.odds.interval(settings.alpha)
    proven = evidence.worse.evidence(settings) * settings.share >= settings.needed
    low = max(interval.low, settings.margin) if proven else interval.low
    high = max(low, interval.high)
    return OddsRatio(min(max(estimate, low), high), low, None if high == float("inf") else high)
