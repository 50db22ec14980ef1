"""``status.trial.contest``: who earns more, and what that is worth, for people and for the next pass."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from modelrollout.api.base import StatusModel, Timestamp
from modelrollout.api.route import EVERYBODY, Share
from modelrollout.api.version import VERSION


class Competitor(StatusModel):
    """What one version of a test has earned: ``rewards`` in all, ``rate`` for each request; where they come late, for
    each of those that would have had theirs by now (``due``). ``low`` and ``high`` bound its true rate at all times at
    once."""

    version: Annotated[str, VERSION]
    requests: int = 0
    due: int | None = None
    rewards: float = 0.0
    rate: float | None = None
    low: float = 0.0
    high: float = 1.0
    against: dict[str, float] = Field(default_factory=dict)  # evidence that it is better than each other version
    chance: float | None = None  # that it is the best, where shares follow the rewards

    @property
    def compared(self) -> int:
        """The requests that its rewards are compared with."""
        return self.requests if self.due is None else self.due


class ContestStatus(StatusModel):
    """Who earns more in a test, and the memory of its sequential tests."""

    metric: str
    split: str = EVERYBODY
    largest: float | None = None  # one reward can be, where it may be anything up to that; else it is one or none
    trouble: str | None = None  # why the rewards cannot be seen now
    skewed: str | None = None  # why no comparison can be trusted: requests do not go where the shares say
    unproven: str | None = None  # why nothing can be proven yet
    doubted: str | None = None  # why the version that would have won has not: rewards may come later than is told
    needed: float = 20.0  # evidence against each of the others at which a version has won
    alike: float = 0.0  # evidence that those that may still be the best do not differ; proven at `alikeNeeded`
    alike_needed: float = 20.0
    value_remaining: float | None = None  # by what part of its rate the likely best may still be beaten, with 95 %
    versions: tuple[Competitor, ...] = ()
    since: Timestamp | None = None  # the first sample's
    last_sample_at: Timestamp | None = None
    last_read_at: Timestamp | None = None  # when that sample was read, by the operator's own clock
    reward_delay: float | None = None  # seconds from a request to its reward, on average, where that is measured
    delayed_rewards: int = 0  # of how many rewards it is the mean
    shares: dict[str, Share] = Field(default_factory=dict)  # percent, by which the sample ratio is tested
    shares_since: Timestamp | None = None
    source: str = ""  # digest of what is counted
    noise: float | None = None  # overdispersion of stable's past
    past_rate: float | None = None  # stable's requests a second in its past
    past_seconds: float | None = None  # for how long that was seen
    state: dict[str, Any] = Field(default_factory=dict)  # the tests' own floats
    counters: dict[str, Any] = Field(default_factory=dict)  # last raw counters, by version and series


class Stakes(StatusModel):
    """The ledger of one split's test by a reward: the chance of naming a wrong winner that its owner allowed when it
    began, and what would be left to a test that begins anew (``core/evidence/stakes.py``)."""

    split: str = EVERYBODY
    false_winner: Annotated[float, Field(gt=0, lt=1)] = 0.05
    asked: Annotated[float, Field(gt=0, lt=1)] = 0.05  # falseWinner as the spec had it then
    indifference: Annotated[float, Field(gt=0, le=1)] = 0.05  # the least that was asked
    most: int = 0  # versions that ever competed at once
    left: dict[str, float] = Field(default_factory=dict)  # parts of falseWinner, by version
    free: float = 0.0  # and that nobody has
    begun: int = 0  # how often versions were compared from the beginning, after the first time


class Gain(StatusModel):
    """Rewards for each request, and an interval that holds at all times at once."""

    value: float
    low: float
    high: float


class ValueStatus(StatusModel):
    """What shares by segment have earned, and how much more that is than what else could have run."""

    versions: tuple[str, ...] = ()
    since: Timestamp | None = None  # when these versions were together first
    ran: Gain | None = None  # for each request; nothing is told before 100 samples
    over_equal: Gain | None = None  # more than equal shares would have
    over_one: Gain | None = None  # more than the best single version for everybody would have
    state: dict[str, Any] = Field(default_factory=dict)  # the sums
