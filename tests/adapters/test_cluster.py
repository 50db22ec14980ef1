"""The Kubernetes API against a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.cluster import (
    CONFIG_MAPS,
    LEASES,
    MODEL_ROLLOUTS,
    SERVICES,
    VIRTUAL_SERVICES,
    ApiError,
    Cluster,
    Conflict,
    Resource,
)
from tests.kubernetes import Kubernetes

pytestmark = pytest.mark.apiserver


def config_map(namespace: str, name: str = "c", **data: str) -> dict[str, Any]:
    described = {"name": name, "namespace": namespace, "labels": {"test": "yes"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": described, "data": data}


def rollout(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "modelrollout.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "fraud", "namespace": namespace},
        "spec": {
            "model": {"name": "fraud", "version": "1.0.1", "uri": "https://models.example.com/1.tar.gz"},
            "traffic": {"hosts": ["fraud.prod"]},
            "strategy": {"blueGreen": {}},
        },
    }


@pytest.mark.parametrize(
    ("resource", "namespace", "path"),
    [
        pytest.param(SERVICES, "prod", "/api/v1/namespaces/prod/services/x", id="core"),
        pytest.param(LEASES, "prod", "/apis/coordination.k8s.io/v1/namespaces/prod/leases/x", id="group"),
        pytest.param(SERVICES, None, "/api/v1/services/x", id="all namespaces"),
    ],
)
def test_paths(resource: Resource, namespace: str | None, path: str) -> None:
    assert resource.path(namespace, "x") == path
    assert resource.path(namespace, "x", "status") == f"{path}/status"


def test_what_is_not_there_is_none(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace()
    assert kubernetes.run(lambda cluster: cluster.get(CONFIG_MAPS, namespace, "nothing")) is None


def test_each_field_manager_owns_its_own_fields(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> dict[str, Any]:
        await cluster.apply(CONFIG_MAPS, config_map(namespace, ours="1", old="1"), "ours")
        await cluster.apply(CONFIG_MAPS, config_map(namespace, theirs="1"), "theirs")
        return await cluster.apply(CONFIG_MAPS, config_map(namespace, ours="2"), "ours")

    assert kubernetes.run(body)["data"] == {"ours": "2", "theirs": "1"}


def test_without_force_what_others_own_is_left_alone(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        await cluster.apply(CONFIG_MAPS, config_map(namespace, key="theirs"), "theirs")
        with pytest.raises(Conflict, match="theirs"):
            await cluster.apply(CONFIG_MAPS, config_map(namespace, key="ours"), "ours", force=False)
        taken = await cluster.apply(CONFIG_MAPS, config_map(namespace, key="ours"), "ours")
        assert taken["data"] == {"key": "ours"}

    kubernetes.run(body)


def test_a_list_has_all_pages_and_only_what_carries_the_labels(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelrollout.adapters.cluster._PAGE", 2)
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> list[str]:
        for number in range(5):
            await cluster.create(CONFIG_MAPS, config_map(namespace, f"c{number}"))
        other = config_map(namespace, "other")
        del other["metadata"]["labels"]
        await cluster.create(CONFIG_MAPS, other)
        found = await cluster.list(CONFIG_MAPS, namespace, {"test": "yes"})
        return [item["metadata"]["name"] for item in found]

    assert kubernetes.run(body) == ["c0", "c1", "c2", "c3", "c4"]


def test_a_status_is_written_only_by_who_knows_the_newest(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        created = await cluster.create(MODEL_ROLLOUTS, rollout(namespace))
        status = {
            "apiVersion": created["apiVersion"],
            "kind": created["kind"],
            "metadata": {
                "name": "fraud",
                "namespace": namespace,
                "resourceVersion": created["metadata"]["resourceVersion"],
            },
            "status": {"phase": "Pending", "message": "first"},
        }
        written = await cluster.apply_status(MODEL_ROLLOUTS, status)
        assert written["status"]["message"] == "first"
        with pytest.raises(Conflict):
            await cluster.apply_status(MODEL_ROLLOUTS, {**status, "status": {"phase": "Healthy"}})
        fresh = {**status["metadata"], "resourceVersion": written["metadata"]["resourceVersion"]}
        again = await cluster.apply_status(
            MODEL_ROLLOUTS, {**status, "metadata": fresh, "status": {"phase": "Healthy"}}
        )
        assert again["status"] == {"phase": "Healthy"}, "what is no longer said is gone"
        assert again["spec"] == created["spec"]

    kubernetes.run(body)


def test_a_refusal_is_told_in_the_api_servers_words(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> ApiError:
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": namespace}}
        with pytest.raises(ApiError) as caught:
            await cluster.apply(SERVICES, {**service, "spec": {"ports": []}}, "test")
        return caught.value

    error = kubernetes.run(body)
    assert error.is_refusal
    assert "spec.ports: Required value" in str(error)


def test_exactly_the_object_that_was_seen_is_deleted(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        first = await cluster.create(CONFIG_MAPS, config_map(namespace))
        await cluster.delete(CONFIG_MAPS, namespace, "c", first["metadata"]["uid"])
        await cluster.delete(CONFIG_MAPS, namespace, "c", first["metadata"]["uid"])  # gone already
        second = await cluster.create(CONFIG_MAPS, config_map(namespace))
        await cluster.delete(CONFIG_MAPS, namespace, "c", first["metadata"]["uid"])
        assert await cluster.get(CONFIG_MAPS, namespace, "c") == second

    kubernetes.run(body)


def test_rules_of_a_route_are_replaced_whole(kubernetes: Kubernetes) -> None:
    """A VirtualService's list of rules has no merge key: whoever applies it owns all of it."""
    namespace = kubernetes.namespace()

    def route(*names: str) -> dict[str, Any]:
        rules = [{"name": name, "route": [{"destination": {"host": name}}]} for name in names]
        described = {"name": "r", "namespace": namespace}
        return {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": described,
            "spec": {"hosts": ["h"], "http": rules},
        }

    async def body(cluster: Cluster) -> list[str]:
        await cluster.apply(VIRTUAL_SERVICES, route("theirs", "both"), "theirs")
        applied = await cluster.apply(VIRTUAL_SERVICES, route("ours"), "ours")
        return [rule["name"] for rule in applied["spec"]["http"]]

    assert kubernetes.run(body) == ["ours"]
