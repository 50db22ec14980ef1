"""The samples of ``spec.validation`` in a version's pods: told by their fetcher, or written into the model by it.

Like all that pods are made from it holds for versions that are still to come up.
"""

from __future__ import annotations

import base64
import json
import zlib

from modelrollout.api.samples import Samples
from modelrollout.manifests.meta import Object
from modelrollout.resource.spec import Spec

_VOLUME, _FOLDER = "samples", "/samples"


def fetch_flags(spec: Spec) -> list[str]:
    """What the fetcher is told."""
    samples = spec.asked_before_traffic.samples
    if samples is None:
        return []
    told = ["--show-samples"] if samples.from_model else []
    return [*told, f"--warm-up={_FOLDER}"] if _config_map(samples) else told


def environment(spec: Spec) -> list[Object]:
    """The samples that are in the spec itself; compressed, as a variable can be of 128 KiB at most."""
    samples = spec.asked_before_traffic.samples
    if samples is None or not samples.warm_up_file or samples.config_map is not None:
        return []
    pressed = zlib.compress(json.dumps(samples.requests, sort_keys=True).encode(), 9)
    return [{"name": "MODELROLLOUT_SAMPLES", "value": base64.b64encode(pressed).decode()}]


def mounts(spec: Spec) -> list[Object]:
    """Of the fetcher."""
    named = _config_map(spec.asked_before_traffic.samples)
    return [{"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}] if named else []


def volumes(spec: Spec) -> list[Object]:
    """Of the pod. A ConfigMap that is not there is waited for."""
    named = _config_map(spec.asked_before_traffic.samples)
    return [{"name": _VOLUME, "configMap": {"name": named}}] if named else []


def _config_map(samples: Samples | None) -> str | None:
    return samples.config_map if samples is not None and samples.warm_up_file else None
