"""Shares that follow what versions earn: what all bandits have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from modelrollout.api.base import Duration, PositiveDuration, SpecModel, StatusModel, Timestamp
from modelrollout.api.match import RequestMatch
from modelrollout.api.reward_delay import REWARD_DELAY, RewardDelay, mean_of
from modelrollout.strategies.base import Design, Standing
from modelrollout.strategies.versions import FurtherVersion, refuse_twice

ENDLESS = "with halfLife the best may change for ever, so nobody wins; onWinner: GoOn says so"
RUNNING = "shares by what is earned"  # the step that a person may end
LEAST_SECONDS = 10.0
LEAST_CHANGE = 2  # points: a smaller one is not worth the configuration of all proxies

_TOO_OFTEN = "updateEvery is shorter than 10s, and every update is sent to all proxies; write 10s or more"


class OnBest(StrEnum):
    """What happens when it is known which version is the best: it takes all requests (Promote), a person is
    waited for (Pause), or the shares go on following the rewards (GoOn)."""

    PROMOTE = "Promote"
    PAUSE = "Pause"
    GO_ON = "GoOn"


class FollowingSettings(SpecModel):
    """What all bandits have: versions whose shares follow the metric with `role: Reward`."""

    arms: tuple[FurtherVersion, ...] = Field(
        default=(), max_length=7, description="Versions beside spec.model. The one that serves takes part by itself."
    )
    floor: float = Field(
        default=1,
        ge=0.01,
        le=10,
        description="Percent that every version gets at least. Below 1 the shares are set in hundredths of a percent.",
    )
    update_every: PositiveDuration = Field(
        default=30.0, description="How often the shares may be set anew, 10s at least."
    )
    reward_delay: RewardDelay = Field(default=0.0, description=REWARD_DELAY)
    half_life: PositiveDuration | None = Field(
        default=None, description="What was seen so long ago counts half, for rates that change. Then nobody ever wins."
    )
    false_winner: float = Field(
        default=0.05, gt=0, le=0.2, description="The chance of ever dropping a version that is not worse."
    )
    stop_at: float = Field(
        default=0.01,
        ge=0,
        le=0.5,
        description="The likely best has won when at most this part of its rate is left to gain by another one, with "
        "95 %; 0: only by proof.",
    )
    min_duration: Duration = Field(default=3600.0, description="No winner before.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_twice(self.arms)
        if self.update_every < LEAST_SECONDS:
            raise ValueError(_TOO_OFTEN)
        return self

    def design(self, segments: Mapping[str, RequestMatch] | None = None) -> Design:
        """How the versions compete."""
        return Design(
            self.false_winner,
            floor=self.floor / 100.0,
            mean_delay=mean_of(self.reward_delay),
            half_life=self.half_life,
            segments=segments or {},
        )


class FollowingMemory(StatusModel):
    """Since when all versions have requests, and when their shares were set last, by the clock of the trial."""

    started: Timestamp | None = None
    updated: Timestamp | None = None


def words_of(known: Iterable[Standing], *, may_end: bool) -> str:
    """What a bandit does, and why it does not end yet, where nothing can be proven anywhere."""
    told, reasons = "the shares follow the rewards", [standing.unproven for standing in known]
    return f"{told}; {reasons[0]}" if may_end and reasons and all(reasons) else told


def winner_of(standing: Standing, stop_at: float) -> str | None:
    """Who has won: by proof, or because hardly anything is left to gain by another one; with 0 by proof alone, for with
    95 % nothing is left long before."""
    left = standing.value_remaining
    return standing.winner or (standing.best if stop_at and left is not None and left <= stop_at else None)


def is_worth_it(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Whether some version's share, percent, is another one by enough to tell all proxies."""
    return max(abs(after.get(version, 0) - before.get(version, 0)) for version in {*before, *after}) >= LEAST_CHANGE
