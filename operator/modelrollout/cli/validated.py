"""What came of a validation alone, as a pipeline needs to know it; and the object that asks for one. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from modelrollout.api.status import Quarantined, Withheld
from modelrollout.cli.outcome import Outcome, describe_wait, spec_version
from modelrollout.core.accept.acceptance import changed_identity, changed_place, changed_strategy, downgrade
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.crd import LONGEST_NAME
from modelrollout.resource.rollout import API_VERSION, KIND, ModelRollout
from modelrollout.resource.spec import Spec

MARK = "-validate-"


class Validity(IntEnum):
    """Exit codes of ``modelrollout validate``."""

    PASSED = 0
    FAILED = 1  # by the version's own fault
    INVALID = 2  # the spec is or would be refused; or wrong usage
    UNKNOWN = 3  # it could not be found out, or not in the time given
    UNREACHABLE = 4  # the cluster could not be asked


def to_validate(body: Mapping[str, Any], name: str, namespace: str, digest: str | None = None) -> dict[str, Any]:
    """The object that asks for it: the manifest's spec, one pod, and nothing of its name, labels or annotations, by
    which others (a GitOps tool, a Service) would take it for the rollout itself. ``digest``: by which the rollout knows
    the version; other files under its number are another version."""
    spec = copy.deepcopy(dict(body["spec"]))
    if digest is not None:
        spec["model"] = {**spec["model"], "digest": digest}
    against = {"validateOnly": {"against": body["metadata"]["name"]}}
    serving = {**(spec.get("serving") or {}), "replicas": 1}
    serving.pop("autoscaling", None)
    spec = {**against, **spec, "serving": serving, "deletionPolicy": "Delete"}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def name_for(rollout: str, version: str, suffix: str) -> str:
    """A name that belongs to nobody yet: as much of the rollout's as leaves room for the names of its objects."""
    room = LONGEST_NAME - len(f"{MARK}{suffix}-{version}")
    return f"{rollout[:room].rstrip('-')}{MARK}{suffix}"


def refused_by(existing: ModelRollout, spec: Spec) -> Refusal | None:
    """Why the rollout of that name would not accept the spec, by what it has released before."""
    status = existing.status
    return (
        changed_identity(spec, status)
        or changed_place(spec, status)
        or changed_strategy(spec, status)
        or downgrade(spec, status)
    )


def validation_outcome(rollout: ModelRollout) -> Outcome | None:
    """The end, or None while there is none yet."""
    status = rollout.status
    if status.observed_generation < rollout.generation:
        return None
    version = spec_version(rollout)
    if (held := status.held(version)) is not None:
        return _told(held)
    refused = next((item for item in status.conditions if item.type == "Accepted" and item.status == "False"), None)
    return Outcome(Validity.INVALID, f"the spec was refused: {refused.message}") if refused is not None else None


def _told(held: Withheld) -> Outcome:
    if held.reason == Reason.VALIDATED:
        return Outcome(Validity.PASSED, f"{held.version} passed its validation; nothing was released")
    if isinstance(held, Quarantined):
        return Outcome(Validity.FAILED, f"{held.version} failed its validation: {held.reason}: {held.message}")
    return Outcome(Validity.UNKNOWN, f"{held.version} could not be validated: {held.reason}: {held.message}")


def validation_words(rollout: ModelRollout) -> str:
    """Where it is, in a line that changes only when a person would want to know."""
    if rollout.generation > rollout.status.observed_generation:
        return "the operator has not seen it yet"
    return describe_wait(rollout.status)
