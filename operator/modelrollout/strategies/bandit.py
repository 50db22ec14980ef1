"""Bandit: the shares follow what the versions earn, so that little is lost to those that earn less.

A test asks which version is the best and pays for the answer with the requests of all the others; a bandit pays less
and knows less. A version gets requests as often as it is likely to be the best; one that is proven worse than another
leaves. Guardrails (errors, latency, metrics of one's own) take a version out at once, as in every strategy that judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import ConfigDict, model_validator

from modelrollout.api.model import Model
from modelrollout.api.route import Route
from modelrollout.api.rules import rule, rules
from modelrollout.strategies.base import ArmView, Design, Move, Outline, SmokeCheck, Standing, View
from modelrollout.strategies.following import (
    ENDLESS,
    RUNNING,
    FollowingMemory,
    FollowingSettings,
    OnBest,
    is_worth_it,
    winner_of,
    words_of,
)
from modelrollout.strategies.shares import between
from modelrollout.strategies.versions import models_of, once


class BanditSettings(FollowingSettings):
    """spec.model and further arms beside the version that serves. Their shares follow the metric with `role:
    Reward`."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            once("arms", optional=True),
            rule("!has(self.halfLife) || (has(self.onWinner) && self.onWinner == 'GoOn')", ENDLESS),
        )
    )
    on_winner: OnBest = OnBest.PROMOTE

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.half_life is not None and self.on_winner is not OnBest.GO_ON:
            raise ValueError(ENDLESS)
        return self


class BanditStrategy:
    """The shares of ``spec.strategy.bandit``."""

    name = "bandit"
    title = "bandit: shares that follow what two to nine versions earn"
    judges = True
    part_first = True
    competes = True
    settings = BanditSettings
    memory = FollowingMemory

    def models(self, settings: BanditSettings, model: Model) -> tuple[Model, ...]:
        """The spec's model and the arms."""
        return models_of(model, settings.arms)

    def seconds(self, settings: BanditSettings) -> None:
        """No clock says when it ends."""

    def smoke(self, settings: BanditSettings) -> SmokeCheck | None:
        """None."""
        return None

    def design(self, settings: BanditSettings) -> Design:
        """By the settings."""
        return settings.design()

    def outline(self, settings: BanditSettings, memory: FollowingMemory, arms: Sequence[ArmView]) -> Outline:
        """One step, without an end of its own."""
        ends = settings.on_winner is not OnBest.GO_ON
        name = RUNNING + (", until it is known which is the best" if ends else "")
        return Outline([name], 0 if memory.started is not None else -1, 1, memory.started)

    def next(self, settings: BanditSettings, view: View[FollowingMemory]) -> Move[FollowingMemory]:
        """Equal shares at first; then by the rewards, until the best is known."""
        if view.memory.started is None:
            return _begun(view)
        standing = view.standing or Standing()
        if standing.obstacle is not None:
            return view.stay(f"the shares stay as they are: {standing.obstacle}", step=RUNNING, under_way=True)
        if settings.half_life is None and (worse := _proven_worse(view, standing)):
            why = f"proven to be worse than another version ({standing.account})"
            return view.stay(f"{' and '.join(worse)}: {why}", step=RUNNING, leaving=dict.fromkeys(worse, why))
        return _won(settings, view, standing) or _updated(settings, view, standing)


def _begun(view: View[FollowingMemory]) -> Move[FollowingMemory]:
    """Equal shares until every version has some."""
    each = 100 // (1 + len(view.arms))
    route = between(view.control, {arm.version: each for arm in view.arms})
    if all(arm.share for arm in view.arms):
        memory = FollowingMemory(started=view.now, updated=view.now)
        return view.stay("the shares follow the rewards from now on", memory=memory, under_way=True)
    return Move(route, view.memory, "every version gets the same share at first", under_way=True)


def _proven_worse(view: View[FollowingMemory], standing: Standing) -> list[str]:
    """Arms that another version is proven to be better than. The control stays: it is what all are judged by."""
    return [arm.version for arm in view.arms if arm.share and arm.version not in standing.contenders]


def _won(settings: BanditSettings, view: View[FollowingMemory], standing: Standing) -> Move[FollowingMemory] | None:
    """The end, where the best is known, or a person wants the likely best now."""
    elapsed = view.now - (view.memory.started or view.now)
    said = view.skip or view.approved == RUNNING
    if not said and (settings.on_winner is OnBest.GO_ON or elapsed < settings.min_duration):
        return None
    winner = winner_of(standing, settings.stop_at) or (standing.best if said else None)
    if winner is None:
        return None
    why, step = f"{winner} is the best by {standing.account}", f"winner {winner}"
    if settings.on_winner is OnBest.PAUSE and not (said or view.approved == step):
        return view.stay(f"{why}; modelrollout promote ends it with that", step=step, approval=True)
    return Move(Route.to(winner), view.memory, why, winner=winner)


def _updated(settings: BanditSettings, view: View[FollowingMemory], standing: Standing) -> Move[FollowingMemory]:
    """The shares of now, if it is time and they are worth it."""
    due = (view.memory.updated or view.now) + settings.update_every
    arms = {arm.version: standing.weights.get(arm.version, arm.share) for arm in view.arms}
    route = between(view.control, arms)
    settled = settings.on_winner is OnBest.GO_ON
    elapsed = view.now - (view.memory.started or view.now)
    why = words_of([standing], may_end=not settled and elapsed >= settings.min_duration)
    if view.now < due or not is_worth_it(view.route.everybody.shares, route.everybody.shares):
        return view.stay(why, step=RUNNING, settled=settled, under_way=True)
    memory = view.memory.model_copy(update={"updated": view.now})
    return Move(route, memory, why, step=RUNNING, settled=settled, quiet=True, under_way=True)
