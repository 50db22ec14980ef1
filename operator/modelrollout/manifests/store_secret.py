"""The Secret of ``spec.serving.storeSecret`` in a version's pods: a volume that the fetcher alone mounts.

What it holds is in no variable and in no object that the operator writes. Where the model is on a volume it is not
mounted at all.
"""

from __future__ import annotations

from modelrollout.manifests.meta import Object
from modelrollout.resource.spec import Spec

VOLUME, _FOLDER = "store-secret", "/store-secret"


def is_remote(uri: str) -> bool:
    """Whether the model comes over the network."""
    return uri.startswith("https://")


def fetch_flags(spec: Spec, uri: str) -> list[str]:
    """What the fetcher is told: where the Secret is, and by that what it is called."""
    return [f"--store-secret={mount['mountPath']}" for mount in mounts(spec, uri)]


def mounts(spec: Spec, uri: str) -> list[Object]:
    """Of the fetcher."""
    named = _secret(spec, uri)
    return [{"name": VOLUME, "mountPath": f"{_FOLDER}/{named}", "readOnly": True}] if named else []


def volumes(spec: Spec, uri: str) -> list[Object]:
    """Of the pod. A Secret that is not there is waited for."""
    named = _secret(spec, uri)
    return [{"name": VOLUME, "secret": {"secretName": named}}] if named else []


def _secret(spec: Spec, uri: str) -> str | None:
    return spec.serving.store_secret if is_remote(uri) else None
