"""Skew: do the requests of every version of a test go where the shares say? One ``SampleRatio`` for each version.

A test over K versions asks K times, so each must be K times as sure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.sample_ratio import OFF_BY, SampleRatio


@dataclass(frozen=True, slots=True)
class Skew:
    """Evidence by version, and the requests that it is of."""

    ratios: Mapping[str, SampleRatio] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)

    def after(self, requests: Mapping[str, int], shares: Mapping[str, float]) -> Skew:
        """After one tick during which these shares (percent, summing to 100) were in force from beginning to end."""
        everyone = sum(requests.values())
        ratios = {
            version: self.ratios.get(version, SampleRatio()).after(
                requests.get(version, 0), everyone - requests.get(version, 0), share / 100.0
            )
            for version, share in shares.items()
        }
        total = {version: self.requests.get(version, 0) + requests.get(version, 0) for version in shares}
        return Skew(ratios, total)

    @property
    def broken(self) -> str | None:
        """The version for which it is most certain that it does not get its share; None while none is certain."""
        needed = {version: ratio.settings.needed * len(self.ratios) for version, ratio in self.ratios.items()}
        wrong = [version for version, ratio in self.ratios.items() if ratio.evidence >= needed[version]]
        return max(wrong, key=lambda version: self.ratios[version].evidence, default=None)

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {
            version: [self.requests[version], _written(ratio.more), _written(ratio.less)]
            for version, ratio in self.ratios.items()
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError, TypeError or ValueError when it is not that."""
        read = {
            version: (int(requests), _read(more), _read(less)) for version, (requests, more, less) in status.items()
        }
        return cls(
            {version: SampleRatio(more, less) for version, (_, more, less) in read.items()},
            {version: requests for version, (requests, _, _) in read.items()},
        )


def _written(capital: Capital) -> list[float]:
    return [float(capital.ticks), *capital.members]


def _read(values: Sequence[float]) -> Capital:
    ticks, *members = values
    if len(members) != len(OFF_BY):
        raise ValueError(f"{len(members)} numbers where {len(OFF_BY)} belong: the status is of another version")
    return Capital(tuple(float(member) for member in members), int(ticks))
