"""The sentence of a verdict: what people read in the status, in Events and in notifications.

It always has the counts of both versions first, because they are what everyone can check, then what follows from
them, then how far that is from a decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from modelrollout.core.evidence.counts import Count
from modelrollout.core.evidence.metric import MetricEvidence
from modelrollout.core.evidence.outcome import Outcome, Trouble
from modelrollout.core.evidence.release import Combined


@dataclass(frozen=True, slots=True)
class OddsRatio:
    """``estimate`` and interval (99 % at alpha = 1 %, valid at any time); None where nothing is known or bounds it."""

    estimate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Told:
    """Which answers people are told of: the bad ones, or with ``good`` all the others, as the metric's owner counts."""

    good: bool

    def count(self, count: Count) -> str:
        """``38 of 320 (12 %)``."""
        counted = count.trials - count.bad if self.good else count.bad
        return f"{counted} of {count.trials} ({percent(counted / count.trials)})" if count.trials else "no requests"

    def record(self, rate: float) -> str:
        """What stable's record leaves to the candidate."""
        return f"asks for {percent(1.0 - rate)}" if self.good else f"allows {percent(rate)}"

    def limit(self, rate: float) -> str:
        """The limit as its owner wrote it."""
        return percent(1.0 - rate if self.good else rate)

    def odds(self, ratio: float) -> str:
        """The odds of such an answer."""
        return times(1.0 / ratio if self.good else ratio)

    def at_least(self, ratio: float) -> str:
        """That the odds of a bad answer are at least that."""
        return f"at {'most' if self.good else 'least'} {self.odds(ratio)}"

    def at_most(self, ratio: float) -> str:
        """That they are at most that."""
        return f"at {'least' if self.good else 'most'} {self.odds(ratio)}"

    def between(self, low: float, high: float) -> str:
        """That they lie between the two."""
        first, last = (high, low) if self.good else (low, high)
        return f"between {self.odds(first)} and {self.odds(last)}"


def sentence(
    outcome: Outcome,
    evidence: MetricEvidence,
    release: Combined,
    ratio: OddsRatio,
    trouble: Trouble | None,
    *,
    counts_good: bool = False,
) -> str:
    """Why the outcome is what it is, in one sentence with numbers; of good answers where the metric ``counts_good``."""
    told = Told(counts_good)
    match outcome:
        case Outcome.INVALID:
            said = f"the query is wrong, so the release does not begin: {_words(trouble)}"
        case Outcome.BLIND:
            said = f"{_blind(evidence, trouble)}; {_held(release)}"
        case Outcome.NO_TRAFFIC:
            said = f"{_no_traffic(evidence)}; {_held(release)}"
        case Outcome.PASS:
            said = "; ".join([*_facts(told, evidence, ratio), _proven(evidence)])
        case Outcome.FAIL:
            said = "; ".join([*_facts_of_failure(told, evidence, ratio), _against(evidence, release)])
        case Outcome.UNDECIDED:
            said = "; ".join([*_facts(told, evidence, ratio), _against(evidence, release), _so_far(evidence)])
    return f"{evidence.metric}: {said}"


def percent(share: float) -> str:
    """A share with two significant digits: 0.0491 is "4.9 %"."""
    return f"{_short(100.0 * share)} %"


def times(ratio: float) -> str:
    """An odds ratio with two significant digits: "18 x"."""
    return f"{_short(ratio)} x"


def _facts(told: Told, evidence: MetricEvidence, ratio: OddsRatio) -> list[str]:
    facts = [_counts(told, evidence, evidence.candidate, evidence.stable)]
    if ratio.estimate is not None:
        facts.append(f"odds {told.odds(ratio.estimate)} stable's{_between(told, evidence, ratio)}")
    return facts


