"""Versions beside the one of ``spec.model``: how a strategy of several names them, and that each is named once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from modelrollout.api.base import SpecModel
from modelrollout.api.model import Digest, Model, Uri
from modelrollout.api.rules import rule
from modelrollout.api.version import VERSION

_TWICE = "each version is given once"


class FurtherVersion(SpecModel):
    """A further version."""

    version: Annotated[str, VERSION, Field(max_length=34)] = Field(description="MAJOR.MINOR.PIPELINE.")
    uri: Uri = Field(description="Where its SavedModel directory is, as spec.model.uri.")
    digest: Digest | None = Field(default=None, description="As spec.model.digest.")


def once(field: str, *, optional: bool = False) -> dict[str, Any]:
    """The rule for the API server that each version of a list is given once; ``optional``: the list may be absent."""
    each = f"self.{field}.all(item, self.{field}.filter(other, other.version == item.version).size() == 1)"
    return rule(f"!has(self.{field}) || {each}" if optional else each, _TWICE)


def refuse_twice(further: Sequence[FurtherVersion]) -> None:
    """The same for Python: raises ValueError."""
    if len({item.version for item in further}) < len(further):
        raise ValueError(_TWICE)


def models_of(model: Model, further: Sequence[FurtherVersion]) -> tuple[Model, ...]:
    """The spec's model and the versions that are named beside it, each once."""
    others = (
        Model(name=model.name, version=item.version, uri=item.uri, digest=item.digest)
        for item in further
        if item.version != model.version
    )
    return (model, *others)
