"""The time that is left to versions which wait for something else than their model: an image, a volume, a node, or
whoever could tell whether they are fit."""

from __future__ import annotations

from modelrollout.api.base import clock_time
from modelrollout.api.status import Arm, Status
from modelrollout.cli.text import lasting


def countdown(arm: Arm, now: float) -> str | None:
    """``fails in 4m30s unless that comes``; None while no clock runs against it. ``now`` in seconds since the epoch."""
    if arm.fails_at is None or (arm.message is None and arm.ready_at is None):
        return None
    return f"fails in {lasting(arm.fails_at - now)} unless that comes"


def countdowns(status: Status, now: float) -> str:
    """Those of all versions under trial, to stand behind a sentence; nothing where there are none."""
    return "".join(_behind(status.message, arm, now) for arm in status.arms)


def _behind(sentence: str, arm: Arm, now: float) -> str:
    """One of them: where the sentence has the time of day already, how far off that is, and no more."""
    words = countdown(arm, now)
    if words is None or arm.fails_at is None:
        return ""
    if f"{arm.version} fails at {clock_time(arm.fails_at)}" not in sentence:
        return f"; {arm.version} {words}"
    return f"; {arm.version} has {lasting(arm.fails_at - now)} left"
