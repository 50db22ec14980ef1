"""Statuses as operators up to 0.1 wrote them: one candidate, one release. Read, so that releases in flight go on.

What they knew becomes what the trial's parts know: the step and what was approved go to the strategy's memory, the
evidence to the arm.

Their fields are declared in today's CustomResourceDefinition, too: the API server gives nobody a field that it does
not know, and server-side apply takes away as a whole only what it knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelrollout.api.base import StatusModel, Timestamp, parse_duration
from modelrollout.api.match import RequestMatch
from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW, Route, Split
from modelrollout.api.status import VersionStatus
from modelrollout.resource.spec import Spec


class FormerRelease(StatusModel):
    """The release under way, as operators up to 0.1 remembered it."""

    started_at: Timestamp | None = None
    step_index: int | None = None
    step_started_at: Timestamp | None = None
    weight_since: Timestamp | None = None
    next_step_at: Timestamp | None = None
    ready_at: Timestamp | None = None
    approved_step: int | None = None
    approved_bake: bool | None = None
    promote_fully: bool | None = None
    hold_since: Timestamp | None = None
    held_step: int | None = None
    smoke_passed: bool | None = None
    smoke_attempts: int | None = None
    last_smoke_at: Timestamp | None = None
    blind_since: Timestamp | None = None
    bake_until: Timestamp | None = None


class FormerStatus(StatusModel):
    """What operators up to 0.1 wrote beside the fields that are left."""

    candidate: VersionStatus | None = None
    weight: int | None = None
    release: FormerRelease | None = None
    analysis: tuple[MetricStatus, ...] = ()
    paused: str | None = None


_FORMER = frozenset(FormerStatus.model_fields)
_MEMORY = ("stepIndex", "stepStartedAt", "bakeUntil", "approvedStep")
_ARM = ("readyAt", "weightSince", "blindSince")
_TRIAL = ("startedAt", "promoteFully", "nextStepAt", "holdSince")


def upgraded_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec as operators up to 0.1 accepted it, in today's form.

    A canary's steps could hold the weight 0, or begin with 100, and so give the candidate all requests before anybody
    had judged it. A weight of 0 is a wait; and where no part of the requests was to be judged, 1 % is. Anything else,
    and what is no spec at all, stays as it is.
    """
    try:
        canary = spec["strategy"]["canary"]
        changed = {**canary, **_judged_steps(canary), **_judged_evidence(canary)}
    except (LookupError, TypeError, ValueError, AttributeError):
        return dict(spec)
    return {**spec, "strategy": {**spec["strategy"], "canary": changed}}


def _judged_steps(canary: Mapping[str, Any]) -> dict[str, Any]:
    steps = [_wait(step) if step.get("setWeight") == 0 else step for step in canary.get("steps") or ()]
    if not steps:
        return {}
    if any(0 < step.get("setWeight", 0) < 100 for step in steps):
        return {"steps": steps}
    first = next((index for index, step in enumerate(steps) if "setWeight" in step), len(steps))
    return {"steps": [*steps[:first], {"setWeight": 1}, *steps[first:]]}


def _wait(step: Mapping[str, Any]) -> dict[str, Any]:
    return {"pause": {"for": step["for"]} if parse_duration(step.get("for", "0s")) else {}}


def _judged_evidence(canary: Mapping[str, Any]) -> dict[str, Any]:
    evidence = canary.get("evidence")
    return {"evidence": {**evidence, "start": 99}} if evidence and evidence.get("start") == 100 else {}


def is_former(status: Mapping[str, Any]) -> bool:
    """Whether an operator up to 0.1 wrote it."""
    return "trial" not in status and not _FORMER.isdisjoint(status)


def upgraded(status: Mapping[str, Any], spec: Spec | None) -> dict[str, Any]:
    """The same in today's form. ``spec`` is the one that it was written for."""
    parts = {name: part for name, part in status.items() if name not in _FORMER}
    candidate, release = status.get("candidate"), status.get("release")
    analysis = list(status.get("analysis") or [])
    if not isinstance(candidate, Mapping) or not isinstance(release, Mapping):
        return parts | {"lastAnalysis": analysis}
    return parts | {"trial": _trial(status, candidate, release, analysis, spec)}


def _trial(
    status: Mapping[str, Any],
    candidate: Mapping[str, Any],
    release: Mapping[str, Any],
    analysis: list[Any],
    spec: Spec | None,
) -> dict[str, Any]:
    focused = spec is not None and bool(spec.traffic.match)
    alpha = spec.analysis.false_rollback if spec is not None else 0.01
    arm = {
        **candidate,
        **_kept(release, _ARM),
        "paused": status.get("paused"),
        "smoke": {
            "passed": release.get("smokePassed", False),
            "attempts": release.get("smokeAttempts", 0),
            "at": release.get("lastSmokeAt"),
        },
        "alpha": alpha,
        "metrics": [_metric(item, len(analysis), focused) for item in analysis],
    }
    return {
        **_kept(release, _TRIAL),
        "strategy": status.get("strategy") or (spec.strategy.name if spec is not None else ""),
        "arms": [arm],
        "route": _route(status, candidate, release, spec),
        "audience": MATCHED if focused else EVERYBODY,
        "memory": _kept(release, _MEMORY),
        "alpha": {"total": alpha, "left": alpha},
    }


def _kept(part: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: part[name] for name in names if part.get(name) is not None}


def _metric(item: Mapping[str, Any], metrics: int, focused: bool) -> dict[str, Any]:
    """Each had an equal share of alpha. In front of everybody else's requests there was no test: there it begins."""
    state = item.get("state") or {}
    share = (state.get("settings") or {}).get("share", 1.0 / metrics)
    return {**item, "split": MATCHED if focused else EVERYBODY, "share": share}


def _route(
    status: Mapping[str, Any], candidate: Mapping[str, Any], release: Mapping[str, Any], spec: Spec | None
) -> dict[str, Any] | None:
    """Where requests went: by weight, and before the first of them by the preview header."""
    stable = status.get("stable")
    if not isinstance(stable, Mapping):
        return None
    weight, old, new = candidate.get("weight", 0), stable["version"], candidate["version"]
    shares = {version: share for version, share in ((old, 100 - weight), (new, weight)) if share}
    match = spec.traffic.match if spec is not None else ()
    splits = _preview(new, spec) if release.get("readyAt") and weight == 0 else []
    if match:
        splits += [Split(name=MATCHED, shares=shares, who=match), Route.to(old).everybody]
    else:
        splits += [Split(name=EVERYBODY, shares=shares)]
    return Route(splits=tuple(splits)).model_dump(mode="json", by_alias=True, exclude_none=True)


def _preview(version: str, spec: Spec | None) -> list[Split]:
    """The header by which a version was reached before the switch, where the strategy has one."""
    header = getattr(spec.strategy.settings, "preview", None) if spec is not None else None
    if header is None:
        return []
    who = RequestMatch.model_validate({"headers": {header.name: {"exact": header.value}}})
    return [Split(name=PREVIEW, shares={version: 100}, who=(who,))]
