"""The time that is left to versions which wait for something else than their model: an image, a volume, a node, or
whoever could tell whether they are fit."""

from __future__ import annotations

from modelrollout.api.status import Arm, Status
from modelrollout.cli.text import lasting


def countdown(arm: Arm, now: float) -> str | None:
    """``fails in 4m30s unless that comes``; None while no clock runs against it. ``now`` in seconds since the epoch."""
    if arm.fails_at is None or (arm.message is None and arm.ready_at is None):
        return None
    return f"fails in {lasting(arm.fails_at - now)} unless that comes"


def countdowns(status: Status, now: float) -> str:
    """Those of all versions under trial, to stand behind a sentence; nothing where there are none."""
    found = ((arm.version, countdown(arm, now)) for arm in status.arms)
    return "".join(f"; {version} {words}" for version, words in found if words is not None)
