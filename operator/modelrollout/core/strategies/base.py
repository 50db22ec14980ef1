"""What a strategy is: from where the release stands to the next move. Readiness, pauses, rollback and the evidence a
step up needs are outside, once for all strategies, so that none can forget them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from modelrollout.api.analysis import Analysis
from modelrollout.api.rollout import Strategy as StrategySpec
from modelrollout.api.status import Release
from modelrollout.api.strategy import Header
from modelrollout.core.assessment import Assessment
from modelrollout.core.observation import SmokeResult
from modelrollout.core.plan import Reason


@dataclass(frozen=True, slots=True)
class Position:
    """Where the release stands. ``now`` in seconds since the epoch, ``weight`` the candidate's, percent."""

    spec: StrategySpec
    analysis: Analysis
    release: Release
    weight: int
    now: float
    assessment: Assessment
    smoke: SmokeResult | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Stay. ``until`` when a clock will end it; ``approval`` when a person must; ``under_way`` when it ends by itself
    in a moment."""

    message: str
    until: float | None = None
    approval: bool = False
    under_way: bool = False


@dataclass(frozen=True, slots=True)
class Enter:
    """Go to a step, with its weight (None: the weight stays)."""

    step_index: int
    weight: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Switch:
    """All requests to the candidate; the bake begins."""

    message: str


@dataclass(frozen=True, slots=True)
class Fail:
    """The strategy's own check failed."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Probed:
    """The smoke requests gave a result that has to be remembered."""

    passed: bool
    message: str


Move = Hold | Enter | Switch | Fail | Probed


class Strategy(Protocol):
    """One way to move traffic."""

    def next(self, position: Position) -> Move:
        """The next move by the strategy's own rules."""
        ...

    def bake(self, spec: StrategySpec) -> float:
        """Seconds of watching after the switch, with the old version warm."""
        ...

    def steps(self, spec: StrategySpec) -> int:
        """How many steps there are, for people to read."""
        ...

    def preview(self, spec: StrategySpec) -> Header | None:
        """The header that reaches the candidate at weight 0."""
        ...

    def wants_smoke(self, spec: StrategySpec, release: Release, weight: int) -> bool:
        """Whether smoke requests are due."""
        ...
