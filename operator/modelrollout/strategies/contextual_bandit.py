"""Contextual bandit: one for each segment of the requests, since the best version of some may not be that of others.

A segment is all requests with one value of a header; what has none of the values is the rest, and a segment like the
others. In each the versions compete for themselves, and each has shares of its own. What is seen of a version in one
segment still helps in the others, the more the less is known there: a segment with few requests follows all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.match import RequestMatch, StringMatch
from modelrollout.api.model import Model
from modelrollout.api.route import EVERYBODY, RESERVED, Route, Split
from modelrollout.api.rules import Form, HeaderName, rule, rules, text
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

MOST_ARMS = 64  # of all segments together: every one of them is tested, and kept in the status
_RESERVED = f"the segments {', '.join(RESERVED)} have a meaning of their own; send another value in the header"
_TOO_MANY = f"segments and the rest, times the arms, are more than {MOST_ARMS}; name fewer segments or fewer arms"
_TWICE = "each segment is given once"

Segment = Annotated[
    str,
    Form(
        "[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?",
        "segment {} is no value that can name a split; use letters, digits, hyphens and underscores",
    ),
    Form("-grpc$", "segment {} ends with -grpc, as the rules for gRPC do; use another value", forbidden=True),
    Field(max_length=40),
]


class ContextualBanditSettings(FollowingSettings):
    """spec.model and further arms beside the version that serves. Their shares follow the metric with `role: Reward`,
    in each segment of the requests for itself."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            once("arms", optional=True),
            rule("!has(self.halfLife) || !has(self.onWinner) || self.onWinner == 'GoOn'", ENDLESS),
            rule("self.segments.all(item, self.segments.filter(other, other == item).size() == 1)", _TWICE),
            rule(f"self.segments.all(item, !(item in [{', '.join(text(name) for name in RESERVED)}]))", _RESERVED),
            rule(
                f"(self.segments.size() + 1) * (1 + (has(self.arms) ? self.arms.size() : 0)) <= {MOST_ARMS}", _TOO_MANY
            ),
        )
    )
    header: HeaderName = Field(
        description="The request header that tells a segment, for example x-client. A gateway that trusts nobody sets "
        "it itself."
    )
    segments: tuple[Segment, ...] = Field(
        min_length=1,
        max_length=32,
        description="Its values, to the letter. Requests with none of them are one more segment.",
    )
    on_winner: OnBest = OnBest.GO_ON

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.half_life is not None and self.on_winner is not OnBest.GO_ON:
            raise ValueError(ENDLESS)
        if len(set(self.segments)) < len(self.segments):
            raise ValueError(_TWICE)
        if set(RESERVED) & set(self.segments):
            raise ValueError(_RESERVED)
        if (len(self.segments) + 1) * (1 + len(self.arms)) > MOST_ARMS:
            raise ValueError(_TOO_MANY)
        return self


class ContextualBanditStrategy:
    """The shares of ``spec.strategy.contextualBandit``."""

    name = "contextualBandit"
    title = "contextual bandit: shares that follow what two to nine versions earn, in each segment of the requests"
    judges = True
    part_first = True
    competes = True
    settings = ContextualBanditSettings
    memory = FollowingMemory

    def models(self, settings: ContextualBanditSettings, model: Model) -> tuple[Model, ...]:
        """The spec's model and the arms."""
        return models_of(model, settings.arms)

    def seconds(self, settings: ContextualBanditSettings) -> None:
        """No clock says when it ends."""

    def smoke(self, settings: ContextualBanditSettings) -> SmokeCheck | None:
        """None."""
        return None

    def design(self, settings: ContextualBanditSettings) -> Design:
        """By the settings."""
        return settings.design(_matches(settings))

    def outline(self, settings: ContextualBanditSettings, memory: FollowingMemory, arms: Sequence[ArmView]) -> Outline:
        """One step, without an end of its own."""
        name = f"{RUNNING}, in {len(settings.segments)} segments and for all others"
        return Outline([name], 0 if memory.started is not None else -1, 1, memory.started)

    def next(self, settings: ContextualBanditSettings, view: View[FollowingMemory]) -> Move[FollowingMemory]:
        """Equal shares at first; then in each segment by the rewards."""
        if not _is_begun(settings, view):
            return Move(
                _route(settings, view), view.memory, "every version gets the same share at first", under_way=True
            )
        if view.memory.started is None:
            memory = FollowingMemory(started=view.now, updated=view.now)
            return view.stay("the shares follow the rewards from now on", memory=memory, under_way=True)
        known = list(_standings(view).values())
        if (obstacle := _obstacle(known)) is not None:
            return view.stay(f"the shares stay as they are: {obstacle}", step=RUNNING, under_way=True)
        if settings.half_life is None and (worse := _worse_everywhere(view, known)):
            why = "proven to be worse than another version in every segment"
            return view.stay(f"{' and '.join(worse)}: {why}", step=RUNNING, leaving=dict.fromkeys(worse, why))
        return _won(settings, view, known) or _updated(settings, view)


