"""The resource as it comes from the API server: metadata, a spec that may be wrong, a status, a person's command.

A spec that does not parse is a value too (``SpecError``): the pass goes on with the last accepted one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from modelrollout.api.explain import explain
from modelrollout.api.rollout import Spec
from modelrollout.api.status import Status

GROUP = "modelrollout.dev"
API_VERSION = f"{GROUP}/v1alpha1"
KIND = "ModelRollout"
PLURAL = "modelrollouts"
COMMAND_ANNOTATION = f"{GROUP}/command"


@dataclass(frozen=True, slots=True)
class SpecError:
    """Why a spec cannot be accepted: sentences that name the field, the value and the way out; in ``message`` all of
    them, in ``problems`` each by itself."""

    message: str
    reason: str = "InvalidSpec"
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRollout:
    """One rollout. ``command`` is the raw command annotation, or None."""

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

    @property
    def key(self) -> str:
        """``namespace/name``, as in logs and the queue."""
        return f"{self.namespace}/{self.name}"

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ModelRollout:
        """Never raises for what a user wrote; raises KeyError for what is no Kubernetes object at all."""
        metadata = body["metadata"]
        return cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            resource_version=metadata.get("resourceVersion", ""),
            spec=parse_spec(body.get("spec")),
            status=parse_status(body.get("status")),
            command=(metadata.get("annotations") or {}).get(COMMAND_ANNOTATION),
            deleting="deletionTimestamp" in metadata,
            created=metadata.get("creationTimestamp", ""),
        )


def parse_spec(spec: object) -> Spec | SpecError:
    """The typed spec, or what is wrong with it.

    As strict as the API server: JSON's own types, the names of the schema alone. So what ``lint`` lets through on a
    laptop is not refused in the cluster.
    """
    given = {"strategy": {}, **spec} if isinstance(spec, Mapping) else spec  # none at all: the sentence of an empty one
    try:
        return Spec.model_validate_json(json.dumps(given, default=str), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = explain(error)
        return SpecError("; ".join(problems), problems=problems)


def parse_status(status: object) -> Status:
    """The typed status. Parts that cannot be read (of a newer operator, say) are lost, the others are not."""
    parts = dict(status) if isinstance(status, Mapping) else {}
    while True:
        try:
            return Status.model_validate(parts)
        except ValidationError as error:
            spoilt = {str(item["loc"][0]) for item in error.errors(include_url=False) if item["loc"]}
            if not spoilt & parts.keys():
                return Status()
            parts = {name: part for name, part in parts.items() if name not in spoilt}
