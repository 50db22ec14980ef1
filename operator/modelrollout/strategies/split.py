"""Split: each version the share that is written for it, for as long as it is written. Nobody is judged.

For versions that serve side by side on purpose: models of several teams' experiments, a slow farewell to an old one,
a load test. What is not judged can still be lost: a version that crashes, cannot be loaded or has no ready pod
gives its share to the control, and the others keep theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.base import SpecModel, StatusModel
from modelrollout.api.model import Model
from modelrollout.api.route import Route
from modelrollout.api.rules import rule, rules
from modelrollout.strategies.base import ArmView, Move, Outline, SmokeCheck, View
from modelrollout.strategies.shares import between
from modelrollout.strategies.versions import FurtherVersion, models_of, once, refuse_twice

_SUM = "weight and the weights of versions must sum to 100"


class SplitVersion(FurtherVersion):
    """A further version and its share."""

    weight: int = Field(ge=1, le=99, description="Percent of the requests that it gets.")


class SplitSettings(SpecModel):
    """Fixed shares among two to eight versions: spec.model and those that are named here. They sum to 100."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.weight + self.versions.map(item, item.weight).sum() == 100",
                _SUM,
                shown=f"'{_SUM}; given: %d'.format([self.weight + self.versions.map(item, item.weight).sum()])",
            ),
            once("versions"),
        )
    )
    weight: int = Field(ge=1, le=99, description="Percent of the requests that spec.model's version gets.")
    versions: tuple[SplitVersion, ...] = Field(
        min_length=1, max_length=7, description="The other versions, one of which may be the one that serves already."
    )

    @model_validator(mode="after")
    def _sums_to_100(self) -> Self:
        total = self.weight + sum(item.weight for item in self.versions)
        if total != 100:
            raise ValueError(f"{_SUM}; given: {total}")
        refuse_twice(self.versions)
        return self


class SplitMemory(StatusModel):
    """Nothing: the shares are written in the spec."""


class SplitStrategy:
    """The shares of ``spec.strategy.split``."""

    name = "split"
    title = "fixed shares of two to eight versions"
    judges = False
    part_first = False
    competes = False
    settings = SplitSettings
    memory = SplitMemory

    def models(self, settings: SplitSettings, model: Model) -> tuple[Model, ...]:
        """The spec's model and the versions that are named beside it."""
        return models_of(model, settings.versions)

    def seconds(self, settings: SplitSettings) -> float:
        """No time: it never ends."""
        return 0.0

    def smoke(self, settings: SplitSettings) -> SmokeCheck | None:
        """None."""
        return None

    def design(self, settings: SplitSettings) -> None:
        """No reward."""

    def outline(self, settings: SplitSettings, memory: SplitMemory, arms: Sequence[ArmView]) -> Outline:
        """One step that has no end."""
        reached = bool(arms) and all(arm.share for arm in arms)
        return Outline(["the shares as written, for as long as they are"], 0 if reached else -1, 1)

    def next(self, settings: SplitSettings, view: View[SplitMemory]) -> Move[SplitMemory]:
        """Each version its share; the control what is its own and what nobody else can take."""
        written = {view.model: settings.weight} | {item.version: item.weight for item in settings.versions}
        arms = {arm.version: written.get(arm.version, 0) for arm in view.arms}
        route = between(view.control, arms)
        # With ``traffic.match`` all others are the control's: nobody moves them to a version that nobody judged.
        if view.is_last and view.control not in written and view.model in arms and route == view.route:
            why = f"{view.control} is not among the versions of the split"
            return view.stay(why, winner=view.model, goes_on=True)
        return Move(route, view.memory, _words(route, written, view), settled=True)


def _words(route: Route, written: Mapping[str, int], view: View[SplitMemory]) -> str:
    """Who has what; and whose share the control answers, since that version has left or has not come yet."""
    there = {view.control, *(arm.version for arm in view.arms)}
    absent = [f"{version} ({share} %)" for version, share in written.items() if version not in there]
    shares = ", ".join(f"{version} {share} %" for version, share in route.everybody.shares.items())
    if not absent:
        return f"shares as written: {shares}"
    return f"shares: {shares}; not deployed: {' and '.join(absent)}, whose share goes to {view.control}"
