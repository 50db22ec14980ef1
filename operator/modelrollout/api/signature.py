"""Signatures of a model, as they are kept in the status: small enough for it, and readable during an incident."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import Field

from modelrollout.api.base import StatusModel

OPTIONAL = " optional"
OPEN, ANY_RANK = "?", "..."

_TENSOR = re.compile(r"(?P<dtype>[A-Za-z0-9_]+)\[(?P<shape>[0-9?,.]*)\](?P<optional> optional)?")


class Signature(StatusModel):
    """What one function of a model takes and gives: each tensor as ``DT_FLOAT[?,4]``. ``?`` is any size, ``...`` any
    shape; `` optional`` follows for an input that has a default."""

    inputs: dict[str, str] = Field(default_factory=dict)
    outputs: dict[str, str] = Field(default_factory=dict)


Signatures = dict[str, Signature]
"""By name, such as ``serving_default``."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Type and shape: ``dims`` None for any shape, None in it for any size."""

    dtype: str
    dims: tuple[int | None, ...] | None
    optional: bool = False

    @classmethod
    def parse(cls, text: str) -> Tensor:
        """Raises ValueError for what is no tensor."""
        found = _TENSOR.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no tensor; write for example DT_FLOAT[?,4]")
        shape = found["shape"]
        dims = None if shape == ANY_RANK else tuple(map(_size, shape.split(","))) if shape else ()
        return cls(found["dtype"], dims, found["optional"] is not None)

    def __str__(self) -> str:
        return f"{self.dtype}{self.shape_words}{OPTIONAL if self.optional else ''}"

    @property
    def shape_words(self) -> str:
        """``[?,4]``."""
        if self.dims is None:
            return f"[{ANY_RANK}]"
        return f"[{','.join(OPEN if size is None else str(size) for size in self.dims)}]"


def _size(text: str) -> int | None:
    return None if text == OPEN else int(text)
