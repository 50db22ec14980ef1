"""Bake: the last watch of a release, with as much of the requests as the new version will ever have.

While the control keeps a small share, the two are compared as at every step before, and a fault that both have is
nobody's. Without one nothing is concurrent: only what the control answered before the switch is left to compare with.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from modelrollout.api.base import DURATION_PATTERN, Duration, SpecModel, format_duration, parse_duration_of_spec

MOST_FOR_CONTROL = 50
"""Percent. A bake is not another step: most requests go to the new version."""

_CONTROL = (
    "Percent of the requests that stable keeps meanwhile, so that both are compared to the end. With 0 nothing is left "
    "to compare with but what stable answered before: a fault takes the requests back at once, and is held against the "
    "new version only if stable does not show it, too. Default: the strategy's."
)


class Bake(SpecModel):
    """A time alone, such as ``bake: 10m``, is the short form of ``bake: {for: 10m}``."""

    duration: Duration = Field(alias="for", description="How long.")
    control: int | None = Field(default=None, ge=0, le=MOST_FOR_CONTROL, description=_CONTROL)

    def control_keeps(self, usual: int) -> int:
        """Percent of the requests that the control keeps."""
        return usual if self.control is None else self.control

    def share_now(self, share: float) -> float:
        """The new version's percentage in a bake under way. One that began with another share, under an older operator,
        keeps it unless ``control`` is written."""
        return share if self.control is None else 100 - self.control

    def over_at(self, until: float, begun_for: float | None) -> float:
        """When a bake under way is over that was to last until then: an edit of its length moves the end. Operators up
        to 0.1 did not write down for how long it was ``begun_for``."""
        return until if begun_for is None else until + self.duration - begun_for

    def words(self, usual: int) -> str:
        """The last step in words."""
        if not self.duration:
            return "all requests"
        kept = self.control_keeps(usual)
        share = f"{100 - kept} %, stable keeps {kept} %" if kept else "all requests"
        return f"{share}, bake {format_duration(self.duration)}"


def watched(control: str, kept: float) -> str:
    """What a bake is doing, in words."""
    return f"bake: watched beside {control}, which keeps {kept} %" if kept else "bake: watched with all requests"


def _short_form(given: object, info: ValidationInfo) -> object:
    """``bake: 10m`` is the same as ``bake: {for: 10m}``."""
    if isinstance(given, str | int | float):
        parse_duration_of_spec(given, info)  # what is wrong with it is wrong with the bake, not with a field inside
        return {"for": given}
    return given


def _schema() -> dict[str, Any]:
    """A text or an object. A structural schema has one type for each field, or none at all: then the API server checks
    the pattern of a text and the fields of an object, and leaves all else to the operator."""
    duration = f"^({DURATION_PATTERN})$"
    share: dict[str, Any] = {
        "type": "integer",
        "minimum": 0,
        "maximum": MOST_FOR_CONTROL,
        "description": _CONTROL,
    }
    how_long = {"type": "string", "pattern": duration, "maxLength": 32, "minLength": 1, "description": "How long."}
    return {
        "x-kubernetes-preserve-unknown-fields": True,
        "pattern": duration,
        "minLength": 1,
        "properties": {"for": how_long, "control": share},
        "required": ["for"],
    }


BakeField = Annotated[Bake, BeforeValidator(_short_form), WithJsonSchema(_schema())]
"""A Bake, or just its duration."""
