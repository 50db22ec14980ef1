"""Obstacle: why a share may not rise yet, in words and by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

MEND = "mend that in the cluster, or correct the spec: it is tried again by itself"
"""The way out of what the API server refuses."""

CORRECT = "fails at {} ({}) unless that is corrected, in the spec or in the cluster; no new version is needed"
"""The way out of what the spec names and is not to be had: when, and by which limit of the spec."""


RESUME = "modelrollout resume"


def until_resumed(why: str) -> str:
    """That somebody holds it, and the word that goes on."""
    return why if RESUME in why else f"{why}; {RESUME} goes on"


class Doubt(IntEnum):
    """Kinds of what is not known of an arm or speaks against it, by what it takes to stand above them: evidence that is
    MISSING; no SIGHT of it now; NEWS, its newest answers; suspicion that GROWS; what is FINAL: all requests for one
    that never was seen with a part of them, or is suspected; and BLAME, above which nobody's word stands: the control
    has yet to show whose a fault is."""

    MISSING = 1
    SIGHT = 2
    NEWS = 3
    GROWS = 4
    FINAL = 5
    BLAME = 6


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a share may not rise yet. ``until`` when a clock will end it; ``under_way`` when it ends by itself in a
    moment; ``unready`` while the arm cannot answer at all; ``undecided`` when it is the evidence that does not suffice.
    Only that is what ``maxHold`` counts: a refused route or a person's pause is nobody's doubt. ``doubt`` is its kind
    where it is about what is known of the arm; ``lasting`` when neither requests nor a clock will end that, so the
    sentence names the word that does."""

    message: str
    until: float | None = None
    under_way: bool = False
    unready: bool = False
    undecided: bool = False
    doubt: Doubt | None = None
    lasting: bool = False


def together(obstacles: Mapping[str, Obstacle]) -> Obstacle:
    """What stands in the way of several arms, as one: what needs a person or a clock counts more than what passes by
    itself."""
    found = list(obstacles.values())
    times = [item.until for item in found if item.until is not None]
    return Obstacle(
        "; ".join(dict.fromkeys(item.message for item in found)),
        until=min(times) if len(times) == len(found) else None,
        under_way=all(item.under_way or item.unready for item in found),
        unready=all(item.unready for item in found),
        undecided=all(item.undecided for item in found),
        lasting=any(item.lasting for item in found),
        doubt=max((item.doubt for item in found if item.doubt is not None), default=None),
    )