def _matches(settings: ContextualBanditSettings) -> dict[str, RequestMatch]:
    """Whose requests each segment is."""
    return {name: RequestMatch(headers={settings.header: StringMatch(exact=name)}) for name in settings.segments}


def _standings(view: View[FollowingMemory]) -> dict[str, Standing]:
    """Of every split."""
    return {**view.segments, EVERYBODY: view.standing or Standing()}


def _is_begun(settings: ContextualBanditSettings, view: View[FollowingMemory]) -> bool:
    """Whether every version has requests of every segment."""
    arms = [arm.version for arm in view.arms]
    return all(view.route.share(version, split) for split in (*settings.segments, EVERYBODY) for version in arms)


def _route(settings: ContextualBanditSettings, view: View[FollowingMemory]) -> Route:
    """Every split with its shares of now. Where a version has none yet, all have the same."""
    known = _standings(view)
    segments = (
        Split(name=name, shares=_shares(view, name, known.get(name, Standing())), who=(who,))
        for name, who in _matches(settings).items()
    )
    return Route(splits=(*segments, Split(name=EVERYBODY, shares=_shares(view, EVERYBODY, known[EVERYBODY]))))


def _shares(view: View[FollowingMemory], split: str, standing: Standing) -> dict[str, float]:
    """Percent of the requests of one split."""
    has = {arm.version: view.route.share(arm.version, split) for arm in view.arms}
    if not all(has.values()):
        return between(view.control, dict.fromkeys(has, 100 // (1 + len(has)))).everybody.shares
    if standing.obstacle is not None or not standing.weights:
        return between(view.control, has).everybody.shares
    weights = {version: standing.weights.get(version, share) for version, share in has.items()}
    return between(view.control, weights).everybody.shares


def _obstacle(known: Sequence[Standing]) -> str | None:
    """Why nothing can be decided anywhere. A segment that nobody asks keeps its shares, and holds no other."""
    if any(standing.obstacle is None for standing in known):
        return None
    return next((standing.obstacle for standing in known if not standing.unasked), known[-1].obstacle)


def _heard(known: Sequence[Standing]) -> Iterator[Standing]:
    """Of the segments that have requests."""
    return (standing for standing in known if not standing.unasked)


def _worse_everywhere(view: View[FollowingMemory], known: Sequence[Standing]) -> list[str]:
    """Arms that in every segment some other version is proven to be better than."""
    return [arm.version for arm in view.arms if all(_is_beaten(arm.version, standing) for standing in _heard(known))]


def _is_beaten(version: str, standing: Standing) -> bool:
    return bool(standing.contenders) and version not in standing.contenders


def _won(
    settings: ContextualBanditSettings, view: View[FollowingMemory], known: Sequence[Standing]
) -> Move[FollowingMemory] | None:
    """The end, where one version is the best in every segment, or a person wants the one that is best for all."""
    elapsed = view.now - (view.memory.started or view.now)
    said = view.skip or view.approved == RUNNING
    if not said and (settings.on_winner is OnBest.GO_ON or elapsed < settings.min_duration):
        return None
    winners = {winner_of(standing, settings.stop_at) for standing in _heard(known)}
    winner = winners.pop() if len(winners) == 1 else None
    if winner is None and said:
        winner = view.best_for_all
    if winner is None:
        return None
    why, step = (
        f"{winner} is the best in every segment" if not said else f"{winner} earns most in all",
        f"winner {winner}",
    )
    if settings.on_winner is OnBest.PAUSE and not (said or view.approved == step):
        return view.stay(f"{why}; modelrollout promote ends it with that", step=step, approval=True)
    return Move(Route.to(winner), view.memory, why, winner=winner)


def _updated(settings: ContextualBanditSettings, view: View[FollowingMemory]) -> Move[FollowingMemory]:
    """The shares of now, if it is time and some of them are worth it: all segments in one write."""
    due = (view.memory.updated or view.now) + settings.update_every
    route = _route(settings, view)
    settled, elapsed = settings.on_winner is OnBest.GO_ON, view.now - (view.memory.started or view.now)
    heard = _heard(list(_standings(view).values()))
    why = words_of(heard, may_end=not settled and elapsed >= settings.min_duration)
    if view.now < due or not _differs(view.route, route):
        return view.stay(why, step=RUNNING, settled=settled, under_way=True)
    memory = view.memory.model_copy(update={"updated": view.now})
    return Move(route, memory, why, step=RUNNING, settled=settled, quiet=True, under_way=True)


def _differs(before: Route, after: Route) -> bool:
    """Whether it is worth telling."""
    if [(split.name, split.who) for split in before.splits] != [(split.name, split.who) for split in after.splits]:
        return True
    return any(is_worth_it(old.shares, new.shares) for old, new in zip(before.splits, after.splits, strict=True))
