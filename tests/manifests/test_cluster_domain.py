"""A cluster of another domain than cluster.local: every name of a Service ends with it, those that are written as those
that are read."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from modelrollout.adapters.metrics.base import Target
from modelrollout.adapters.metrics.envoy import ENVOY
from modelrollout.adapters.metrics.istio import ISTIO
from modelrollout.api.route import Route
from modelrollout.manifests.destinations import destinations
from modelrollout.manifests.gateways import admits
from modelrollout.manifests.hosts import host_problem, of_another_domain, services_of_hosts, shared_host
from modelrollout.manifests.istio import live_route, virtual_service
from modelrollout.resource.rollout import CLUSTER_DOMAIN
from tests.manifests.render import CASES, dump, load, render, rollout_of

DOMAIN = "k8s.corp.local"


def moved(case: Any) -> Any:
    """The same in a cluster of the other domain."""
    return yaml.safe_load(yaml.safe_dump(case).replace(CLUSTER_DOMAIN, DOMAIN))


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_every_name_ends_with_it_and_nothing_else_is_otherwise(name: str) -> None:
    (case,) = load(CASES / name / "in.yaml")
    assert render(moved(case), DOMAIN) == moved(render(case))
    assert CLUSTER_DOMAIN not in dump(render(moved(case), DOMAIN))


ROUTES = sorted(path.name for path in CASES.iterdir() if path.name.startswith("route-"))


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_is_read_as_it_was_written(name: str) -> None:
    case = moved(load(CASES / name / "in.yaml")[0])
    rollout, spec = rollout_of(case["rollout"], DOMAIN)
    route = Route.model_validate(case["route"])
    written = virtual_service(rollout, spec, route, None, case.get("epoch", 0))
    live = copy.deepcopy(written)
    live["metadata"]["uid"] = "u"
    seen = live_route(live, rollout)
    assert seen is not None
    assert seen.route == route
    assert all(item.service is not None for item in destinations(live, rollout))


HOSTS: dict[str, tuple[str, list[str], bool, str | None]] = {
    "a short name": ("fraud", ["fraud"], True, None),
    "the full one": (f"fraud.prod.svc.{DOMAIN}", ["fraud"], True, None),
    "of another namespace": (f"shop.web.svc.{DOMAIN}", [], False, None),
    "the same, shorter": ("shop.web.svc", [], False, None),
    "the full one of another cluster": ("fraud.prod.svc.cluster.local", [], True, "fraud.prod.svc.cluster.local"),
    "one of several clusters": ("fraud.prod.svc.clusterset.local", [], True, None),
    "a name of the world": ("fraud.svc.example.com", [], True, None),
}


@pytest.mark.parametrize(("host", "services", "allowed", "elsewhere"), HOSTS.values(), ids=HOSTS)
def test_whose_a_host_is(host: str, services: list[str], allowed: bool, elsewhere: str | None) -> None:
    (case,) = load(CASES / "route-of-one-version" / "in.yaml")
    case["rollout"]["spec"]["traffic"] = {"hosts": [host], "gateways": ["mesh"]}
    rollout, spec = rollout_of(case["rollout"], DOMAIN)
    assert services_of_hosts([host], rollout) == services
    assert (host_problem(rollout, spec) is None) is allowed
    assert of_another_domain([host], rollout) == elsewhere


def test_two_ways_to_write_one_host() -> None:
    theirs = {"metadata": {"namespace": "dev"}, "spec": {"hosts": [f"fraud.prod.svc.{DOMAIN}"]}}
    assert shared_host(["fraud"], ["mesh"], "prod", theirs, DOMAIN) == "fraud"
    assert shared_host(["fraud"], ["mesh"], "prod", theirs, CLUSTER_DOMAIN) is None


def test_a_gateway_that_lets_in_the_full_name() -> None:
    gateway = {"metadata": {"namespace": "ingress"}, "spec": {"servers": [{"hosts": [f"*.prod.svc.{DOMAIN}"]}]}}
    assert admits(gateway, "prod", "fraud", DOMAIN)
    assert not admits(gateway, "prod", "fraud", CLUSTER_DOMAIN)


@pytest.mark.parametrize("provider", [ENVOY, ISTIO], ids=lambda provider: provider.name)
def test_counters_are_asked_for_by_it(provider: Any) -> None:
    target = Target("prod", "fraud", "2.4.1187", domain=DOMAIN)
    assert provider.identify(target) == f"fraud-2-4-1187.prod.svc.{DOMAIN}"
    assert r"fraud-2-4-1187\.prod\.svc\.k8s\.corp\.local" in provider.errors_query([target])
