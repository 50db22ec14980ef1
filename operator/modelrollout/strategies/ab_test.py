"""A/B test: several versions answer at fixed shares until it is proven which of them earns most, or that they do not
differ, or its time is over.

Nothing here is about traffic that is safe: whoever is worse by a guardrail (errors, latency, metrics of one's own) is
taken out at once by the same tests as in a canary, and the others go on. The test is about what the versions are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.base import Duration, PositiveDuration, SpecModel, StatusModel, Timestamp, format_duration
from modelrollout.api.model import Model
from modelrollout.api.reward_delay import REWARD_DELAY, RewardDelay, mean_of
from modelrollout.api.route import Route
from modelrollout.api.rules import rule, rules
from modelrollout.strategies.base import ArmView, Design, Move, Outline, SmokeCheck, Standing, View
from modelrollout.strategies.shares import between
from modelrollout.strategies.versions import FurtherVersion, models_of, once, refuse_twice

_TOO_MUCH = "the weights leave nothing for the version that serves and those without one; write less than 100 in all"
_NEVER = "maxDuration is not longer than minDuration, so no winner could ever be named"
TEST, NO_DIFFERENCE = "test", "no difference"


class OnWinner(StrEnum):
    """Whether the winner of a test takes all requests by itself (Promote), or waits for `modelrollout promote`
    (Pause)."""

    PROMOTE = "Promote"
    PAUSE = "Pause"


class OnNoDifference(StrEnum):
    """What happens when the versions are proven not to differ, or the time is over with nothing proven: the version
    that serves stays and the others leave (KeepControl), or a person is waited for (Pause)."""

    KEEP_CONTROL = "KeepControl"
    PAUSE = "Pause"


class TestArm(FurtherVersion):
    """A further version of the test."""

    __test__ = False  # pytest would take it for a test

    weight: int | None = Field(default=None, ge=1, le=98, description="Percent of the requests. Without it: its part.")


class AbTestSettings(SpecModel):
    """spec.model and further arms against the version that serves, compared by the metric with `role: Reward`. All get
    the same share, unless some have a weight: then the others share what these leave."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            once("arms", optional=True),
            rule(
                "(has(self.weight) ? self.weight : 1) + (has(self.arms) ? "
                "self.arms.map(item, has(item.weight) ? item.weight : 1).sum() : 0) < 100",
                _TOO_MUCH,
            ),
        )
    )
    weight: int | None = Field(default=None, ge=1, le=98, description="Percent of spec.model's version, as of an arm.")
    arms: tuple[TestArm, ...] = Field(
        default=(), max_length=7, description="Versions beside spec.model. The one that serves takes part by itself."
    )
    false_winner: float = Field(
        default=0.05, gt=0, le=0.2, description="The chance of ever naming a wrong winner, however often one looks."
    )
    indifference: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Odds of a reward that differ by less than this part are no difference: 0.05 for 5 %.",
    )
    reward_delay: RewardDelay = Field(default=0.0, description=REWARD_DELAY)
    min_duration: Duration = Field(
        default=604_800.0, description="No winner before. Whole weeks: people are others on Sundays."
    )
    max_duration: PositiveDuration = Field(
        default=2_419_200.0, description="The end of the test, whatever is known by then."
    )
    on_winner: OnWinner = OnWinner.PROMOTE
    on_no_difference: OnNoDifference = OnNoDifference.KEEP_CONTROL

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_twice(self.arms)
        if (self.weight or 1) + sum(item.weight or 1 for item in self.arms) >= 100:
            raise ValueError(_TOO_MUCH)
        if self.max_duration <= self.min_duration:
            raise ValueError(_NEVER)
        return self


class AbTestMemory(StatusModel):
    """Since when the versions have had the shares that they have, by the clock of the trial."""

    started: Timestamp | None = None
    shares: dict[str, int] = Field(default_factory=dict)
    over: bool = False  # it has come to its end, and only a person's word is missing


