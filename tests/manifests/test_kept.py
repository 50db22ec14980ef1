"""Pods that have come up stay as they were made, whatever the spec and the operator say now; others do not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from modelrollout.core.plan import DesiredVersion
from modelrollout.manifests.drift import differs
from modelrollout.manifests.kept import TEMPLATE_ANNOTATION, made_from_mark, settings_hash
from modelrollout.manifests.meta import DESIRED_ANNOTATION
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment
from modelrollout.resource.spec import Spec
from tests.manifests.render import CASES, load, rollout_of

Object = dict[str, Any]
ROLLOUT, SPEC = rollout_of(load(CASES / "version-from-a-volume" / "in.yaml")[0]["rollout"])
DIGEST = "sha256:" + "a" * 64
PLATFORM = Platform("modelrollout:0.1.0")
NEW_IMAGE = SPEC.model_copy(update={"serving": SPEC.serving.model_copy(update={"image": "tensorflow/serving:9"})})
MORE_PODS = SPEC.model_copy(update={"serving": SPEC.serving.model_copy(update={"replicas": 9})})


def wanted(uri: str = "pvc://models/fraud/1187", replicas: int = 3, *, settled: bool) -> DesiredVersion:
    return DesiredVersion("2.4.1187", uri, DIGEST, replicas, settled=settled)


def made(spec: Spec = SPEC, live: Object | None = None, uri: str = "pvc://models/fraud/1187", **of: Any) -> Object:
    return deployment(ROLLOUT, spec, wanted(uri, **{"settled": True, **of}), PLATFORM, live)


def with_settings(more: Object) -> Spec:
    body = load(CASES / "version-from-a-volume" / "in.yaml")[0]["rollout"]
    return rollout_of({**body, "spec": {**body["spec"], **more}})[1]


def pods(item: Object) -> Object:
    found: Object = item["spec"]["template"]
    return found


def test_an_edit_of_the_settings_replaces_no_pod_that_has_come_up() -> None:
    live = made()
    assert not differs(made(NEW_IMAGE, live), live)


def test_it_is_how_many_there_are_that_is_applied_at_once() -> None:
    live = made()
    after = made(MORE_PODS, live, replicas=9)
    assert (pods(after), after["spec"]["replicas"]) == (pods(live), 9)


def test_pods_that_have_not_come_up_are_made_anew() -> None:
    """Its image may be what they wait for."""
    live = made(settled=False)
    after = made(NEW_IMAGE, live, settled=False)
    assert pods(after)["spec"]["containers"][0]["image"] == "tensorflow/serving:9"
    assert made_from_mark(pods(after)) != made_from_mark(pods(live))
    assert settings_hash(after) != settings_hash(live)


@pytest.mark.parametrize("settled", [True, False])
def test_what_another_operator_would_write_otherwise_waits_for_the_next_version(settled: bool) -> None:
    """Its template has a flag that ours has not."""
    live = made(settled=settled)
    pods(live)["spec"]["containers"][0]["args"].append("--of-another-operator")
    live["metadata"]["annotations"].pop(TEMPLATE_ANNOTATION)
    live["metadata"]["annotations"].pop(DESIRED_ANNOTATION)
    assert pods(made(live=live, settled=settled)) == pods(live)


def test_what_somebody_edits_by_hand_is_set_right() -> None:
    live = made()
    edited = copy.deepcopy(live)
    pods(edited)["spec"]["containers"][0]["image"] = "nginx"
    assert differs(made(live=edited), edited)
    assert pods(made(live=edited)) == pods(live)


def test_defaults_that_the_api_server_leaves_empty_are_not_applied() -> None:
    live = made()
    live["metadata"]["annotations"].pop(TEMPLATE_ANNOTATION)
    pods(live)["metadata"]["creationTimestamp"] = None
    assert "creationTimestamp" not in pods(made(live=live))["metadata"]


def test_the_model_moves_and_nothing_else_does() -> None:
    live = made()
    after = made(NEW_IMAGE, live, uri="pvc://archive/fraud/1187")
    fetch, before = pods(after)["spec"]["initContainers"][0], pods(live)["spec"]["initContainers"][0]
    assert "--uri=pvc://archive/fraud/1187" in fetch["args"]
    assert f"--digest={DIGEST}" in fetch["args"]
    assert {**fetch, "args": before["args"]} == before
    assert [item["name"] for item in pods(after)["spec"]["volumes"]] == ["models", "source"]
    assert pods(after)["spec"]["volumes"][1]["persistentVolumeClaim"]["claimName"] == "archive"
    assert pods(after)["spec"]["containers"] == pods(live)["spec"]["containers"]
    assert made_from_mark(pods(after)) != made_from_mark(pods(live))
    assert not differs(made(NEW_IMAGE, after, uri="pvc://archive/fraud/1187"), after), "once"


def test_from_a_volume_to_the_network_there_is_no_volume_any_more() -> None:
    after = made(live=made(), uri="https://models.example.com/1187.tar.gz")
    assert [item["name"] for item in pods(after)["spec"]["volumes"]] == ["models"]
    assert [item["name"] for item in pods(after)["spec"]["initContainers"][0]["volumeMounts"]] == ["models"]


FETCHERS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "a Secret that it has and had not": ({}, {"serving": {"storeSecret": "fraud-store"}}, ["store-secret"]),
    "a Secret that it had": ({"serving": {"storeSecret": "fraud-store"}}, {}, []),
    "samples that it has and had not": (
        {},
        {"validation": {"samples": {"configMap": "bodies", "warmUpFile": True}}},
        ["samples"],
    ),
}


@pytest.mark.parametrize(("before", "now", "volumes"), FETCHERS.values(), ids=FETCHERS)
def test_what_the_fetcher_mounts_moves_with_it(before: dict[str, Any], now: dict[str, Any], volumes: list[str]) -> None:
    """A mount without its volume is refused by the API server, and the model would never move."""
    old, new = "https://models.example.com/1187.tar.gz", "https://archive.example.com/1187.tar.gz"
    after = pods(made(with_settings(now), made(with_settings(before), uri=old), uri=new))
    assert [item["name"] for item in after["spec"]["volumes"]] == ["models", *volumes]
    fetch = after["spec"]["initContainers"][0]
    assert [item["name"] for item in fetch["volumeMounts"]] == ["models", *volumes]


def test_a_model_on_a_volume_needs_no_secret_of_a_store() -> None:
    assert "fraud-store" not in str(made(with_settings({"serving": {"storeSecret": "fraud-store"}}))["spec"])


def test_coming_up_changes_nothing() -> None:
    live = made(settled=False)
    assert not differs(made(live=live, settled=True), live)
