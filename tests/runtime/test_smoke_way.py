"""Where smoke requests go: behind a Gateway, or through the proxy of the mesh that the owner names, or nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from modelrollout.adapters.cluster import ApiError, Cluster, Resource
from modelrollout.adapters.samples import Mesh
from modelrollout.api.traffic import Header
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.given_samples import NotSent
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.smoke_way import NO_PROXY, NO_SERVICE, check_service, smoke_way

PREVIEW = Header(name="x-model-preview", value="green")
VERSION, FULL = "1.0.2", "fraud.prod.svc.cluster.local"
GATEWAY, PROXY = "http://gateway.ingress", "http://127.0.0.1:8501"
SETTINGS = Settings(gateway_url=f"{GATEWAY}/", mesh_proxy_url=f"{PROXY}/")


def way(hosts: list[str], gateways: list[str] | None, settings: Settings = SETTINGS) -> Mesh:
    """That of a rollout of the namespace prod."""
    model = {"name": "fraud", "version": VERSION, "uri": "https://x.example/2.tar.gz"}
    traffic: dict[str, Any] = {"hosts": hosts} | ({"gateways": gateways} if gateways else {})
    body = {
        "metadata": {"name": "fraud", "namespace": "prod", "uid": "u"},
        "spec": {"model": model, "traffic": traffic, "strategy": {"blueGreen": {}}},
    }
    rollout = ModelRollout.from_json(body)
    assert isinstance(rollout.spec, Spec), rollout.spec
    return smoke_way(rollout, rollout.spec, settings, PREVIEW, VERSION)


WAYS: dict[str, tuple[list[str], list[str] | None, str, str, str | None]] = {
    "at a gateway": (["fraud.example.com"], ["ingress/public"], GATEWAY, "fraud.example.com", None),
    "at a gateway and in the mesh": (["fraud.prod"], ["mesh", "ingress/public"], GATEWAY, "fraud.prod", None),
    "in the mesh": ([FULL], ["mesh"], PROXY, FULL, "fraud"),
    "in the mesh, which is the default": ([FULL], None, PROXY, FULL, "fraud"),
    "a name without a dot is of the rollout's namespace": (["fraud"], None, PROXY, FULL, "fraud"),
    "by its namespace": (["fraud.prod"], None, PROXY, FULL, "fraud"),
    "with svc": (["fraud.prod.svc"], None, PROXY, FULL, "fraud"),
    "what would be the operator's own pod": (
        ["localhost"],
        None,
        PROXY,
        "localhost.prod.svc.cluster.local",
        "localhost",
    ),
    "a host of the world before it": (["fraud.example.com", "fraud"], None, PROXY, FULL, "fraud"),
}


@pytest.mark.parametrize(("hosts", "gateways", "url", "host", "service"), WAYS.values(), ids=WAYS)
def test_where_they_enter_and_by_which_host(
    hosts: list[str], gateways: list[str] | None, url: str, host: str, service: str | None
) -> None:
    assert way(hosts, gateways) == Mesh(url, host, PREVIEW, VERSION, service)


NO_WAYS: dict[str, tuple[str, Settings, str]] = {
    "no proxy of the mesh is named": ("fraud", Settings(), NO_PROXY),
    "a node's metadata": ("169.254.169.254", SETTINGS, NO_SERVICE.format("prod")),
    "the operator's own pod": ("127.0.0.1", SETTINGS, NO_SERVICE.format("prod")),
    "a Service of another namespace": ("fraud.web", SETTINGS, NO_SERVICE.format("prod")),
    "the same by its full name": ("fraud.web.svc.cluster.local", SETTINGS, NO_SERVICE.format("prod")),
    "a host of the world that the owner allows": ("fraud.example.com", SETTINGS, NO_SERVICE.format("prod")),
}


@pytest.mark.parametrize(("host", "settings", "words"), NO_WAYS.values(), ids=NO_WAYS)
def test_what_nothing_is_sent_to(host: str, settings: Settings, words: str) -> None:
    with pytest.raises(NotSent) as raised:
        way([host], None, settings)
    assert str(raised.value) == words


class Services:
    """A cluster with these Services of the namespace prod, or one that refuses to tell."""

    def __init__(self, services: Mapping[str, Any] | ApiError) -> None:
        self._services = services

    async def page(self, resource: Resource, namespace: str, fields: Mapping[str, str], most: int) -> list[Any]:
        """Those of the name that is asked for."""
        if isinstance(self._services, ApiError):
            raise self._services
        found = self._services.get(fields["metadata.name"]) if namespace == "prod" else None
        return [] if found is None else [{"spec": found}]


CLUSTER_IP, ELSEWHERE = {"type": "ClusterIP"}, {"type": "ExternalName", "externalName": "metadata.internal"}
SERVICES: dict[str, tuple[Mapping[str, Any] | ApiError, str | None]] = {
    "one with pods": ({"fraud": CLUSTER_IP}, None),
    "none of that name": ({"other": CLUSTER_IP}, "there is no Service fraud in prod"),
    "another name for something else": ({"fraud": ELSEWHERE}, "of type ExternalName, and leads elsewhere"),
    "nobody tells": (ApiError(403, "no"), "Service fraud cannot be read"),
}


@pytest.mark.parametrize(("services", "words"), SERVICES.values(), ids=SERVICES)
def test_the_service_is_asked_for_first(services: Mapping[str, Any] | ApiError, words: str | None) -> None:
    asking = check_service(cast(Cluster, Services(services)), "prod", "fraud")
    if words is None:
        asyncio.run(asking)
        return
    with pytest.raises(NotSent, match=words):
        asyncio.run(asking)
