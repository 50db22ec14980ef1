"""The manifest whose release is simulated: a ModelRollout from a file, with a stable version that serves already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelrollout.api.status import Status, VersionStatus
from modelrollout.api.version import ModelVersion
from modelrollout.resource.rollout import API_VERSION, KIND, ModelRollout, SpecError
from modelrollout.resource.spec import Spec
from modelrollout.simulation.reading import InputError, read_documents

Played = tuple[ModelRollout, Spec]


def read_manifest(path: Path) -> Played:
    """The only ModelRollout of a file, and its spec. Raises InputError with one sentence."""
    documents = [item for item in read_documents(path) if isinstance(item, dict) and item.get("kind") == KIND]
    if len(documents) != 1:
        raise InputError(f"{path}: {len(documents)} documents of kind {KIND}; a simulation plays exactly one")
    return played(documents[0], str(path))


def played(body: Mapping[str, Any], place: str) -> Played:
    """The rollout of a manifest, and its spec; ``place`` is where it stands. Raises InputError with one sentence."""
    if body.get("apiVersion") != API_VERSION:
        raise InputError(f"{place}: apiVersion {body.get('apiVersion')!r} is not known; write {API_VERSION}")
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise InputError(f"{place}: metadata.name is missing; write for example metadata: {{name: fraud}}")
    rollout = ModelRollout.from_json(
        {
            "metadata": {"name": metadata["name"], "namespace": metadata.get("namespace") or "default"}
            | {"uid": "simulated", "generation": 1},
            "spec": body.get("spec"),
            "status": body.get("status"),
        }
    )
    if isinstance(rollout.spec, SpecError):
        raise InputError(f"{place}: {rollout.spec.message}")
    if rollout.spec.validate_only is not None:
        raise InputError(f"{place}: spec.validateOnly releases nothing, so there is nothing to play; remove it")
    return rollout, rollout.spec


def serving(rollout: ModelRollout, spec: Spec, stable: str | None, file: str) -> ModelRollout:
    """The rollout at the moment before its release: ``stable`` has all the traffic.

    Without a name, it is the stable version of the manifest's status, else the candidate's last pipeline run before.
    """
    before = rollout.status.stable
    if before is not None and stable is not None and before.version != stable:
        raise InputError(
            f"{file}: stable is {stable}, but the manifest's status says that {before.version} serves; keep one of them"
        )
    version = stable or (before.version if before is not None else previous(spec.model.version))
    if version == spec.model.version:
        raise InputError(f"{file}: {version} is both the stable version and the candidate, so there is no release")
    uri = before.uri if before is not None else f"pvc://simulated/{version}"
    status = Status(stable=VersionStatus(version=version, uri=uri, weight=100))
    return replace(rollout, status=status)


def previous(version: str) -> str:
    """The name for a stable version that nobody named: the pipeline run before; of run 0, the MINOR or the MAJOR before
    it, since a version below the one that serves would be refused. Below 0.0.0 there is none."""
    parsed = ModelVersion.parse(version)
    if parsed.pipeline:
        return str(replace(parsed, pipeline=parsed.pipeline - 1))
    if parsed.minor:
        return str(replace(parsed, minor=parsed.minor - 1))
    return str(replace(parsed, major=parsed.major - 1) if parsed.major else replace(parsed, pipeline=1))
