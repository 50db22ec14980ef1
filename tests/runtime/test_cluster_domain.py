"""A whole release in a cluster of another domain, on a real API server."""

from __future__ import annotations

import pytest

from modelrollout.adapters.cluster import EVENTS, VIRTUAL_SERVICES
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage, play

pytestmark = pytest.mark.apiserver

DOMAIN = "k8s.corp.local"


async def hosts(stage: Stage) -> set[str]:
    """All that the live route leads to."""
    live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, stage.name)
    assert live is not None
    return {item["destination"]["host"] for rule in live["spec"]["http"] for item in rule["route"]}


async def told(stage: Stage) -> list[str]:
    found = await stage.cluster.list(EVENTS, stage.namespace)
    return [item["message"] for item in found if item["reason"] == "HostWithoutService"]


def test_a_release_leads_to_names_of_this_domain_and_is_no_drift(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.service()
        await stage.installed(traffic={"hosts": [f"fraud.{stage.namespace}.svc.{DOMAIN}"]})
        assert await hosts(stage) == {f"fraud-1-0-1.{stage.namespace}.svc.{DOMAIN}"}
        stage.heard()
        stage.writes.clear()
        await stage.passes(2)
        assert stage.writes == [], "what was written is what is read"
        assert await told(stage) == []

    play(kubernetes, story, cluster_domain=DOMAIN)


def test_a_host_of_another_domain_is_refused(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        host = f"fraud.{stage.namespace}.svc.cluster.local"
        await stage.submit(traffic={"hosts": [host]})
        await stage.passes(2)
        said = (await stage.status())["message"]
        assert f"spec.traffic.hosts: {host} is no Service of namespace {stage.namespace}" in said
        assert f"tell the operator its cluster's domain, if that is not {DOMAIN} (clusterDomain)" in said

    play(kubernetes, story, cluster_domain=DOMAIN)
