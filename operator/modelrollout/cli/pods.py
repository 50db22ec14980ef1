"""Pods as the tree shows them: one line each, with the word that says what is wrong, if anything is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelrollout.manifests.meta import VERSION_LABEL


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of one version. ``state`` is what ``kubectl get pods`` would say; ``created`` in seconds (epoch)."""

    name: str
    version: str
    state: str
    ready: bool
    restarts: int
    created: float


def pod_from_json(body: Mapping[str, Any]) -> Pod:
    """A pod as the API server gives it."""
    metadata, status = body["metadata"], body.get("status") or {}
    containers = (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or [])
    return Pod(
        name=metadata["name"],
        version=(metadata.get("labels") or {}).get(VERSION_LABEL, ""),
        state=_state(metadata, status),
        ready=any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions") or []),
        restarts=sum(item.get("restartCount", 0) for item in containers),
        created=datetime.fromisoformat(metadata["creationTimestamp"]).timestamp(),
    )


def _state(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """The first reason that explains the pod, the containers that start first asked first."""
    if "deletionTimestamp" in metadata:
        return "Terminating"
    if reason := _why_stuck(status.get("initContainerStatuses") or []):
        return f"Init:{reason}"
    reason = _why_stuck(status.get("containerStatuses") or [])
    return reason or status.get("reason") or status.get("phase") or "Unknown"


def _why_stuck(containers: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a container waits or has ended badly; None when it runs, has done its work, or has just begun."""
    for container in containers:
        state = container.get("state") or {}
        waiting, ended = state.get("waiting"), state.get("terminated")
        if waiting is not None and waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
            return str(waiting["reason"])
        if ended is not None and ended.get("exitCode", 0) != 0:
            return str(ended.get("reason") or "Error")
    return None
