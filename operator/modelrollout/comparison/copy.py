"""Copy: one mirrored request of a user, as it is replayed. Nothing of it but this is kept, and nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

REPLAYED = "x-modelrollout-replay"
"""The header of each replay. A copy that has it is one of ours, mirrored once more, and would go round for ever."""


class Protocol(StrEnum):
    """How it came, and how it is replayed."""

    REST = "rest"
    GRPC = "grpc"


@dataclass(frozen=True, slots=True)
class Copy:
    """``target`` is the path with its query, or the method of PredictionService. ``headers`` are what the body needs to
    be read; what users send besides (cookies, tokens) is no business of a model server."""

    protocol: Protocol
    target: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
