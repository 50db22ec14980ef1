"""The resource as it comes from the API server: metadata, a spec that may be wrong, a status, a person's command.

A spec that does not parse is a value too (``SpecError``): the pass goes on with the last accepted one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from modelrollout.api.status import Status
from modelrollout.resource.explain import explain
from modelrollout.resource.former import is_former, upgraded, upgraded_spec
from modelrollout.resource.spec import Spec

GROUP = "modelrollout.dev"
API_VERSION = f"{GROUP}/v1alpha1"
KIND = "ModelRollout"
PLURAL = "modelrollouts"
COMMAND_ANNOTATION = f"{GROUP}/command"
INSTANCE_LABEL = f"{GROUP}/instance"
"""Of a ModelRollout that one of several installations looks after; without it, the one that has no name does."""
CLUSTER_DOMAIN = "cluster.local"
"""The end of the names of Services, in clusters that have no other one."""
LARGEST_SPEC = 262_144
"""Bytes of JSON. What kubectl apply can carry in its annotation; and the spec, the accepted one beside it and the rest
of the status are one object, of which etcd stores 1.5 MiB."""


def instance_of(body: Mapping[str, Any]) -> str:
    """Which installation looks after a ModelRollout; empty for the one without a name."""
    return str((body["metadata"].get("labels") or {}).get(INSTANCE_LABEL, ""))


@dataclass(frozen=True, slots=True)
class SpecError:
    """Why a spec cannot be accepted: sentences that name the field, the value and the way out; in ``message`` all of
    them, in ``problems`` each by itself."""

    message: str
    reason: str = "InvalidSpec"
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRollout:
    """One rollout. ``command`` is the raw command annotation, or None; ``cluster_domain`` is that of the cluster in
    which it is, which it does not say itself."""

    name: str
    namespace: str
    uid: str
    generation: int
    resource_version: str
    spec: Spec | SpecError
    status: Status
    command: str | None = None
    deleting: bool = False
    created: str = ""
    cluster_domain: str = CLUSTER_DOMAIN

    @property
    def pending_command(self) -> str | None:
        """The command annotation, where it has not been carried out yet."""
        return self.command if self.status.is_new(self.command) else None

    @property
    def key(self) -> str:
        """``namespace/name``, as in logs and the queue."""
        return f"{self.namespace}/{self.name}"

    @classmethod
    def from_json(cls, body: Mapping[str, Any], cluster_domain: str = CLUSTER_DOMAIN) -> ModelRollout:
        """Never raises for what a user wrote; raises KeyError for what is no Kubernetes object at all."""
        metadata = body["metadata"]
        command = (metadata.get("annotations") or {}).get(COMMAND_ANNOTATION)
        return cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            resource_version=metadata.get("resourceVersion", ""),
            spec=(spec := parse_spec(body.get("spec"))),
            status=_with_command_heard(parse_status(body.get("status"), spec), body.get("status"), command),
            command=command,
            deleting="deletionTimestamp" in metadata,
            created=metadata.get("creationTimestamp", ""),
            cluster_domain=cluster_domain,
        )


def parse_spec(spec: object) -> Spec | SpecError:
    """The typed spec, or what is wrong with it.

    As strict as the API server: JSON's own types, the names of the schema alone. So what ``lint`` lets through on a
    laptop is not refused in the cluster.
    """
    text = _as_json(spec)
    if len(text) > LARGEST_SPEC:
        return SpecError(
            f"spec: is {len(text) / 1e3:.0f} kB of JSON, and {LARGEST_SPEC / 1e3:.0f} kB at most are taken: put "
            "samples and golden answers into a ConfigMap (configMap), and what a template adds into images"
        )
    return _typed(text)


def _as_json(spec: object) -> str:
    given = {"strategy": {}, **spec} if isinstance(spec, Mapping) else spec  # none at all: the sentence of an empty one
    return json.dumps(given, default=str)


def _typed(text: str) -> Spec | SpecError:
    try:
        return Spec.model_validate_json(text, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = explain(error, Spec, text)
        return SpecError("; ".join(problems), problems=problems)


def parse_accepted(status: Mapping[str, Any] | Status) -> Spec | None:
    """The last spec that was accepted, from a status, typed or not; what was in order when it was accepted still is,
    however large it is.
    None without one."""
    spec = status.accepted_spec if isinstance(status, Status) else status.get("acceptedSpec")
    found = _typed(_as_json(upgraded_spec(spec) if isinstance(spec, Mapping) else spec)) if spec else None
    return found if isinstance(found, Spec) else None


MEMORY = frozenset({"stable", "trial", "retiring", "candidates", "weights", "step"})
"""What a pass goes on from. It is whole, or it is lost as a whole: a candidate without its control is no help."""


def parse_status(status: object, spec: Spec | SpecError | None = None) -> Status:
    """The typed status; ``spec`` is the one that it goes with, unless an accepted one is kept in it.

    What a pass goes on from (``MEMORY``) is lost altogether when any of it cannot be read or does not fit together: it
    is made anew from the cluster then. Records (quarantine, history, the last command) are lost one by one.
    """
    parts = dict(status) if isinstance(status, Mapping) else {}
    if is_former(parts):
        kept = parse_accepted(parts) if parts.get("acceptedSpec") else spec
        parts = _upgraded(parts, kept if isinstance(kept, Spec) else None)
    while True:
        try:
            found = Status.model_validate(parts)
        except ValidationError as error:
            spoilt = {str(item["loc"][0]) for item in error.errors(include_url=False) if item["loc"]}
            if not spoilt & parts.keys():
                return Status()
            parts = _without(parts, spoilt)
        else:
            return found if _fits(found) else Status.model_validate(_without(parts, set(MEMORY)))


def without_memory(rollout: ModelRollout) -> ModelRollout:
    """The same with a status that is lost, but for its records."""
    parts = rollout.status.model_dump()
    return replace(rollout, status=Status.model_validate(_without(parts, set(MEMORY))))


def _with_command_heard(status: Status, written: object, command: str | None) -> Status:
    """Where it cannot be read which command was carried out last, the present one was: nothing is done twice."""
    spoilt = isinstance(written, Mapping) and written.get("lastCommand") is not None and status.last_command is None
    return status.model_copy(update={"last_command": command, "command_gone": False}) if spoilt else status


def _upgraded(parts: dict[str, Any], spec: Spec | None) -> dict[str, Any]:
    """A former status in today's form; one that is no status at all has lost its memory."""
    try:
        return upgraded(parts, spec)
    except (LookupError, TypeError, ValueError, AttributeError):
        return _without(parts, set(MEMORY))


def _without(parts: dict[str, Any], spoilt: set[str]) -> dict[str, Any]:
    lost = spoilt | MEMORY if spoilt & MEMORY else spoilt
    return {name: part for name, part in parts.items() if name not in lost}


def _fits(status: Status) -> bool:
    """Whether no version is two things at once, and the route names none but the control and the arms."""
    trial, stable = status.trial, status.stable
    versions = [arm.version for arm in status.arms]
    gone = {item.version for item in status.retiring}
    if gone & {*versions, *([stable.version] if stable is not None else [])}:
        return False
    if trial is None:  # without a control nothing can have taken its place, or given it back
        return stable is not None or not any(item.reason in ("Drained", "Undone") for item in status.retiring)
    if trial.winner is not None and trial.winner not in versions:
        return False
    if any(sum(test.share for test in arm.metrics) > 1 + 1e-6 for arm in trial.arms):
        return False
    if len(set(versions)) < len(versions) or (stable is not None and stable.version in versions):
        return False
    if stable is None or trial.route is None:
        return stable is None and trial.route is None
    return trial.route.versions <= {stable.version, *versions}
