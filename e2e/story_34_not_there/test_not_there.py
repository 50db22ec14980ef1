"""Story 34: what the spec names is not there, in the words of a real kubelet and scheduler."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.world import World

MANIFEST = Path(__file__).parent / "rollout.yaml"
NOBODYS = "registry.invalid/nobodys:1"
SOON = 60.0  # seconds; the kubelet tells of a volume after some tries
SPEC = "spec.serving.template.spec"


def volume(source: dict[str, Any]) -> dict[str, Any]:
    """Of the server: what no container mounts, a kubelet does not ask for."""
    mounts = [{"name": "features", "mountPath": "/features"}]
    server = {"name": "serving", "volumeMounts": mounts}
    return {"volumes": [{"name": "features", **source}], "containers": [server]}


def variable(source: dict[str, Any]) -> dict[str, Any]:
    """Of the server."""
    return {"containers": [{"name": "serving", "env": [{"name": "FEATURES", "valueFrom": source}]}]}


MISSING: dict[str, tuple[dict[str, Any], str]] = {  # what the template asks for, and the field and kind that are said
    "a volume from a ConfigMap": (volume({"configMap": {"name": "features"}}), "volumes[0].configMap.name ConfigMap"),
    "a volume from a Secret": (volume({"secret": {"secretName": "features"}}), "volumes[0].secret.secretName Secret"),
    "a variable from a Secret": (
        variable({"secretKeyRef": {"name": "features", "key": "a"}}),
        "containers[0].env[0].valueFrom.secretKeyRef.name Secret",
    ),
    "a claim": (
        volume({"persistentVolumeClaim": {"claimName": "features"}}),
        "volumes[0].persistentVolumeClaim.claimName PersistentVolumeClaim",
    ),
}


def apply(rollout: Rollout, version: str, template: dict[str, Any] | None = None, image: str | None = None) -> None:
    serves = image or str(rollout.world.places(rollout.namespace)["image"])
    rollout.apply(MANIFEST, version=version, serves=serves, template=json.dumps({"spec": template or {}}))


def unresolved(rollout: Rollout) -> str:
    """What the condition says is missing; nothing, while nothing is."""
    status, _, message = rollout.condition("ResolvedRefs")
    return message if status == "False" else ""


@pytest.fixture(scope="module")
def rollouts(world: World) -> Iterator[Mapping[str, Rollout]]:
    """One for each case, and all at one time: a kubelet tells of what is missing after some tries."""
    with ExitStack() as stack:
        found = {}
        for number, (case, (template, _)) in enumerate(MISSING.items()):
            namespace = stack.enter_context(world.namespace(f"story-34-not-there-{number}"))
            found[case] = Rollout(world, namespace)
            apply(found[case], "1.0.1", template)
        yield found


@pytest.mark.parametrize("case", MISSING)
def test_it_is_said_by_its_field(rollouts: Mapping[str, Rollout], case: str) -> None:
    rollout, (field, kind) = rollouts[case], MISSING[case][1].split()
    words = (
        f'{SPEC}.{field} "features": there is no {kind} features in {rollout.namespace}; make it, or correct the field'
    )
    rollout.wait_for(lambda seen: words in unresolved(seen), SOON, words)
    rollout.wait_for(lambda seen: seen.status.message.startswith(words), SOON, f"the sentence begins with: {words}")
    if kind != "PersistentVolumeClaim":
        data = {"stringData" if kind == "Secret" else "data": {"a": "1"}}
        described = {"metadata": {"name": "features", "namespace": rollout.namespace}}
        rollout.world.kubectl.apply(json.dumps({"apiVersion": "v1", "kind": kind, **described, **data}))
    else:
        apply(rollout, "1.0.1")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS + 2 * SOON)
    rollout.wait_for(lambda seen: not unresolved(seen), SOON, "nothing is missing any more")


def test_an_image_is_corrected_without_a_further_word(rollout: Rollout) -> None:
    apply(rollout, "1.0.1", {"imagePullSecrets": [{"name": "registry"}]}, NOBODYS)
    pulled = f'spec.serving.image "{NOBODYS}" cannot be pulled'
    secret = f'{SPEC}.imagePullSecrets[0].name "registry": there is no Secret registry in {rollout.namespace}'
    rollout.wait_for(lambda seen: secret in seen.status.message, SOON, secret)
    apply(rollout, "1.0.1", None, NOBODYS)
    rollout.wait_for(lambda seen: seen.status.message.startswith(pulled), SOON, pulled)
    assert "no new version is needed" in rollout.status.message
    apply(rollout, "1.0.1")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
    assert unresolved(rollout) == ""
