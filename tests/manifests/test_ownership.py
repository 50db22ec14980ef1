"""Whose an object is, whatever its labels say: a table of Deployments, Services and pods."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.manifests.meta import OWNER_LABEL, SERVING_MANAGER, SPLIT_LABEL, VERSION_LABEL
from modelrollout.manifests.ownership import is_own_child, is_own_pod
from modelrollout.resource.rollout import ModelRollout


def described(name: str, version: str = "1.0.1", **more: Any) -> dict[str, Any]:
    labels = {OWNER_LABEL: "fraud", VERSION_LABEL: version} | more.pop("labels", {})
    return {"metadata": {"name": name, "namespace": "prod", "labels": labels, **more}}


def owner(uid: str, kind: str = "ModelRollout", name: str = "fraud", controller: bool = True) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "name": name, "uid": uid, "controller": controller}]}


def by(manager: str) -> dict[str, Any]:
    return {"managedFields": [{"manager": manager}]}


CHILDREN: dict[str, tuple[dict[str, Any], bool]] = {
    "made for it": (described("fraud-1-0-1", **owner("uid-1")), True),
    "its Service in a split": (
        described("fraud-1-0-1-matched", labels={SPLIT_LABEL: "matched"}, **owner("uid-1")),
        True,
    ),
    "its comparer": (described("fraud-shadow", **owner("uid-1")), True),
    "left behind without an owner, applied by us": (described("fraud-1-0-1", **by(SERVING_MANAGER)), True),
    "labels alone": (described("fraud-1-0-1"), False),
    "labels alone, applied by a person": (described("fraud-1-0-1", **by("kubectl")), False),
    "another name": (described("payments", **owner("uid-1")), False),
    "the name of another version": (described("fraud-1-0-2", **owner("uid-1")), False),
    "of a rollout of that name that was there before": (described("fraud-1-0-1", **owner("uid-0")), False),
    "of another controller, though we applied it once": (
        described("fraud-1-0-1", **owner("uid-9", "HelmRelease"), **by(SERVING_MANAGER)),
        False,
    ),
    "an owner that is no controller": (described("fraud-1-0-1", **owner("uid-1", controller=False)), False),
    "a version that is none": (described("fraud-1-0-1", version="newest", **owner("uid-1")), False),
}


@pytest.mark.parametrize("case", CHILDREN)
def test_whose_a_deployment_or_a_service_is(case: str) -> None:
    item, own = CHILDREN[case]
    assert is_own_child(item, rollout()) is own


def pod(controller: str, template: str = "7d9f", version: str = "1.0.1", kind: str = "ReplicaSet") -> dict[str, Any]:
    labels = {"pod-template-hash": template}
    return described("any-name", version, labels=labels, **owner("uid-5", kind, controller))


PODS: dict[str, tuple[dict[str, Any], bool]] = {
    "of its Deployment's ReplicaSet": (pod("fraud-1-0-1-7d9f"), True),
    "of its comparer": (pod("fraud-shadow-7d9f"), True),
    "labels alone": (described("fraud-1-0-1-7d9f-abcde"), False),
    "of another ReplicaSet": (pod("payments-7d9f"), False),
    "of another version's": (pod("fraud-1-0-2-7d9f"), False),
    "of a Job of that name": (pod("fraud-1-0-1-7d9f", kind="Job"), False),
    "of a ReplicaSet that no Deployment made": (pod("fraud-1-0-1", template=""), False),
}


@pytest.mark.parametrize("case", PODS)
def test_whose_a_pod_is(case: str) -> None:
    item, own = PODS[case]
    assert is_own_pod(item, rollout()) is own


def rollout() -> ModelRollout:
    return ModelRollout.from_json({"metadata": {"name": "fraud", "namespace": "prod", "uid": "uid-1"}, "spec": {}})
