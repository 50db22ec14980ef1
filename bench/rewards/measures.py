"""The figures of one run: how late the answers were, what they cost, and whether everything was counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from bench.rewards.load import Answers

GOAL = 0.020  # seconds: p99 of an answer


@dataclass(frozen=True, slots=True)
class Run:
    """One kind of load."""

    title: str
    rewards: int
    accepted: int
    took: float  # seconds in which they were due
    cpu: float  # seconds of the gateway's processor time
    seconds: tuple[float, ...]

    @property
    def p99(self) -> float:
        """Of the answers' times."""
        return percentile(self.seconds, 0.99)

    @property
    def met(self) -> bool:
        """All were counted, in time."""
        return self.accepted == self.rewards and self.p99 <= GOAL

    @property
    def row(self) -> str:
        """For people."""
        times = "/".join(f"{percentile(self.seconds, share) * 1000:.1f}" for share in (0.5, 0.99, 1.0))
        rate, each = self.rewards / self.took, self.cpu / self.rewards
        return (
            f"| {self.title} | {rate:.0f} | {self.accepted} of {self.rewards} | {times} ms | {each * 1e6:.0f} µs | "
            f"{1 / each:.0f} | {'yes' if self.met else 'no'} |"
        )


HEAD = (
    "| load | rewards/s | counted | p50/p99/max | CPU a reward | so a core takes | p99 <= 20 ms |\n"
    "|---|---|---|---|---|---|---|"
)


def accepted(answers: Answers) -> int:
    """Rewards that the answers say were counted."""
    good = (body for status, body in zip(answers.statuses, answers.bodies, strict=True) if status == 200)
    return sum(json.loads(body)["accepted"] for body in good)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
