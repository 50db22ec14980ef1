"""Whom a host belongs to, and when two VirtualServices route the same one."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.core.plan import Reason
from modelrollout.manifests.hosts import host_problem, routed_hosts, shared_host
from modelrollout.resource.rollout import CLUSTER_DOMAIN
from tests.manifests.render import CASES, load, rollout_of


def live(hosts: list[str], gateways: list[str] | None, namespace: str = "prod") -> dict[str, Any]:
    return {"metadata": {"namespace": namespace}, "spec": {"hosts": hosts, "gateways": gateways}}


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        pytest.param(live(["fraud.prod"], ["mesh"]), "fraud.prod", id="same host, same gateway"),
        pytest.param(live(["fraud.prod"], None), "fraud.prod", id="no gateway means the mesh"),
        pytest.param(live(["other.prod"], ["mesh"]), None, id="another host"),
        pytest.param(live(["fraud.prod"], ["istio-system/internal"]), None, id="another gateway"),
        pytest.param(live(["fraud.prod"], ["public"]), "fraud.prod", id="gateway of the same namespace"),
        pytest.param(live(["fraud.prod"], ["public"], "dev"), None, id="gateway of another namespace"),
        pytest.param(live(["fraud.prod"], ["prod/public"], "dev"), "fraud.prod", id="that gateway by its full name"),
        pytest.param(live(["fraud.prod"], ["./public"]), "fraud.prod", id="that gateway as one of the same namespace"),
        pytest.param(live(["fraud.prod"], ["public.prod"], "dev"), "fraud.prod", id="in Istio's older spelling"),
        pytest.param(live(["fraud.prod"], ["public.prod.svc.cluster.local"], "dev"), "fraud.prod", id="the same, full"),
        pytest.param(live(["fraud.prod"], ["public.dev"]), None, id="another namespace in that spelling"),
    ],
)
def test_shared_hosts(theirs: dict[str, Any], expected: str | None) -> None:
    assert shared_host(["fraud.prod"], ["mesh", "prod/public"], "prod", theirs, CLUSTER_DOMAIN) == expected


FULL = "fraud.prod.svc.cluster.local"
SAME_HOSTS: dict[str, tuple[str, str, str, bool]] = {
    "a short name and its full one": ("fraud", FULL, "dev", True),
    "a full name and its short one": (FULL, "fraud", "prod", True),
    "a name that ends with svc": ("fraud.prod.svc", "fraud", "prod", True),
    "one short name in two namespaces": ("fraud", "fraud", "dev", False),
    "one short name in one namespace": ("fraud", "fraud", "prod", True),
    "a Service by its namespace alone": ("fraud.prod", FULL, "dev", True),
    "the same the other way round": (FULL, "fraud.prod", "dev", True),
    "a name with a dot": ("fraud.example.com", "fraud.example.com", "dev", True),
}


@pytest.mark.parametrize(("ours", "theirs", "their_namespace", "same"), SAME_HOSTS.values(), ids=SAME_HOSTS)
def test_a_name_without_a_dot_is_one_of_its_namespace(ours: str, theirs: str, their_namespace: str, same: bool) -> None:
    found = shared_host([ours], ["mesh"], "prod", live([theirs], ["mesh"], their_namespace), CLUSTER_DOMAIN)
    assert found == (ours if same else None)


HOSTS: dict[str, tuple[str, str, bool]] = {
    "a Service of its own namespace": ("fraud.prod.svc.cluster.local", "mesh", True),
    "a short name": ("fraud", "mesh", True),
    "a Service of another namespace": ("shop.web.svc.cluster.local", "mesh", False),
    "the same, shorter": ("shop.web.svc", "mesh", False),
    "the same behind a gateway alone": ("shop.web.svc.cluster.local", "istio-system/public", True),
    "the same by its namespace alone": ("shop.web", "mesh", False),
    "its own by its namespace alone": ("fraud.prod", "mesh", True),
    "a name of the world": ("fraud.example.com", "mesh", True),
    "a name of the world at a gateway": ("shop.web", "istio-system/public", True),
}


@pytest.mark.parametrize(("host", "gateway", "allowed"), HOSTS.values(), ids=HOSTS)
def test_nobody_takes_the_requests_of_another_namespace(host: str, gateway: str, allowed: bool) -> None:
    (case,) = load(CASES / "route-of-one-version" / "in.yaml")
    case["rollout"]["spec"]["traffic"] = {"hosts": [host], "gateways": [gateway]}
    rollout, spec = rollout_of(case["rollout"])
    assert rollout.namespace == "prod"
    problem = host_problem(rollout, spec)
    assert (problem is None) is allowed
    if problem is not None:
        assert problem.reason is Reason.FOREIGN_HOST
        assert f"spec.traffic.hosts: {host} is" in problem.message
        assert "a Service of namespace web, and the gateway mesh" in problem.message


EXAMPLE = "fraud.example.com"
ROUTED: dict[str, tuple[list[str], list[str], list[str]]] = {
    "a full name": ([FULL], ["mesh"], [FULL]),
    "a name without a dot, which Istio completes": (["fraud"], ["mesh"], ["fraud"]),
    "by its namespace, which Istio completes not": (["fraud.prod"], ["mesh"], ["fraud.prod", FULL]),
    "the same with svc": (["fraud.prod.svc"], ["mesh"], ["fraud.prod.svc", FULL]),
    "several names of one Service": (
        ["fraud.prod", "fraud.prod.svc"],
        ["mesh"],
        ["fraud.prod", "fraud.prod.svc", FULL],
    ),
    "the full name is there": (["fraud.prod", FULL], ["mesh"], ["fraud.prod", FULL]),
    "the name without a dot is there": (["fraud.prod", "fraud"], ["mesh"], ["fraud.prod", "fraud"]),
    "a name of the world": ([EXAMPLE], ["mesh"], [EXAMPLE]),
    "in the mesh and at a gateway": (["fraud.prod"], ["mesh", "ingress/public"], ["fraud.prod", FULL]),
    "at a gateway alone, which goes by the letter": (["fraud.prod"], ["ingress/public"], ["fraud.prod"]),
}


@pytest.mark.parametrize(("hosts", "gateways", "routed"), ROUTED.values(), ids=ROUTED)
def test_callers_of_a_service_are_routed_by_whichever_name(
    hosts: list[str], gateways: list[str], routed: list[str]
) -> None:
    (case,) = load(CASES / "route-of-one-version" / "in.yaml")
    case["rollout"]["spec"]["traffic"] = {"hosts": hosts, "gateways": gateways}
    rollout, spec = rollout_of(case["rollout"])
    assert routed_hosts(spec, rollout) == routed
