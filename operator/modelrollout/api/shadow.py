"""``spec.validation.shadow``: copies of users' requests are replayed to control and candidates, and answers compared.

What the comparer (``modelrollout compare``) counts is named in ``api/compared.py``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.base import PositiveDuration, SpecModel
from modelrollout.api.body_size import BodySize
from modelrollout.api.rules import rule, rules
from modelrollout.api.samples import Tolerance


class How(StrEnum):
    """By what two answers are the same."""

    CLASS_OR_VALUE = "ClassOrValue"
    TOP_K = "TopK"
    NUMBERS = "Numbers"
    SHAPE = "Shape"
    IGNORE = "Ignore"


_HOW = (
    "ClassOrValue: lists of two or more scores by the place of the highest, everything else by its value, numbers "
    "within the tolerance. TopK: lists of scores by the places of the topK highest, in order. Numbers: every number "
    "within the tolerance, lists of scores, too. Shape: as many values of the same kind, and finite. Ignore: not at "
    "all."
)
_TOP_K_ALONE = "topK goes with by: TopK"
OutputName = Annotated[str, Field(min_length=1, max_length=256)]


def _with_top_k(schema: dict[str, Any]) -> None:
    rules(rule("!has(self.topK) || (has(self.by) && self.by == 'TopK')", _TOP_K_ALONE, field=".topK"))(schema)


class Rule(SpecModel):
    """How answers are compared."""

    model_config = ConfigDict(json_schema_extra=_with_top_k)

    by: How = Field(default=How.CLASS_OR_VALUE, description=_HOW)
    top_k: int | None = Field(default=None, ge=1, le=100, description="With by: TopK, which takes 5 without it.")
    tolerance: Tolerance = Field(default=Tolerance(), description="When two numbers are the same.")

    @model_validator(mode="after")
    def _top_k_alone(self) -> Self:
        if self.top_k is not None and self.by is not How.TOP_K:
            raise ValueError(_TOP_K_ALONE)
        return self

    @property
    def length(self) -> int:
        """Of the rankings that are compared."""
        return (self.top_k or 5) if self.by is How.TOP_K else 1


class OutputRule(Rule):
    """The same for one output."""

    name: OutputName = Field(
        description="As the signature names it. Answers by REST to a model with one output leave its name out: it "
        "takes that of the only rule that there is, or else predictions (by row) or outputs (by column). What "
        ":classify and :regress answer has the name results."
    )


class Compare(Rule):
    """How answers are compared: what is said here for every output that has no rule of its own in outputs."""

    outputs: tuple[OutputRule, ...] = Field(default=(), max_length=32, description="Rules for single outputs.")
    score: OutputName | None = Field(
        default=None,
        description="The output whose values make the score distributions: a lone number as it is, of a list of scores "
        "the highest. Default: the first, by name, that is made of numbers.",
    )
    show: tuple[OutputName, ...] = Field(
        default=(),
        max_length=32,
        description="Outputs whose values may be shown in the comparer's log, and from there by modelrollout describe, "
        "as examples of answers that differ. None: nothing of what was answered is written anywhere. Requests are "
        "never shown.",
    )


class Shadow(SpecModel):
    """Copies of users' requests go to a comparer, which replays them to the version that serves and to the candidate,
    before any user gets a candidate's answer. The copies' answers go to nobody."""

    percent: float = Field(
        default=10.0,
        gt=0,
        le=100,
        description="Of the requests to the version that serves. Its load rises by this percentage, by the noiseSample "
        "of it, and by twice the part of it that is answered differently.",
    )
    duration: PositiveDuration = Field(default=600.0, description="At least so long.")
    min_compared: int = Field(default=200, ge=1, le=10_000_000, description="Answers compared, at least.")
    timeout: PositiveDuration = Field(
        default=2.0,
        description="Of each replay: who has not answered a copy by then has failed it. A copy itself lasts as long as "
        "traffic.timeout lets a request last.",
    )
    max_body: BodySize = Field(
        default=1024**2, description="Larger requests, in bytes, are not replayed. Copies of 6 MB hold up the users."
    )
    noise_sample: float = Field(
        default=10.0,
        ge=0,
        le=100,
        description="Percent of the copies for which the version that serves is asked twice, so that it is known how "
        "often it differs from itself. For each answer that differs it is asked twice more, and the candidate once.",
    )
    compare: Compare = Field(default=Compare(), description="When an answer differs.")
    max_disagreement: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="The largest part of the answers that may differ from those of the version that serves, besides "
        "those that differ because it does not answer the same way twice. None: it is only reported, because an honest "
        "new training changes some percent.",
    )
    max_psi: float | None = Field(
        default=None,
        alias="maxPSI",
        gt=0,
        le=10,
        description="The largest population stability index of the scores against those of the version that serves. "
        "With ten bins and n answers of each, equal versions stay below 33.8/n in 95 of 100 cases. None: it is only "
        "reported.",
    )
