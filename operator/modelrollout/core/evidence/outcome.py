"""Outcome: what is known of a candidate by one metric, and the order in which the reasons are asked.

Six outcomes and no seventh: what is not known is Undecided, NoTraffic or Blind, never a pass and never a failure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from modelrollout.core.evidence.metric import MetricEvidence
from modelrollout.core.evidence.release import Combined


class Outcome(StrEnum):
    """What is known of the candidate by one metric."""

    PASS = "Pass"  # proven not much worse than stable
    FAIL = "Fail"  # proven worse
    UNDECIDED = "Undecided"  # neither is proven
    NO_TRAFFIC = "NoTraffic"  # no requests to judge by
    BLIND = "Blind"  # no samples to judge by
    INVALID = "Invalid"  # the query is wrong, and the release has not begun


class Trouble(Protocol):
    """Why a metric cannot be read: ``invalid`` when the query itself is wrong, otherwise Prometheus is away."""

    @property
    def message(self) -> str: ...
    @property
    def invalid(self) -> bool: ...


def outcome_of(
    evidence: MetricEvidence, now: float, release: Combined, trouble: Trouble | None, begun: bool
) -> Outcome:
    """Proof of harm stands whatever is unknown by now; then what cannot be known; then what is not proven."""
    settings = evidence.settings
    if release.fails and release.largest == evidence.metric:
        return Outcome.FAIL
    if trouble is not None:
        return Outcome.INVALID if trouble.invalid and not begun else Outcome.BLIND
    if is_stale(evidence, now):
        return Outcome.BLIND
    if now - evidence.served >= settings.no_traffic_after:
        return Outcome.NO_TRAFFIC
    if evidence.proof >= settings.proof_needed and not release.holds:
        return Outcome.PASS
    return Outcome.UNDECIDED


def is_stale(evidence: MetricEvidence, now: float) -> bool:
    """Whether the last sample is older than a few scrapes."""
    return now - evidence.at > evidence.settings.stale_scrapes * evidence.settings.scrape_interval
