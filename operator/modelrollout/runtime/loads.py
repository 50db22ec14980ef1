"""How long model servers take to load, as the kubelet says: in whole seconds, by the pace of the probe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from modelrollout.manifests.serving import SERVER_CONTAINER
from modelrollout.runtime.pods import conditions, containers, seconds_of

Object = Mapping[str, Any]


def loading_since(unready: Iterable[Object]) -> float | None:
    """Since when the first of these servers has been loading, seconds since the epoch; None while none is."""
    return min((at for pod in unready if (at := _running_since(pod)) is not None), default=None)


def load_seconds(ready: Iterable[Object]) -> float | None:
    """How long the slowest of these servers took, from its start to its pod being ready."""
    return max((took for pod in ready if (took := _took(pod)) is not None), default=None)


def _took(pod: Object) -> float | None:
    began, ready = _running_since(pod), next((item for item in conditions(pod) if item["type"] == "Ready"), {})
    ended = seconds_of(ready.get("lastTransitionTime"))
    return max(0.0, ended - began) if began is not None and ended is not None else None


def _running_since(pod: Object) -> float | None:
    server = next((item for item in containers(pod) if item["name"] == SERVER_CONTAINER), {})
    return seconds_of((server.get("state", {}).get("running") or {}).get("startedAt"))
