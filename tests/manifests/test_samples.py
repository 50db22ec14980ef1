"""What a version's pods are told of the samples of validation."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from modelrollout.core.plan import DesiredVersion
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment
from tests.manifests.render import rollout_of

BODY = {"instances": [[1.0, 2.0]]}


def fetcher(samples: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The init container, and the pod's volumes."""
    spec = {
        "model": {"name": "fraud", "version": "2.4.1187", "uri": "pvc://models/fraud/1187"},
        "validation": {"samples": samples},
        "traffic": {"hosts": ["fraud.prod"]},
        "strategy": {"canary": {"steps": [{"setWeight": 10}]}},
    }
    rollout, read = rollout_of({"metadata": {"name": "fraud"}, "spec": spec})
    version = DesiredVersion("2.4.1187", "pvc://models/fraud/1187", None, 1, ())
    pod = deployment(rollout, read, version, Platform(fetch_image="modelrollout:0.1.0"))["spec"]["template"]["spec"]
    (found,) = pod["initContainers"]
    return found, pod["volumes"]


CASES: dict[str, tuple[dict[str, Any], list[str], bool, bool]] = {
    "as they are sent only": ({"requests": [BODY]}, [], False, False),
    "of the model": ({"fromModel": True}, ["--show-samples"], False, False),
    "written, from the spec": ({"requests": [BODY], "warmUpFile": True}, [], True, False),
    "written, from a ConfigMap": ({"configMap": "bodies", "warmUpFile": True}, ["--warm-up=/samples"], False, True),
    "of a ConfigMap": ({"configMap": "bodies"}, [], False, False),
}


@pytest.mark.parametrize(("samples", "flags", "variable", "volume"), CASES.values(), ids=CASES)
def test_what_the_fetcher_is_told(samples: dict[str, Any], flags: list[str], variable: bool, volume: bool) -> None:
    container, volumes = fetcher(samples)
    assert [flag for flag in container["args"] if "sample" in flag] == flags
    assert ("env" in container) is variable
    mounted = {"name": "samples", "mountPath": "/samples", "readOnly": True} in container["volumeMounts"]
    assert (mounted, {"name": "samples", "configMap": {"name": "bodies"}} in volumes) == (volume, volume)


def test_what_is_in_the_spec_is_told_compressed() -> None:
    container, _ = fetcher({"requests": [BODY, BODY], "warmUpFile": True})
    (variable,) = container["env"]
    assert variable["name"] == "MODELROLLOUT_SAMPLES"
    assert json.loads(zlib.decompress(base64.b64decode(variable["value"]))) == [BODY, BODY]
