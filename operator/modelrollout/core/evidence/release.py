"""Combined: the evidence of a whole release, from all its metrics, under one alpha.

The sum of e-values, each times a share fixed beforehand, is an e-value again, however much the metrics depend on each
other (V. Vovk, R. Wang, "E-values: calibration, combination and applications", Ann. Statist. 49 (2021)). Four metrics
cost each of them a factor of four, log 4 = 1.4 nats: far less than four times the false rollbacks would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from modelrollout.core.evidence.metric import MetricEvidence


@dataclass(frozen=True, slots=True)
class Combined:
    """Evidence of a whole release: the sum over its metrics, the bound, and the metric with the largest part."""

    evidence: float
    needed: float
    hold_from: float
    largest: str

    @property
    def fails(self) -> bool:
        """Whether the candidate is to be rolled back."""
        return self.evidence >= self.needed

    @property
    def holds(self) -> bool:
        """Whether no weight may be raised."""
        return self.evidence >= self.hold_from


def combine(evidences: Sequence[MetricEvidence]) -> Combined:
    """All metrics of one release under one alpha: the sum of share times evidence, whatever their order.

    Raises ValueError without metrics, or when the shares add up to more than 1.
    """
    if not evidences:
        raise ValueError("combine needs the evidence of at least one metric")
    shares = fsum(each.settings.share for each in evidences)
    if shares > 1.0 + 1e-9:
        raise ValueError(
            f"the shares of {len(evidences)} metrics add up to {shares:g}: at most 1 keeps alpha; "
            "use settings.shared_by(number of metrics)"
        )
    total = fsum([1.0 - min(shares, 1.0), *(part_of(each) for each in evidences)])
    largest = max(evidences, key=lambda each: (part_of(each), each.metric))
    needed = max(each.settings.needed for each in evidences)
    return Combined(total, needed, min(each.settings.hold_from for each in evidences), largest.metric)


def part_of(evidence: MetricEvidence) -> float:
    """What one metric adds to the evidence of the release."""
    return evidence.settings.share * evidence.evidence
