"""Where a model is, when the spec says so anew.

What has not come up yet is fetched from the new place. What has is known by its digest: a spec that declares the same
one says that it is the same model, and the pods move. Any other new place is refused (``core/accept/acceptance.py``).
"""

from __future__ import annotations

from typing import TypeVar

from modelrollout.api.model import Model
from modelrollout.api.status import Arm, VersionStatus
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason

Deployed = TypeVar("Deployed", bound=VersionStatus)


def update_places(state: Pass) -> Pass:
    """Control and arms with their models from where the spec has them now."""
    models = {model.version: model for model in state.strategy.models(state.settings, state.spec.model)}
    before = state
    if state.control is not None and (model := models.get(state.control.version)) is not None:
        state = state.change(stable=_settled(state.control, model))
    if state.status.trial is not None:
        state = state.for_each_arm(lambda arm: _arm(arm, models[arm.version]) if arm.version in models else arm)
    return _tell(before, state)


def _arm(arm: Arm, model: Model) -> Arm:
    if arm.ready_at is not None:
        return _settled(arm, model)
    if (arm.uri, arm.pinned) == (model.uri, model.digest) or (arm.uri == model.uri and model.digest is None):
        return arm
    return arm.model_copy(update={"uri": model.uri, "digest": model.digest, "pinned": model.digest})


def _settled(item: Deployed, model: Model) -> Deployed:
    """The new place is held to the digest, or the same version could become another model."""
    if item.uri == model.uri or not is_same_model(item, model):
        return item
    return item.model_copy(update={"uri": model.uri, "pinned": item.digest})


def is_same_model(item: VersionStatus, model: Model) -> bool:
    """Whether the spec says of a version that has come up that it is what it was."""
    return model.digest is not None and model.digest == item.digest


def _tell(before: Pass, after: Pass) -> Pass:
    old = {item.version: item.uri for item in (before.control, *before.status.arms) if item is not None}
    for item in (after.control, *after.status.arms):
        if item is not None and old[item.version] != item.uri:
            message = f"{item.version} is fetched from {item.uri} from now on, not from {old[item.version]}"
            after = after.say(Reason.MODEL_MOVED, message)
    return after
