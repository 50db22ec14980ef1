"""Merging a user's partial pod template over the operator's own.

Lists of things that have a name (containers, volumes, env) are merged by it, mounts by their path, as `kubectl patch`
does for pods; every other list is replaced as a whole. Where a pod takes one of several fields (a probe's handler, a
volume's source), the one that is given takes the place of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_KEYS = ("mountPath", "containerPort", "name")
"""What tells the elements of a list apart, first match wins."""

HANDLERS = frozenset({"exec", "httpGet", "tcpSocket", "grpc", "sleep"})
VOLUME_SOURCES = frozenset(
    {
        *("awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "configMap", "csi", "downwardAPI"),
        *("emptyDir", "ephemeral", "fc", "flexVolume", "flocker", "gcePersistentDisk", "gitRepo", "glusterfs"),
        *("hostPath", "image", "iscsi", "nfs", "persistentVolumeClaim", "photonPersistentDisk", "portworxVolume"),
        *("projected", "quobyte", "rbd", "scaleIO", "secret", "storageos", "vsphereVolume"),
    }
)
VALUES = frozenset({"value", "valueFrom"})
VALUE_SOURCES = frozenset({"fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"})
ONE_OF = (HANDLERS, VOLUME_SOURCES, VALUES, VALUE_SOURCES)
"""Fields of which an object has one at most.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""


def merge(base: Any, overlay: Any) -> Any:
    """``overlay`` over ``base``; neither is changed. A null in the overlay removes the field."""
    match base, overlay:
        case Mapping(), Mapping():
            gone = displaced(overlay)
            merged = {
                key: value for key, value in base.items() if overlay.get(key, value) is not None and key not in gone
            }
            for key, value in overlay.items():
                if value is not None:
                    merged[key] = merge(base.get(key), value)
            return merged
        case list(), list():
            return _merge_lists(base, overlay)
        case _:
            return overlay


def displaced(overlay: Mapping[str, Any]) -> frozenset[str]:
    """The fields that cannot stay beside those of the overlay."""
    given = frozenset(key for key, value in overlay.items() if value is not None)
    return frozenset().union(*(group - given for group in ONE_OF if group & given))


def _merge_lists(base: Sequence[Any], overlay: Sequence[Any]) -> list[Any]:
    key = key_of([*base, *overlay])
    if key is None:
        return list(overlay)
    changes = {element[key]: element for element in overlay}
    merged = [merge(element, changes.pop(element[key], {})) for element in base]
    return merged + list(changes.values())


def key_of(elements: Sequence[Any]) -> str | None:
    """The field that tells these elements apart, or None when they have none."""
    for key in _KEYS:
        if elements and all(isinstance(element, Mapping) and key in element for element in elements):
            return key
    return None
