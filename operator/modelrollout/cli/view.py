"""What is drawn: one rollout at one moment, with its pods, and the spec that the operator goes by."""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.cli.pods import Pod
from modelrollout.resource.rollout import ModelRollout, parse_accepted
from modelrollout.resource.spec import Spec


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn. ``now`` in seconds since the epoch; ``note`` is said at the foot (the connection broke)."""

    rollout: ModelRollout
    now: float
    pods: tuple[Pod, ...] = ()
    note: str = ""


def spec_in_force(rollout: ModelRollout) -> Spec | None:
    """The spec that the operator goes by: the written one, or the last accepted one while that is refused."""
    refused = any(item.type == "Accepted" and item.status == "False" for item in rollout.status.conditions)
    spec = parse_accepted(rollout.status) if refused else rollout.spec
    return spec if isinstance(spec, Spec) else None
