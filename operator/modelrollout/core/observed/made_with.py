"""What versions that have come up were made with, where ``spec.serving`` says something else by now.

Their pods stay as they are, and their Deployments say how that was. A Deployment that somebody deletes takes that with
it; and what is made in its place must not be a release of other settings that nobody judges. So the settings of before
are in the status, for as long as they differ from the spec's.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from modelrollout.api.serving import Serving
from modelrollout.api.status import Retiring, VersionStatus
from modelrollout.core.accept.acceptance import last_accepted
from modelrollout.core.pass_state import Pass
from modelrollout.core.recipe import settings_of


def made_with(item: VersionStatus | Retiring) -> Serving | None:
    """The settings of a version, where they are not the spec's."""
    try:
        return Serving.model_validate(item.serving) if item.serving is not None else None
    except ValidationError:  # somebody wrote it, or an operator with other fields
        return None


def keep_settings(state: Pass) -> Pass:
    """The settings of all that has come up, as they are by this pass."""
    edited = state.rollout.status.accepted_spec != state.status.accepted_spec
    before = last_accepted(state.rollout.status) if edited else None
    was = before.serving if before is not None else state.spec.serving
    if state.control is not None:
        state = _kept(state, state.control, was)
    for arm in state.status.arms:
        state = _kept(state, arm, was) if arm.ready_at is not None else state
    for item in state.status.retiring:
        state = _kept(state, item, was)
    return state


def _kept(state: Pass, item: VersionStatus | Retiring, was: Serving) -> Pass:
    """By the word of the pods themselves where they say something: an edit may have come in the very pass in which they
    were ready, and pods of an older operator may have settings that nobody wrote down."""
    if item.serving is None and was == state.spec.serving:
        return state
    workload = state.seen.workloads.get(item.version)
    seen = workload.settings if workload is not None else None
    known = (one for one in (made_with(item), was) if one is not None and seen in (None, settings_of(one)))
    if (found := next(known, None)) is None:
        return state
    serving = None if settings_of(found) == settings_of(state.spec.serving) else _written(found)
    return state if serving == item.serving else _with(state, item.version, serving)


def _written(serving: Serving) -> dict[str, Any]:
    return serving.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _with(state: Pass, version: str, serving: dict[str, Any] | None) -> Pass:
    update = {"serving": serving}
    if state.control is not None and state.control.version == version:
        return state.change(stable=state.control.model_copy(update=update))
    if state.status.arm(version) is not None:
        return state.change_arm(version, **update)
    return state.change(
        retiring=tuple(
            item.model_copy(update=update) if item.version == version else item for item in state.status.retiring
        )
    )