def _facts_of_failure(told: Told, evidence: MetricEvidence, ratio: OddsRatio) -> list[str]:
    """As ``_facts``; where only the last part of the release went wrong, of that part."""
    late = evidence.late
    if late.since <= evidence.started or not late.candidate.trials:
        return _facts(told, evidence, ratio)
    facts = [f"last {evidence.at - late.since:.0f} s: {_counts(told, evidence, late.candidate, late.stable)}"]
    if late.stable.trials:
        facts.append(f"odds {told.odds(_odds_ratio(late.candidate, late.stable))} stable's")
    return facts


def _counts(told: Told, evidence: MetricEvidence, candidate: Count, stable: Count) -> str:
    said = f"candidate {told.count(candidate)}"
    if evidence.settings.limit is not None:
        said = f"{said}, limit {told.limit(evidence.settings.limit)}"
    if not stable.trials and evidence.settings.record is not None:
        return f"{said}, stable has no traffic and its record {told.record(evidence.settings.record)}"
    return f"{said}, stable {told.count(stable)}"


def _between(told: Told, evidence: MetricEvidence, ratio: OddsRatio) -> str:
    low, high = ratio.low or 0.0, ratio.high
    if not low and high is None:
        return ""
    if not low and high is not None:
        return f", {told.at_most(high)} ({_sure(evidence)})"
    if high is None or low >= evidence.settings.margin:
        return f", {told.at_least(low)} ({_sure(evidence)})"
    return f", {told.between(low, high)} ({_sure(evidence)})"


def _sure(evidence: MetricEvidence) -> str:
    return f"{_short(100.0 * (1.0 - evidence.settings.alpha), 4)} % at any time"


def _against(evidence: MetricEvidence, release: Combined) -> str:
    part = evidence.evidence * evidence.settings.share
    whole = f"evidence {_short(release.evidence)} of {_short(release.needed)} needed"
    return whole if evidence.settings.share == 1.0 else f"{whole} ({_short(part)} by {evidence.metric})"


def _held(release: Combined) -> str:
    return f"evidence stays at {_short(release.evidence)} of {_short(release.needed)} needed"


def _so_far(evidence: MetricEvidence) -> str:
    settings = evidence.settings
    return f"that it is {_bound(evidence)}: {_short(evidence.proof)} of {_short(settings.proof_needed)} needed"


def _proven(evidence: MetricEvidence) -> str:
    settings = evidence.settings
    return (
        f"proven to be {_bound(evidence)} (evidence {_short(evidence.proof)} of {_short(settings.proof_needed)} needed)"
    )


def _bound(evidence: MetricEvidence) -> str:
    return f"not {times(evidence.settings.not_worse_than)} worse"


def _blind(evidence: MetricEvidence, trouble: Trouble | None) -> str:
    ever = evidence.candidate.trials or evidence.stable.trials
    age = f"no sample since {_clock(evidence.at)}" if ever else f"no sample yet, looked for since {_clock(evidence.at)}"
    return age if trouble is None else f"{age} ({_words(trouble)})"


def _no_traffic(evidence: MetricEvidence) -> str:
    before = f", {evidence.candidate.trials} before" if evidence.candidate.trials else ""
    return f"no request to the candidate since {_clock(evidence.served)}{before}"


def _clock(at: float) -> str:
    """A time of day. Not an age: the sentence is stored, and must stay the same while nothing happens."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%H:%M:%S UTC")


def _words(trouble: Trouble | None) -> str:
    return trouble.message if trouble is not None else "no reason given"


def _odds_ratio(candidate: Count, stable: Count) -> float:
    c = (candidate.bad + 0.5) / (candidate.trials - candidate.bad + 0.5)
    return c / ((stable.bad + 0.5) / (stable.trials - stable.bad + 0.5))


def _short(value: float, digits: int = 2) -> str:
    """Two significant digits, whole numbers from 10 on, no exponent: 0.11, 4.9, 45, 213."""
    if value >= 10**digits:
        return f"{value:.0f}"
    text = f"{value:.{digits}g}"
    if "e+" in text:  # it would be rounded up: 99.58 is 99.6
        return f"{value:.{digits + 1}g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")
