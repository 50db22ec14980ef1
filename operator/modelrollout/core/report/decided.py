"""What of a status is decided, apart from the evidence that grows with every sample.

A status is stored at once when something was decided. Evidence can be stored later: should it be lost, the counters
that it was made of still stand where they are, and the next look counts on from those that were stored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from pydantic import BaseModel

from modelrollout.api.contest_status import ContestStatus
from modelrollout.api.status import Arm, SharedStatus, Status, Trial
from modelrollout.core.plan import Plan

Part = TypeVar("Part", bound=BaseModel)
Item = TypeVar("Item")


def same_actions(plan: Plan, before: Plan) -> bool:
    """Whether a plan wants nothing of the cluster that the one before it did not want already, the status apart."""
    if plan.events or plan.remove or plan.answered is not None:
        return False
    return (plan.versions, plan.route, plan.recovery, plan.comparer, plan.at_rest) == (
        *(before.versions, before.route, before.recovery, before.comparer, before.at_rest),
    ) and (plan.spec is before.spec or plan.spec == before.spec)


def same_decision(now: Status, before: Status) -> bool:
    """Whether two statuses differ only in numbers and sentences. Field by field: most parts are the very same objects,
    and copies without the numbers would take longer than the look that this is asked after."""
    return (
        _same(now, before, _STATUS)
        and _each(now.conditions, before.conditions, lambda one, other: _same(one, other, _SAID))
        and _each(_one(now.trial), _one(before.trial), _same_trial)
    )


_STATUS = frozenset({"message", "conditions", "trial"})
_SAID = frozenset({"message"})
_TRIAL = frozenset({"arms", "alpha", "contest", "segments", "stakes", "value"})  # what looking has cost is no decision
_ARM = frozenset({"metrics", "shared", "shadow"})
_SHADOW = frozenset({"compared", "message", "checks"})
_METRIC = ("metric", "split", "verdict")
_CONTEST = ("metric", "split", "trouble", "skewed", "unproven", "shares", "since")


def _same(now: Part, before: Part, apart: Collection[str]) -> bool:
    """In all fields but those that are set apart."""
    return now is before or all(_equal(now, before, name) for name in type(now).model_fields if name not in apart)


def _equal(now: BaseModel, before: BaseModel, name: str) -> bool:
    one, other = getattr(now, name), getattr(before, name)
    return one is other or bool(one == other)


def _each(now: Sequence[Item], before: Sequence[Item], same: Callable[[Item, Item], bool]) -> bool:
    return now is before or (len(now) == len(before) and all(map(same, now, before)))


def _one(part: Part | None) -> tuple[Part, ...]:
    return () if part is None else (part,)


def _same_trial(now: Trial, before: Trial) -> bool:
    return (
        _same(now, before, _TRIAL)
        and _each(now.arms, before.arms, _same_arm)
        and _each(_one(now.contest), _one(before.contest), _same_contest)
        and _each(now.segments, before.segments, _same_contest)
    )


def _same_arm(now: Arm, before: Arm) -> bool:
    return (
        _same(now, before, _ARM)
        and _each(now.metrics, before.metrics, lambda one, other: all(_equal(one, other, name) for name in _METRIC))
        and _each(now.shared, before.shared, _same_share)
        and _same(now.shadow, before.shadow, _SHADOW)
    )


def _same_share(now: SharedStatus, before: SharedStatus) -> bool:
    return _same(now, before, frozenset({"state", "broken"})) and (now.broken is None) == (before.broken is None)


def _same_contest(now: ContestStatus, before: ContestStatus) -> bool:
    return all(_equal(now, before, name) for name in _CONTEST)
