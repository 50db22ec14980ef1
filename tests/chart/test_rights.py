"""The rights that the chart gives, asked of a real API server: what the operator needs, and nothing beyond."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apiserver import ApiServer
from tests.chart.chart import CHART, NAMESPACE, VALUES, helm

pytestmark = pytest.mark.apiserver

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:modelrollout"


@pytest.fixture(scope="module", params=["all namespaces", "two namespaces only"])
def installed(request: pytest.FixtureRequest, api_server: ApiServer) -> Iterator[str]:
    """The chart installed; gives the case."""
    case: str = request.param
    for name in ("team-a", "team-b"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        api_server.apply(f"/api/v1/namespaces/{name}", body)
    values = VALUES["as it comes" if case == "all namespaces" else case]
    # The definition may be there from other tests already, and is not what this is about.
    arguments = ["modelrollout", str(CHART), "--namespace", NAMESPACE, "--create-namespace", "--skip-crds"]
    helm(api_server, "install", *arguments, values=values | {"crds": {"install": False}})
    yield case
    helm(api_server, "uninstall", "modelrollout", "--namespace", NAMESPACE)


# (verb, group, resource, namespace, may it?)
RIGHTS = [
    ("watch", "modelrollout.dev", "modelrollouts", "team-a", True),
    ("patch", "modelrollout.dev", "modelrollouts/status", "team-a", True),
    ("update", "modelrollout.dev", "modelrollouts/status", "team-a", False),
    ("patch", "modelrollout.dev", "modelrollouts", "team-a", True),  # to take a command away that is answered
    ("update", "modelrollout.dev", "modelrollouts", "team-a", False),
    ("create", "modelrollout.dev", "modelrollouts", "team-a", False),
    ("delete", "modelrollout.dev", "modelrollouts", "team-a", False),
    *(
        (verb, group, resource, "team-b", verb != "get")
        for group, resource in (("apps", "deployments"), ("", "services"))
        for verb in ("get", "list", "watch", "create", "patch", "delete")
    ),
    *(
        (verb, "networking.istio.io", "virtualservices", "team-b", verb != "delete")
        for verb in ("get", "list", "watch", "create", "patch", "delete")
    ),
    ("deletecollection", "apps", "deployments", "team-b", False),
    ("patch", "apps", "statefulsets", "team-b", False),
    ("patch", "networking.istio.io", "gateways", "team-b", False),
    ("list", "", "pods", "team-a", True),
    ("get", "", "pods", "team-a", False),
    ("delete", "", "pods", "team-a", False),
    ("create", "", "pods/exec", "team-a", False),
    *((verb, "", "events", "team-a", verb != "delete") for verb in ("create", "get", "list", "update", "delete")),
    ("get", "", "configmaps", "team-a", True),
    ("list", "", "configmaps", "team-a", False),
    ("get", "", "secrets", "team-a", False),
    ("get", "", "secrets", NAMESPACE, False),
    ("get", "", "nodes", "", False),
    ("create", "coordination.k8s.io", "leases", NAMESPACE, True),
    ("update", "coordination.k8s.io", "leases", "team-a", False),
    ("bind", "rbac.authorization.k8s.io", "clusterroles", "", False),
]


@pytest.mark.parametrize(
    ("verb", "group", "resource", "namespace", "allowed"), RIGHTS, ids=[" ".join(row[:4]) for row in RIGHTS]
)
def test_rights_of_the_operator(
    api_server: ApiServer, installed: str, verb: str, group: str, resource: str, namespace: str, allowed: bool
) -> None:
    assert may(api_server, ACCOUNT, verb, group, resource, namespace) is allowed


@pytest.mark.parametrize(("name", "allowed"), [("modelrollout", True), ("somebody-elses", False)])
def test_only_its_own_lease(api_server: ApiServer, installed: str, name: str, allowed: bool) -> None:
    assert may(api_server, ACCOUNT, "update", "coordination.k8s.io", "leases", NAMESPACE, name) is allowed


def test_rights_end_at_the_namespaces_that_are_watched(api_server: ApiServer, installed: str) -> None:
    everywhere = installed == "all namespaces"
    assert may(api_server, ACCOUNT, "create", "apps", "deployments", "default") is everywhere
    assert may(api_server, ACCOUNT, "watch", "modelrollout.dev", "modelrollouts", "") is everywhere


def may(server: ApiServer, user: str, verb: str, group: str, resource: str, namespace: str, name: str = "") -> bool:
    """The API server's own answer."""
    resource, _, part = resource.partition("/")
    wanted = {"verb": verb, "group": group, "resource": resource, "subresource": part, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": wanted | {"name": name}},
    }
    answer = server.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert answer.status == 201, answer.message
    return bool(answer.body["status"]["allowed"])
