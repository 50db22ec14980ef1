"""How a candidate is judged: metrics, where they come from, and what to do when they cannot speak."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from modelrollout.api.base import Duration, PositiveDuration, SpecModel
from modelrollout.api.rules import Form, rule, rules, text


class Provider(StrEnum):
    """Where the built-in metrics come from."""

    ISTIO = "istio"
    ENVOY = "envoy"
    TENSORFLOW_SERVING = "tensorflow-serving"


class Direction(StrEnum):
    """Which way is better, of the share successes / trials."""

    HIGHER_IS_BETTER = "HigherIsBetter"
    LOWER_IS_BETTER = "LowerIsBetter"


class Role(StrEnum):
    """What a metric is for. A guardrail takes an arm out that is worse by it than the version that serves; the reward
    is what the arms of a test compete by."""

    GUARDRAIL = "Guardrail"
    REWARD = "Reward"


class BlindPolicy(StrEnum):
    """What to do when Prometheus has been away for ``maxBlind``."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"


class TimeoutPolicy(StrEnum):
    """What to do when a step could not be decided for ``maxHold``."""

    PAUSE = "Pause"
    PROMOTE = "Promote"
    ROLLBACK = "Rollback"


class ClientCancels(StrEnum):
    """Whether a request is an answer that failed (Bad) or no request at all (Ignore: for callers who hang up for sport)
    when its caller hung up, cancelled or let its deadline pass before the answer came."""

    BAD = "Bad"
    IGNORE = "Ignore"


_VARIABLES = ("version", "workload", "service", "segment", "rollout", "namespace")
VARIABLE = re.compile(r"\{\{ *([a-z]+) *\}\}")
"""One in a query; its group is the name."""

_KNOWN = ", ".join(f"{{{{ {name} }}}}" for name in _VARIABLES)
_NEEDS_OVER = "metric latency needs over, for example over: 70ms"
_OVER_IS_FOR_LATENCY = "over belongs to metric latency alone; remove it"
_BUILT_IN_TAKES_NO_QUERY = (
    "metrics errors and latency are built in and take no successes or trials, nor sum, count and max; rename the metric"
)
_NEEDS_QUERIES = (
    "a metric that is not built in (errors, latency) needs successes and trials; or else, for a reward of any size, "
    "sum, count and max"
)
_MEANT = {
    "errors": r"er[a-z0-9-]*|[a-z0-9-]*(error|fail)[a-z0-9-]*",
    "latency": r"la[a-z0-9-]*|[a-z0-9-]*laten[a-z0-9-]*",
}
_DID_YOU_MEAN = "did you mean {}? a metric of your own needs successes and trials"
"""Names that are nearly a built-in one; whoever brings queries may have any of them."""

_SUMS_ARE_REWARDS = "sum, count and max are for role: Reward; a guardrail needs successes and trials"
_NO_REWARD_BUILT_IN = "errors and latency are guardrails; role: Reward is for a metric of your own"
_FOR_GUARDRAILS = "limit and required: false are for guardrails; a metric with role: Reward takes neither"
_NO_GUARDRAIL = "all metrics have role: Reward, so nothing would take a bad version out; add {name: errors}"

Query = Annotated[
    str,
    Form(
        r"([^{]|\{[^{]|\{\{ *(" + "|".join(_VARIABLES) + r") *\}\})*\{?",
        f"there is a variable that is not known; use {_KNOWN}",
    ),
    Form(
        r"(?s).*\{\{ *(version|workload|service) *\}\}.*",
        "{{ service }}, {{ version }} or {{ workload }} is missing; without it all versions would be judged by the "
        "same numbers",
    ),
    Field(min_length=1, max_length=4096),
]
"""PromQL with variables: a counter of one version. ``{{ service }}`` is the Service by which a version gets the
requests of one split, ``{{ segment }}`` the name of the split; where there are several, one of these tells them apart.
"""


def has_variable(query: str, name: str) -> bool:
    """Whether a query has this variable in it."""
    return any(found[1] == name for found in VARIABLE.finditer(query))


_BRINGS = " || ".join(f"has(self.{field})" for field in ("successes", "trials", "sum", "count"))


def _misspelt(*patterns: str) -> str:
    """In CEL: the name is nearly that of a built-in metric, and brings no queries of its own. Where it is, that is all
    that is said: what else a metric of that name lacks, or has too much, is no second mistake."""
    is_near = f"self.name.matches({text('^(' + '|'.join(patterns) + ')$')})"
    return f"(!(self.name in ['errors', 'latency']) && {is_near} && !({_BRINGS}))"


