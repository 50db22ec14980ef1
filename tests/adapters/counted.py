"""The newest counts of one version alone, for tables of tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout.core.evidence import Count, Moments, together


@dataclass(frozen=True)
class Counted:
    """Counts of one version by process; ``at`` is the newest time of any, None without a series."""

    at: float | None
    counts: Mapping[str, Count]


def newest(processes: Mapping[str, Moments]) -> Counted:
    """As a sample would have them. Raises BadCount."""
    found = together({"1.0.1": processes}, 5.0)
    return Counted(found.at, found.series["1.0.1"])
