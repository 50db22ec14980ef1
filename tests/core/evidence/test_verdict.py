"""The verdicts: what each state of the evidence is called, and the sentence that people read."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from modelrollout.core.evidence import (
    Count,
    EvidenceSettings,
    MetricEvidence,
    Outcome,
    Tick,
    combine,
    judge,
    judge_all,
)
from tests.core.evidence.ticks import after_all, ticks_of


@dataclass(frozen=True)
class Unavailable:
    message: str
    invalid: bool = False


AWAY = Unavailable("connection refused")
WRONG = Unavailable("parse error: unexpected right parenthesis", invalid=True)

HEALTHY = (Count(1, 100), Count(9, 900))
BAD = (Count(20, 100), Count(9, 900))
IDLE = (Count(0, 0), Count(9, 900))
NO_ERRORS = (Count(0, 100), Count(0, 900))


def evidence_of(*pairs: tuple[Count, Count], **settings: Any) -> MetricEvidence:
    return after_all(ticks_of(pairs), **settings)


CASES = [
    pytest.param(
        evidence_of(),
        {},
        Outcome.UNDECIDED,
        "errors: candidate no requests, stable no requests; evidence 1 of 100 needed; "
        "that it is not 2 x worse: 1 of 20 needed",
        id="at the start",
    ),
    pytest.param(
        evidence_of(*[HEALTHY] * 10),
        {},
        Outcome.UNDECIDED,
        "errors: candidate 10 of 1000 (1 %), stable 90 of 9000 (1 %); odds 1 x stable's, between 0.25 x and 2.8 x "
        "(99 % at any time); evidence 0.55 of 100 needed; that it is not 2 x worse: 5 of 20 needed",
        id="healthy so far",
    ),
    pytest.param(
        evidence_of(*[NO_ERRORS] * 3),
        {},
        Outcome.UNDECIDED,
        "errors: candidate 0 of 300 (0 %), stable 0 of 2700 (0 %); evidence 0.72 of 100 needed; "
        "that it is not 2 x worse: 1 of 20 needed",
        id="no error at all",
    ),
    pytest.param(
        evidence_of(*[HEALTHY] * 60),
        {},
        Outcome.PASS,
        "errors: candidate 60 of 6000 (1 %), stable 540 of 54000 (1 %); odds 1 x stable's, between 0.57 x and 1.6 x "
        "(99 % at any time); proven to be not 2 x worse (evidence 480 of 20 needed)",
        id="proven not worse",
    ),
    pytest.param(
        evidence_of(BAD, BAD),
        {},
        Outcome.FAIL,
        "errors: candidate 40 of 200 (20 %), stable 18 of 1800 (1 %); odds 24 x stable's, at least 7.9 x "
        "(99 % at any time); evidence 401 of 100 needed",
        id="proven worse from the start",
    ),
    pytest.param(
        evidence_of(*[HEALTHY] * 30, BAD, BAD, BAD, BAD),
        {},
        Outcome.FAIL,
        "errors: last 20 s: candidate 80 of 400 (20 %), stable 36 of 3600 (1 %); odds 25 x stable's; "
        "evidence 2871 of 100 needed",
        id="proven worse since a while",
    ),
    pytest.param(
        evidence_of(BAD, BAD),
        {"trouble": AWAY},
        Outcome.FAIL,
        "errors: candidate 40 of 200 (20 %), stable 18 of 1800 (1 %); odds 24 x stable's, at least 7.9 x "
        "(99 % at any time); evidence 401 of 100 needed",
        id="what is proven stays proven when Prometheus goes away",
    ),
    pytest.param(
        evidence_of(BAD, IDLE),
        {},
        Outcome.UNDECIDED,
        "errors: candidate 20 of 100 (20 %), stable 18 of 1800 (1 %); odds 25 x stable's, at least 5.3 x "
        "(99 % at any time); evidence 15 of 100 needed; that it is not 2 x worse: 0.0052 of 20 needed",
        id="suspicious: one terrible tick",
    ),
    pytest.param(
        evidence_of(*[HEALTHY] * 10, *[IDLE] * 12),
        {},
        Outcome.NO_TRAFFIC,
        "errors: no request to the candidate since 00:00:50 UTC, 1000 before; evidence stays at 0.55 of 100 needed",
        id="no traffic for a minute",
    ),
    pytest.param(
        evidence_of(*[HEALTHY] * 10, *[IDLE] * 11),
        {},
        Outcome.UNDECIDED,
        "errors: candidate 10 of 1000 (1 %), stable 189 of 18900 (1 %); odds 1.1 x stable's, between 0.25 x and 2.8 x "
        "(99 % at any time); evidence 0.55 of 100 needed; that it is not 2 x worse: 5 of 20 needed",
        id="no traffic for less than a minute",
    ),
    pytest.param(
        evidence_of(*[IDLE] * 12),
        {},
        Outcome.NO_TRAFFIC,
        "errors: no request to the candidate since 00:00:00 UTC; evidence stays at 1 of 100 needed",
        id="never a request",
    ),
    pytest.param(
        evidence_of(*[HEALTHY] * 60),
        {"later": 15.1},
        Outcome.BLIND,
        "errors: no sample since 00:05:00 UTC; evidence stays at 0.44 of 100 needed",
        id="the sample is older than three scrapes, although all was proven",
    ),
    pytest.param(
        evidence_of(*[HEALTHY] * 10),
        {"trouble": AWAY},
        Outcome.BLIND,
        "errors: no sample since 00:00:50 UTC (connection refused); evidence stays at 0.55 of 100 needed",
        id="Prometheus is away",
    ),
    pytest.param(
        evidence_of(*[HEALTHY] * 10),
        {"trouble": WRONG},
        Outcome.BLIND,
        "errors: no sample since 00:00:50 UTC (parse error: unexpected right parenthesis); "
        "evidence stays at 0.55 of 100 needed",
        id="the query is wrong during the release",
    ),
    pytest.param(
        evidence_of(),
        {"trouble": WRONG, "begun": False},
        Outcome.INVALID,
        "errors: the query is wrong, so the release does not begin: parse error: unexpected right parenthesis",
        id="the query is wrong before the release",
    ),
    pytest.param(
        evidence_of(),
        {"trouble": AWAY, "begun": False},
        Outcome.BLIND,
        "errors: no sample yet, looked for since 00:00:00 UTC (connection refused); evidence stays at 1 of 100 needed",
        id="Prometheus is away before the release",
    ),
    pytest.param(
        evidence_of(*[(Count(18, 1000), Count(5, 1000))] * 20, limit=0.01, margin=4.0),
        {},
        Outcome.FAIL,
        "errors: candidate 360 of 20000 (1.8 %), limit 1 %, stable 100 of 20000 (0.5 %); odds 3.6 x stable's, "
        "between 2.3 x and 6.1 x (99 % at any time); evidence 2500 of 100 needed",
        id="within the margin, and above an absolute limit",
    ),
]


@pytest.mark.parametrize(("evidence", "given", "outcome", "reason"), CASES)
def test_outcome_and_reason(evidence: MetricEvidence, given: Any, outcome: Outcome, reason: str) -> None:
    now = evidence.at + given.get("later", 0.0)
    verdict = judge(evidence, now, trouble=given.get("trouble"), begun=given.get("begun", True))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_a_verdict_has_all_its_numbers() -> None:
    verdict = judge(evidence_of(BAD, BAD), 10.0)
    assert (verdict.candidate, verdict.stable) == (Count(40, 200), Count(18, 1800))
    assert (verdict.needed, verdict.proof_needed, verdict.at) == (100.0, 20.0, 10.0)
    assert verdict.evidence == verdict.part >= 100
    low, estimate, high = verdict.ratio.low or 0.0, verdict.ratio.estimate or 0.0, verdict.ratio.high or 0.0
    assert 1.1 < low < estimate < high
    assert verdict.candidate_interval.low > verdict.stable_interval.high
    assert verdict.hold


def test_proven_not_worse_is_no_pass_while_there_is_suspicion() -> None:
    proven = evidence_of(*[HEALTHY] * 200)
    suspected = after_all(ticks_of([(Count(4, 100), Count(9, 900))] * 4, start=proven.at), proven)
    assert judge(proven, proven.at).outcome is Outcome.PASS
    release = replace(combine([suspected]), evidence=5.0)
    verdict = judge(suspected, suspected.at, release=release)
    assert verdict.hold
    assert verdict.outcome is Outcome.UNDECIDED


def test_a_proof_that_the_odds_are_beyond_the_margin_shows_in_the_ratio() -> None:
    """The interval describes a ratio that stays the same; a late fault leaves it wide."""
    late = evidence_of(*[HEALTHY] * 300, *[(Count(6, 100), Count(9, 900))] * 9)
    verdict = judge(late, late.at)
    assert verdict.outcome is Outcome.FAIL
    assert (verdict.ratio.low or 0.0) >= 1.1


class TestSeveralMetrics:
    settings = EvidenceSettings().shared_by(2)

    def release(self, errors: Any, latency: Any) -> Any:
        pair = [MetricEvidence.start(name, 0.0, self.settings) for name in ("errors", "latency")]
        return [after_all(ticks_of(pairs), each) for each, pairs in zip(pair, (errors, latency), strict=True)]

    def test_the_metric_with_the_largest_part_fails_and_the_others_keep_their_own_outcome(self) -> None:
        release = self.release([HEALTHY] * 60, [HEALTHY] * 56 + [BAD] * 4)
        errors, latency = judge_all(release, 300.0)
        assert errors.outcome is not Outcome.FAIL
        assert latency.outcome is Outcome.FAIL
        assert errors.evidence == latency.evidence == pytest.approx(errors.part + latency.part)
        assert "evidence" in latency.reason
        assert latency.reason.endswith(f"({latency.part:.0f} by latency)")

    def test_all_hold_when_one_is_suspicious(self) -> None:
        errors, latency = judge_all(self.release([HEALTHY], [BAD]), 5.0)
        assert errors.hold is latency.hold is True
        assert errors.outcome is latency.outcome is Outcome.UNDECIDED

    def test_one_that_cannot_be_read_does_not_blind_the_others(self) -> None:
        release = self.release([HEALTHY] * 100, [HEALTHY] * 10)
        errors, latency = judge_all(release, 500.0, {"latency": AWAY})
        assert (errors.outcome, latency.outcome) == (Outcome.PASS, Outcome.BLIND)

    def test_many_small_suspicions_add_up_to_one_failure(self) -> None:
        eight = EvidenceSettings().shared_by(8)
        slow = [(Count(4, 100), Count(9, 900))] * 12
        release = [after_all(ticks_of(slow), MetricEvidence.start(f"m{i}", 0.0, eight)) for i in range(8)]
        outcomes = [verdict.outcome for verdict in judge_all(release, 60.0)]
        assert outcomes.count(Outcome.FAIL) == 1


def test_stable_without_traffic_is_named_with_its_record() -> None:
    evidence = evidence_of(*[HEALTHY] * 20).with_record()
    for i in range(6):
        evidence = evidence.after(Tick(105.0 + 5 * i, Count(20, 100), Count(0, 0)))
    verdict = judge(evidence, evidence.at)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "errors: last 30 s: candidate 120 of 600 (20 %), stable has no traffic and its record allows 1.5 %; "
        "evidence 10000 of 100 needed"
    )
