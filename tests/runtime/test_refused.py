"""Objects that a real API server does not take: nobody is blamed, and what is mended is taken up without a word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, SERVICES
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Object, Stage
from tests.runtime.test_obstacles import allowed, any_deployment, in_the_way, play

pytestmark = pytest.mark.apiserver

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
NEW = "fraud-1-1-2"

Obstacle = Callable[[Stage, Kubernetes], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def policy(stage: Stage, kubernetes: Kubernetes) -> AsyncIterator[None]:
    """One that came after the spec was accepted: a dry run is let through."""
    name = f"frozen-{stage.namespace}"
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stage.namespace}}}
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }
    check = {"expression": "request.dryRun", "message": "nothing is deployed on a Friday"}
    body: Object = {
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {"matchConstraints": {"resourceRules": [rule], **where}, "validations": [check]},
    }
    path = f"{_ADMISSION}/validatingadmissionpolicies"
    made = kubernetes.server.ask("POST", path, {"apiVersion": "admissionregistration.k8s.io/v1", **body})
    assert made.status == 201, made.message
    binding: Object = {
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    kind = "validatingadmissionpolicybindings"
    async with in_the_way(kubernetes, kind, binding, any_deployment(stage)):
        yield
    kubernetes.server.ask("DELETE", f"{path}/{name}")
    await allowed(any_deployment(stage))


@asynccontextmanager
async def quota(stage: Stage, kubernetes: Kubernetes) -> AsyncIterator[None]:
    """As many Deployments as there are; its controller would fill in the status."""
    path = f"/api/v1/namespaces/{stage.namespace}/resourcequotas"
    counted = {"count/deployments.apps": "1"}
    body: Object = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "models"}}
    made = kubernetes.server.ask("POST", path, {**body, "spec": {"hard": counted}})
    assert made.status == 201, made.message
    full = {**body, "spec": {"hard": counted}, "status": {"hard": counted, "used": counted}}
    assert kubernetes.server.ask("PUT", f"{path}/models/status", full).status == 200
    yield
    kubernetes.server.ask("DELETE", f"{path}/models")
    await allowed(any_deployment(stage))


@asynccontextmanager
async def somebody_elses(stage: Stage, kubernetes: Kubernetes) -> AsyncIterator[None]:
    """A Service of its name that was there before."""
    ports = {"ports": [{"name": "web", "port": 8501}]}
    described = {"name": NEW, "namespace": stage.namespace}
    theirs: Object = {"apiVersion": "v1", "kind": "Service", "metadata": described, "spec": ports}
    await stage.cluster.apply(SERVICES, theirs, "somebody")
    yield
    kubernetes.server.ask("DELETE", f"/api/v1/namespaces/{stage.namespace}/services/{NEW}")


OBSTACLES: dict[str, tuple[Obstacle, str]] = {
    "a policy": (policy, "nothing is deployed on a Friday"),
    "a quota": (quota, "exceeded quota: models"),
    "an object of somebody else's": (somebody_elses, "conflict"),
}


@pytest.mark.parametrize(("obstacle", "words"), OBSTACLES.values(), ids=OBSTACLES)
def test_what_is_not_taken_is_told_and_what_is_mended_is_taken_up(
    kubernetes: Kubernetes, obstacle: Obstacle, words: str
) -> None:
    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        await stage.installed()
        async with obstacle(stage, kubernetes):
            await stage.submit("1.1.2")
            await stage.passes(3)
            status = await stage.status()
            assert status["message"].startswith("1.1.2 cannot be made: the API server refuses its objects: ")
            assert words in status["message"]
            assert not status.get("quarantined")
            assert not status.get("takenBack")
        stage.heard()
        await stage.passes(2)
        assert await stage.cluster.get(DEPLOYMENTS, stage.namespace, NEW) is not None
        assert "is being fetched and loaded" in (await stage.status())["message"]

    play(kubernetes, story)
