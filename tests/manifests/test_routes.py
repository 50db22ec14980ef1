"""Reading a live VirtualService, and whom a host belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.core.observation import LiveRoute
from modelrollout.core.plan import Reason, Route
from modelrollout.manifests.istio import host_problem, live_route, shared_host, virtual_service
from tests.manifests.render import CASES, load, rollout_of


@pytest.mark.parametrize(
    ("case", "route"),
    [
        pytest.param("route-with-candidate", Route("2.3.1160", {"2.3.1160": 90, "2.4.1187": 10}), id="two versions"),
        pytest.param("route-for-some-requests", Route("2.3.1160", {"2.3.1160": 50, "2.4.1187": 50}), id="for some"),
        pytest.param("route-after-the-switch", Route("2.3.1160", {"2.4.1187": 100}), id="stable at 0"),
    ],
)
def test_what_is_written_is_what_is_read(case: str, route: Route) -> None:
    rollout, spec = rollout_of(load(CASES / case / "in.yaml")[0]["rollout"])
    assert live_route(virtual_service(rollout, spec, route), rollout) == LiveRoute(route.weights)


def test_the_preview_is_no_weight() -> None:
    (case,) = load(CASES / "route-with-preview" / "out.yaml")
    assert live_route(case, OURS) == LiveRoute({"2.3.1160": 100})


OURS, _ = rollout_of(load(CASES / "route-with-candidate" / "in.yaml")[0]["rollout"])
OUR_MANAGER = {"manager": "modelrollout-traffic"}

FOREIGN: dict[str, tuple[dict[str, Any], str]] = {
    "an owner": ({"ownerReferences": [{"kind": "Canary", "name": "fraud"}]}, "Canary fraud"),
    "a manager": ({"managedFields": [{"manager": "kubectl"}]}, "whoever applied it with kubectl"),
    "nobody known": ({}, "somebody else"),
    "another controller, and our fields": (
        {
            "ownerReferences": [{"kind": "Canary", "name": "fraud", "uid": "other", "controller": True}],
            "managedFields": [OUR_MANAGER],
        },
        "Canary fraud",
    ),
    "another rollout": ({"labels": {"modelrollout.dev/rollout": "other"}}, "somebody else"),
}


@pytest.mark.parametrize(("metadata", "owner"), FOREIGN.values(), ids=FOREIGN)
def test_somebody_elses_route(metadata: dict[str, Any], owner: str) -> None:
    live = {"metadata": {"name": "fraud", "namespace": "prod", **metadata}, "spec": {}}
    assert live_route(live, OURS) == LiveRoute(foreign_owner=owner)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"labels": {"modelrollout.dev/rollout": "fraud"}}, id="by its label"),
        pytest.param({"ownerReferences": [{"kind": "ModelRollout", "uid": OURS.uid}]}, id="by its owner"),
        pytest.param({"managedFields": [{"manager": "kubectl-replace"}, OUR_MANAGER]}, id="by who applied it"),
    ],
)
def test_our_own_route_whatever_was_taken_off_it(metadata: dict[str, Any]) -> None:
    live = {"metadata": {"name": "fraud", "namespace": "prod", **metadata}, "spec": {}}
    assert live_route(live, OURS) == LiveRoute()


def test_no_route() -> None:
    assert live_route(None, OURS) is None


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
    ],
)
def test_shared_hosts(theirs: dict[str, Any], expected: str | None) -> None:
    assert shared_host(["fraud.prod"], ["mesh", "prod/public"], "prod", theirs) == expected


FULL = "fraud.prod.svc.cluster.local"
SAME_HOSTS: dict[str, tuple[str, str, str, bool]] = {
    "a short name and its full one": ("fraud", FULL, "dev", True),
    "a full name and its short one": (FULL, "fraud", "prod", True),
    "a name that ends with svc": ("fraud.prod.svc", "fraud", "prod", True),
    "one short name in two namespaces": ("fraud", "fraud", "dev", False),
    "one short name in one namespace": ("fraud", "fraud", "prod", True),
    "a name with a dot": ("fraud.example.com", "fraud.example.com", "dev", True),
}


@pytest.mark.parametrize(("ours", "theirs", "their_namespace", "same"), SAME_HOSTS.values(), ids=SAME_HOSTS)
def test_a_name_without_a_dot_is_one_of_its_namespace(ours: str, theirs: str, their_namespace: str, same: bool) -> None:
    found = shared_host([ours], ["mesh"], "prod", live([theirs], ["mesh"], their_namespace))
    assert found == (ours if same else None)


HOSTS: dict[str, tuple[str, str, bool]] = {
    "a Service of its own namespace": ("fraud.prod.svc.cluster.local", "mesh", True),
    "a short name": ("fraud", "mesh", True),
    "a Service of another namespace": ("shop.web.svc.cluster.local", "mesh", False),
    "the same, shorter": ("shop.web.svc", "mesh", False),
    "the same behind a gateway alone": ("shop.web.svc.cluster.local", "istio-system/public", True),
    "a name of the world": ("fraud.example.com", "mesh", True),
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
        assert f"spec.traffic.hosts: {host} is a Service of namespace web" in problem.message