def _meant_rule(meant: str, before: tuple[str, ...]) -> dict[str, Any]:
    """One that is near to another one ``before`` has its sentence."""
    cel = f"!{_misspelt(_MEANT[meant])}"
    return rule(f"{cel} || {_misspelt(*before)}" if before else cel, _DID_YOU_MEAN.format(meant))


class Metric(SpecModel):
    """One metric. ``errors`` and ``latency`` are built in; any other name brings its own PromQL."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            _meant_rule("errors", ()),
            _meant_rule("latency", (_MEANT["errors"],)),
            rule("self.name != 'latency' || has(self.over)", _NEEDS_OVER),
            rule(
                f"self.name == 'latency' || !has(self.over) || {_misspelt(*_MEANT.values())}",
                _OVER_IS_FOR_LATENCY,
            ),
            rule(
                "!(self.name in ['errors', 'latency']) || !(has(self.successes) || has(self.trials) || "
                "has(self.sum) || has(self.count) || has(self.max))",
                _BUILT_IN_TAKES_NO_QUERY,
            ),
            rule(
                "self.name in ['errors', 'latency'] || (has(self.successes) && has(self.trials) && "
                "!has(self.sum) && !has(self.count) && !has(self.max)) || (has(self.sum) && has(self.count) && "
                f"has(self.max) && !has(self.successes) && !has(self.trials)) || {_misspelt(*_MEANT.values())}",
                _NEEDS_QUERIES,
            ),
            rule(
                "!has(self.sum) || self.name in ['errors', 'latency'] || (has(self.role) && self.role == 'Reward')",
                _SUMS_ARE_REWARDS,
            ),
            rule(
                "!(self.name in ['errors', 'latency']) || !has(self.role) || self.role != 'Reward'",
                _NO_REWARD_BUILT_IN,
            ),
            rule(
                "!has(self.role) || self.role != 'Reward' || "
                "(!has(self.limit) && (!has(self.required) || self.required))",
                _FOR_GUARDRAILS,
            ),
        )
    )
    name: Annotated[
        str,
        Form(
            r"[a-z]([a-z0-9-]*[a-z0-9])?",
            "{} is no name of a metric; use lower-case letters, digits and hyphens, a letter first",
        ),
        Field(max_length=32),
    ] = Field(description="errors, latency, or a name of your own with its queries.")
    role: Role = Field(
        default=Role.GUARDRAIL,
        description="Guardrail: a version that is worse by it is taken out. Reward: what the arms of a test compete by "
        "(strategies abTest and bandit, which need one such metric).",
    )
    over: PositiveDuration | None = Field(
        default=None,
        description="latency only: an answer slower than this is a bad one. The next histogram bucket bound at or "
        "above it is used.",
    )
    successes: Query | None = Field(
        default=None, description=f"PromQL, a counter of one version: {_KNOWN} are filled in."
    )
    trials: Query | None = Field(default=None, description="PromQL, as successes.")
    sum: Query | None = Field(
        default=None,
        description="In place of successes, for a reward of any size from 0 to max (revenue, a rating): PromQL, a "
        "counter of all rewards of one version, summed up.",
    )
    count: Query | None = Field(
        default=None, description="In place of trials: PromQL, a counter of the requests that sum is of."
    )
    max: float | None = Field(
        default=None,
        gt=0,
        le=1e9,
        description="The largest that one reward can be, to which the source must clip. No larger than it need be: the "
        "larger, the longer a test takes.",
    )
    direction: Direction = Field(
        default=Direction.HIGHER_IS_BETTER,
        description="Which way successes / trials, or sum / count, is better; and what is counted in the sentences "
        "about it.",
    )
    limit: float | None = Field(
        default=None,
        ge=0.0001,
        le=0.9999,
        description="An absolute limit beside the comparison, a share: 0.05 for 5 %. A version that exceeds it is "
        "rolled back though it is within the margin; where stable exceeds it as well, it just gets no more. Of an own "
        "metric for which more is better it is the least share of successes.",
    )
    required: bool = Field(
        default=True, description="Without fresh samples of this metric the candidate gets no more traffic."
    )

    @property
    def built_in(self) -> bool:
        """Whether the provider knows its queries."""
        return self.name in ("errors", "latency")

    @property
    def queries(self) -> dict[str, str]:
        """Its own two counters by the field that has them: what is counted, then of how many. None of a built-in."""
        own = {"successes": self.successes, "trials": self.trials, "sum": self.sum, "count": self.count}
        return {field: query for field, query in own.items() if query is not None}

    @property
    def is_reward(self) -> bool:
        """Whether the arms of a test compete by it."""
        return self.role is Role.REWARD

    @property
    def limit_of_bad(self) -> float | None:
        """The limit as a share of bad answers."""
        return None if self.limit is None else 1.0 - self.limit if self.counts_good else self.limit

    @property
    def counts_good(self) -> bool:
        """Whether what its owner counts, the successes, is what should be more. Then the bad answers are all others.
        Of a reward the successes themselves are counted."""
        return not (self.built_in or self.is_reward) and self.direction is Direction.HIGHER_IS_BETTER

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        for meant, pattern in _MEANT.items():
            if not self.built_in and not self.queries and re.fullmatch(pattern, self.name):
                raise ValueError(_DID_YOU_MEAN.format(meant))
        if self.name == "latency" and self.over is None:
            raise ValueError(_NEEDS_OVER)
        if self.name != "latency" and self.over is not None:
            raise ValueError(_OVER_IS_FOR_LATENCY)
        given = [*self.queries, *(() if self.max is None else ("max",))]
        if self.built_in and given:
            raise ValueError(_BUILT_IN_TAKES_NO_QUERY)
        if not self.built_in and given not in (["successes", "trials"], ["sum", "count", "max"]):
            raise ValueError(_NEEDS_QUERIES)
        return self

    @model_validator(mode="after")
    def _has_a_role(self) -> Self:
        if self.built_in and self.is_reward:
            raise ValueError(_NO_REWARD_BUILT_IN)
        if self.sum is not None and not self.is_reward:
            raise ValueError(_SUMS_ARE_REWARDS)
        if self.is_reward and (self.limit is not None or not self.required):
            raise ValueError(_FOR_GUARDRAILS)
        return self


class Analysis(SpecModel):
    """The judgement of a candidate against the stable version, by sequential tests under one alpha."""

    provider: Provider = Provider.ISTIO
    false_rollback: float = Field(
        default=0.01,
        gt=0,
        le=0.2,
        description="alpha: the chance that a release as good as stable is rolled back, for the whole release, "
        "however often it is looked at.",
    )
    margin: float = Field(
        default=1.1, ge=1, le=10, description="Odds of a bad answer up to this times stable's are tolerated."
    )
    floor: float = Field(
        default=0.001, ge=0, lt=1, description="A share of bad answers up to this is always tolerated."
    )
    not_worse_than: float = Field(
        default=2.0,
        gt=1,
        le=100,
        description="Proven not worse means: odds of a bad answer proven below this times stable's.",
    )
    metrics: tuple[Metric, ...] = Field(
        default=(Metric(name="errors"),),
        min_length=1,
        max_length=8,
        description="What is judged; each name once. Without it, errors alone.",
        json_schema_extra=rules(
            rule(
                "self.size() == 0 || self.exists(metric, !has(metric.role) || metric.role != 'Reward')", _NO_GUARDRAIL
            ),
        ),
    )
    client_cancels: ClientCancels = ClientCancels.BAD
    min_requests: int = Field(
        default=50,
        ge=0,
        description="Requests that a candidate must have answered at a weight, and that could be compared with "
        "stable's, before the next.",
    )
    no_traffic_after: PositiveDuration = Field(
        default=60.0, description="A version without a request for this long is said to have no traffic."
    )
    on_blind: BlindPolicy = BlindPolicy.PAUSE
    max_blind: Duration = Field(default=300.0, description="How long Prometheus may be away before onBlind holds.")
    on_timeout: TimeoutPolicy = TimeoutPolicy.PAUSE
    max_hold: Duration = Field(
        default=3600.0,
        description="How long an undecided step is held before onTimeout holds. What is undecided in the shadow for so "
        "long is taken back.",
    )

    @field_validator("metrics")
    @classmethod
    def _names_differ(cls, metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
        names = [metric.name for metric in metrics]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"metric {name} is given twice")
        if all(metric.is_reward for metric in metrics):
            raise ValueError(_NO_GUARDRAIL)
        return metrics

    @property
    def guardrails(self) -> tuple[Metric, ...]:
        """The metrics by which an arm is compared with the version that serves."""
        return tuple(metric for metric in self.metrics if not metric.is_reward)

    @property
    def rewards(self) -> tuple[Metric, ...]:
        """Those that arms compete by."""
        return tuple(metric for metric in self.metrics if metric.is_reward)