class AbTestStrategy:
    """The test of ``spec.strategy.abTest``."""

    name = "abTest"
    title = "A/B test of two to nine versions by a reward"
    judges = True
    part_first = True
    competes = True
    settings = AbTestSettings
    memory = AbTestMemory

    def models(self, settings: AbTestSettings, model: Model) -> tuple[Model, ...]:
        """The spec's model and the arms."""
        return models_of(model, settings.arms)

    def seconds(self, settings: AbTestSettings) -> float:
        """Until its last day."""
        return settings.max_duration

    def smoke(self, settings: AbTestSettings) -> SmokeCheck | None:
        """None."""
        return None

    def design(self, settings: AbTestSettings) -> Design:
        """By the settings."""
        return Design(settings.false_winner, settings.indifference, mean_delay=mean_of(settings.reward_delay))

    def outline(self, settings: AbTestSettings, memory: AbTestMemory, arms: Sequence[ArmView]) -> Outline:
        """One step: the test."""
        longest = format_duration(settings.max_duration)
        began = memory.started
        until = began + settings.max_duration if began is not None else None
        return Outline([f"a test of at most {longest}", "the end"], 0 if began is not None else -1, 1, began, until)

    def next(self, settings: AbTestSettings, view: View[AbTestMemory]) -> Move[AbTestMemory]:
        """The shares; then the end, once something is proven or the time is over."""
        shares = shares_of(settings, view)
        route = between(view.control, shares)
        reached = {arm.version: arm.share for arm in view.arms} == shares
        memory = view.memory
        if not reached or memory.shares != shares:
            begun = AbTestMemory(started=view.now if reached else None, shares=shares if reached else {})
            why = "the test begins" if reached else "the versions get the shares of the test"
            return Move(route, begun, why, under_way=True)
        return _ended(settings, view) or _going_on(settings, view)


def shares_of(settings: AbTestSettings, view: View[AbTestMemory]) -> dict[str, int]:
    """What each arm gets, percent. An arm that has left takes nothing from the others: its share is the control's."""
    written = {view.model: settings.weight} | {item.version: item.weight for item in settings.arms}
    written.pop(view.control, None)
    without = 1 + sum(weight is None for weight in written.values())
    each = (100 - sum(weight or 0 for weight in written.values())) // without
    return {arm.version: written.get(arm.version) or each for arm in view.arms}


def _ended(settings: AbTestSettings, view: View[AbTestMemory]) -> Move[AbTestMemory] | None:
    """The end of the test, where it has come."""
    standing, elapsed = view.standing or Standing(), view.now - (view.memory.started or view.now)
    said = view.skip or view.approved == TEST
    over = said or view.memory.over or elapsed >= settings.max_duration
    if standing.obstacle is not None and not said:
        return None
    may = over or elapsed >= settings.min_duration
    winner = standing.winner
    if winner is None and standing.alike and view.control not in standing.contenders:
        winner = standing.best  # several are better than the control, and alike: any of them will do
    if may and winner is not None:
        return _won(settings, view, winner, standing)
    if (may and standing.alike) or over:
        return _without_winner(settings, view, standing)
    return None


def _won(settings: AbTestSettings, view: View[AbTestMemory], winner: str, standing: Standing) -> Move[AbTestMemory]:
    why, step = f"{winner} won by {standing.account}", f"winner {winner}"
    if settings.on_winner is OnWinner.PAUSE and not (view.skip or view.approved == step):
        return _left_to_a_person(view, f"{why}; modelrollout promote ends the test with it", step)
    return Move(Route.to(winner), view.memory, why, winner=winner)


def _without_winner(settings: AbTestSettings, view: View[AbTestMemory], standing: Standing) -> Move[AbTestMemory]:
    told = "the versions do not differ" if standing.alike else "no version is proven to be the best"
    why = f"{told}, so {view.control} stays ({standing.account})"
    if settings.on_no_difference is OnNoDifference.PAUSE and not (view.skip or view.approved == NO_DIFFERENCE):
        words = f"{told} ({standing.account}); modelrollout promote ends the test, and {view.control} stays"
        return _left_to_a_person(view, words, NO_DIFFERENCE)
    return Move(Route.to(view.control), view.memory, why, winner=view.control)


def _left_to_a_person(view: View[AbTestMemory], why: str, step: str) -> Move[AbTestMemory]:
    memory = view.memory.model_copy(update={"over": True})
    return view.stay(why, memory=memory, step=step, approval=True)


def _going_on(settings: AbTestSettings, view: View[AbTestMemory]) -> Move[AbTestMemory]:
    """Why it goes on, and until when at most."""
    began, standing = view.memory.started or view.now, view.standing or Standing()
    last = began + settings.max_duration
    if standing.obstacle is not None:
        return view.stay(f"nothing is decided: {standing.obstacle}", step=TEST, under_way=True)
    if view.now < began + settings.min_duration:
        first = format_duration(settings.min_duration)
        why = f"the test is under way; no winner is named before minDuration {first}"
        return view.stay(why, step=TEST, until=began + settings.min_duration)
    longest = format_duration(settings.max_duration)
    why = f"the test is under way; {standing.unproven or f'without a winner it ends after maxDuration {longest}'}"
    return view.stay(why, step=TEST, until=last)
