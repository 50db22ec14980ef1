"""``ModelRollout.spec`` as types. One model for each part; the CRD is generated from them.

A field that does nothing yet is not here. What a user can get wrong is refused twice, by the same sentence: by CEL
rules at apply time, and by these types when the operator or ``modelrollout lint`` reads the spec (``rules.py``).

No type here gives the API server a default to fill in. A default that the server writes into the object stays there
for ever, so that a better default in a later release never reaches it, and a GitOps tool sees fields in the cluster
that are not in its repository. The operator fills in what is absent each time it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pydantic import ConfigDict, Field, create_model, model_validator

from modelrollout.api.affinity import rules_on_header
from modelrollout.api.analysis import Analysis
from modelrollout.api.base import Duration, SpecModel
from modelrollout.api.match import RequestMatch, StringMatch
from modelrollout.api.model import Model
from modelrollout.api.rules import rule, rules
from modelrollout.api.serving import Serving
from modelrollout.api.traffic import Retries, Traffic
from modelrollout.api.validation import UNWRITTEN, ValidateOnly, Validation
from modelrollout.strategies import STRATEGIES, AnyStrategy
from modelrollout.strategies.versions import FurtherVersion

__all__ = [
    "DeletionPolicy",
    "Model",
    "RequestMatch",
    "Retries",
    "Rollback",
    "Serving",
    "Spec",
    "Strategy",
    "StringMatch",
    "Traffic",
    "Validation",
]

_COMPETING = [name for name, strategy in STRATEGIES.items() if strategy.competes]
_ANY = f"{', '.join(_COMPETING[:-1])} or {_COMPETING[-1]}"
_NEEDS_REWARD = f"strategy {_ANY} needs one metric with role: Reward, what the versions compete by"
_NEEDS_NO_REWARD = f"role: Reward is for strategy {_ANY}; remove the metric, or its role"
_NO_MATCH_BY_SEGMENT = (
    "traffic.match and segments would both divide the requests; remove traffic.match, or make a segment of what it "
    "matches"
)
_SEGMENT_TWICE = (
    "segments are told by the header {} and traffic.affinity.{} looks at it, too, but Istio takes one condition for "
    "each header; use another header for one of the two"
)
_STAYS_WHAT_IT_IS = (
    "validateOnly can neither come nor go, and its model stays: what only validates never serves; make another "
    "ModelRollout"
)
_NONE, _SEVERAL = "none is given; write", "several are given; keep"
_ONE_STRATEGY = "exactly one strategy is needed, {} one of " + ", ".join(STRATEGIES)


class ChosenStrategy(SpecModel):
    """How traffic moves from the stable version to others. Exactly one."""

    @cached_property
    def name(self) -> str:
        """The strategy that is given, by the name of its field. Kept: a pass asks for it more than sixty times."""
        return next(name for name in STRATEGIES if getattr(self, name) is not None)

    @property
    def settings(self) -> SpecModel:
        """What is given for it."""
        given: SpecModel = getattr(self, self.name)
        return given

    @property
    def chosen(self) -> AnyStrategy:
        """The strategy itself."""
        return STRATEGIES[self.name]

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in STRATEGIES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(_ONE_STRATEGY.format(_SEVERAL if given else _NONE))
        return self


if TYPE_CHECKING:
    Strategy = ChosenStrategy
else:  # its fields are those that the registry names
    _FIELDS = {
        name: (strategy.settings | None, Field(default=None, description=f"{strategy.title.capitalize()}."))
        for name, strategy in STRATEGIES.items()
    }
    Strategy = create_model("Strategy", __base__=ChosenStrategy, __doc__=ChosenStrategy.__doc__, **_FIELDS)


class Rollback(SpecModel):
    """What is kept after a rollback, and for one."""

    keep_failed_for: Duration = Field(
        default=600.0,
        description="How long the pods of a version that failed or was undone are kept, without traffic, for its logs.",
    )
    keep_previous: Duration = Field(
        default=0.0,
        description=(
            "How long the version before is kept, without traffic and at full size, after a promotion: "
            "`modelrollout undo` goes back to it in one step, and so does a spec that names it again."
        ),
    )


class DeletionPolicy(StrEnum):
    """What becomes of the serving objects when the ModelRollout is deleted."""

    DELETE = "Delete"
    ORPHAN = "Orphan"


def _strategy_by_rule(schema: dict[str, Any]) -> None:
    """No strategy and two of them get one sentence, not the bare "Required value" of the API server."""
    schema["required"].remove("strategy")
    given = [f"has(self.strategy.{name})" for name in STRATEGIES]
    rules(
        rule(
            f"has(self.strategy) && ({' || '.join(given)})",
            _ONE_STRATEGY.format(_NONE),
            field=".strategy",
        ),
        rule(
            f"!has(self.strategy) || [{', '.join(given)}].filter(given, given).size() < 2",
            _ONE_STRATEGY.format(_SEVERAL),
            field=".strategy",
        ),
        *_reward_rules(),
        rule(
            "!has(self.strategy) || !has(self.strategy.contextualBandit) || !has(self.traffic) || "
            "!has(self.traffic.match)",
            _NO_MATCH_BY_SEGMENT,
        ),
        *rules_on_header("self.traffic.affinity", _SEGMENT_TWICE, _is_no_segments),
        rule(
            "has(self.validateOnly) == has(oldSelf.validateOnly) && "
            "(!has(self.validateOnly) || self.model == oldSelf.model)",
            _STAYS_WHAT_IT_IS,
        ),
    )(schema)


def _is_no_segments(header: str) -> str:
    """In CEL: whoever is known again by a header is not told apart by it, too."""
    bandit = "self.strategy.contextualBandit"
    return f"!has(self.strategy) || !has({bandit}) || {bandit}.header.lowerAscii() != {header}"


def _reward_rules() -> list[dict[str, Any]]:
    """Who competes needs one reward, and nobody else takes any."""
    rewards = (
        "(has(self.analysis) && has(self.analysis.metrics) ? self.analysis.metrics.filter(metric, "
        "has(metric.role) && metric.role == 'Reward').size() : 0)"
    )
    competes = " || ".join(f"has(self.strategy.{name})" for name in _COMPETING)
    return [
        rule(f"!has(self.strategy) || !({competes}) || {rewards} == 1", _NEEDS_REWARD),
        rule(f"!has(self.strategy) || {competes} || {rewards} == 0", _NEEDS_NO_REWARD),
    ]


class Spec(SpecModel):
    """What the user wants. The operator never writes it."""

    model_config = ConfigDict(json_schema_extra=_strategy_by_rule)

    model: Model
    serving: Serving = Serving()
    traffic: Traffic
    strategy: Strategy
    validation: Validation | None = None
    validate_only: ValidateOnly | None = None
    analysis: Analysis = Analysis()
    rollback: Rollback = Rollback()
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.DELETE,
        description="Delete: Deployments, Services and the VirtualService go with the ModelRollout. Orphan: they "
        "stay and keep serving.",
    )

    @property
    def asked_before_traffic(self) -> Validation:
        """What a version must show before its first request."""
        return self.validation or UNWRITTEN

    def versions(self) -> Iterator[tuple[str, Model]]:
        """Every version that it names, each with the field that does: ``spec.strategy.abTest.arms[0]``."""
        settings, place = self.strategy.settings, f"spec.strategy.{self.strategy.name}"
        fields = {
            item.version: f"{place}.{name}[{index}]"
            for name, given in settings
            if isinstance(given, tuple)
            for index, item in enumerate(given)
            if isinstance(item, FurtherVersion)
        }
        for model in self.strategy.chosen.models(settings, self.model):
            yield "spec.model" if model == self.model else fields[model.version], model

    @property
    def segments(self) -> Mapping[str, RequestMatch]:
        """The splits, besides everybody's, in which versions compete for themselves, and whose requests these are."""
        design = self.strategy.chosen.design(self.strategy.settings)
        return design.segments if design is not None else {}

    @model_validator(mode="after")
    def _has_its_reward(self) -> Self:
        rewards = len(self.analysis.rewards)
        if self.strategy.chosen.competes and rewards != 1:
            raise ValueError(_NEEDS_REWARD)
        if rewards and not self.strategy.chosen.competes:
            raise ValueError(_NEEDS_NO_REWARD)
        if self.traffic.match and self.segments:
            raise ValueError(_NO_MATCH_BY_SEGMENT)
        return self

    @model_validator(mode="after")
    def _segments_by_another_header(self) -> Self:
        affinity = self.traffic.affinity
        if affinity is None or not any(who.asks_for(affinity.chosen.looks_at) for who in self.segments.values()):
            return self
        raise ValueError(_SEGMENT_TWICE.format(affinity.chosen.looks_at, affinity.kind))
