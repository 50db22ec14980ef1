"""The operator as a process against a real API server: it starts, works, hands over, and ends."""

from __future__ import annotations

import signal
import socket

import pytest

from modelrollout.resource.rollout import INSTANCE_LABEL
from tests.kubernetes import Kubernetes
from tests.runtime.operating import (
    ISTIO,
    OURS,
    SECONDS,
    Start,
    hanging,
    install,
    phase,
    pods_ready,
    reasons,
    submit,
    until,
)

pytestmark = pytest.mark.apiserver


def test_it_works_by_its_watches_alone(kubernetes: Kubernetes, namespace: str, start: Start) -> None:
    operator, server = start("a"), kubernetes.server
    until(operator.is_ready, "the operator is ready")
    install(server, namespace)
    route = f"{ISTIO}/{namespace}/virtualservices/fraud"
    assert server.ask("GET", route).status == 200
    server.ask("DELETE", route)
    until(lambda: server.ask("GET", route).status == 200, "the route is restored")
    assert f'modelrollout_phase{{namespace="{namespace}",rollout="fraud",phase="Healthy"}} 1' in operator.metrics()

    # The Event comes after the route.
    expected = {"ReleaseStarted", "Installed", "RouteRestored"}
    until(lambda: expected <= reasons(operator, namespace), "people are told")


def test_it_leaves_no_trace_of_kopf(kubernetes: Kubernetes, namespace: str, start: Start) -> None:
    until(start("a").is_ready, "the operator is ready")
    install(kubernetes.server, namespace)
    described = kubernetes.server.ask("GET", f"{OURS}/{namespace}/modelrollouts/fraud").body["metadata"]
    assert "finalizers" not in described
    assert "annotations" not in described
    assert {entry["manager"] for entry in described["managedFields"]} == {"user", "modelrollout-status"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(kubernetes: Kubernetes, namespace: str, start: Start, number: int) -> None:
    """In the middle of its work. (A signal while kopf still opens its watches makes kopf complain on the way out.)"""
    operator = start("a", lease_namespace=namespace)
    until(operator.is_ready, "the operator is ready")
    submit(kubernetes.server, namespace)
    until(lambda: phase(kubernetes.server, namespace) == "Pending", "it works")
    operator.process.send_signal(number)
    assert operator.process.wait(SECONDS) == 0, operator.log.read_text()
    assert operator.says("is given back")
    assert [line for line in operator.lines() if line["level"] in ("ERROR", "WARNING")] == []


def test_another_goes_on_when_the_leader_is_killed(kubernetes: Kubernetes, namespace: str, start: Start) -> None:
    lease = {"lease_namespace": namespace, "lease_duration": "4s", "lease_renew": "500ms"}
    first = start("a", identity="a", **lease)
    until(lambda: first.says("holds the Lease"), "the first leads")
    second = start("b", identity="b", **lease)
    until(lambda: second.says("held by a; this replica stands by"), "the second stands by")
    until(second.is_ready, "a replica that stands by is ready")
    assert (first.arms(), second.arms()) == (200, 503)
    submit(kubernetes.server, namespace)
    until(lambda: phase(kubernetes.server, namespace) == "Pending", "the first works")
    first.process.kill()
    pods_ready(kubernetes.server, namespace)
    until(lambda: phase(kubernetes.server, namespace) == "Healthy", "the second goes on")
    assert second.says("b, holds the Lease")
    until(lambda: second.arms() == 200, "the second knows the trials")


def test_of_two_installations_each_looks_after_its_own(kubernetes: Kubernetes, namespace: str, start: Start) -> None:
    nameless, named, server = start("nameless"), start("eu", instance="eu"), kubernetes.server
    until(lambda: nameless.is_ready() and named.is_ready(), "both are ready")
    submit(server, namespace)
    until(lambda: phase(server, namespace) == "Pending", "who has no name works")
    assert reasons(named, namespace) == set()
    label = {"metadata": {"labels": {INSTANCE_LABEL: "eu"}}}
    path = f"{OURS}/{namespace}/modelrollouts/fraud"
    assert server.ask("PATCH", path, label, content="application/merge-patch+json").status == 200
    pods_ready(server, namespace)
    until(lambda: phase(server, namespace) == "Healthy", "the other goes on in the middle of the release")
    until(lambda: "Installed" in reasons(named, namespace), "and tells of it")
    assert "ReleaseStarted" in reasons(nameless, namespace)
    assert "Installed" not in reasons(nameless, namespace)


SHORT = {"lease_duration": "4s", "lease_renew": "500ms"}


def test_who_loses_the_lease_stands_by_and_goes_on_when_it_may(
    kubernetes: Kubernetes, namespace: str, start: Start
) -> None:
    operator = start("a", identity="a", lease_namespace=namespace, **SHORT)
    until(lambda: operator.says("holds the Lease"), "it leads")
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/modelrollout"
    live = kubernetes.server.ask("GET", path).body
    spec = {**live["spec"], "holderIdentity": "x", "leaseDurationSeconds": 4}
    kubernetes.server.apply(path, {"apiVersion": live["apiVersion"], "kind": "Lease", "spec": spec}, manager="x")
    until(lambda: operator.says("is held by x now; this replica stops working and stands by"), "it stands by")
    submit(kubernetes.server, namespace)
    until(lambda: phase(kubernetes.server, namespace) == "Pending", "x was not there, so it leads again")
    assert operator.process.poll() is None


def test_an_api_server_that_hangs_for_longer_than_the_lease_ends_no_process(
    kubernetes: Kubernetes, namespace: str, start: Start
) -> None:
    operator = start("a", identity="a", lease_namespace=namespace, api_timeout="3s", **SHORT)
    until(lambda: operator.says("holds the Lease"), "it leads")
    with hanging(kubernetes.server):
        until(lambda: operator.says("could not be renewed"), "it stands by")
    submit(kubernetes.server, namespace)
    until(lambda: phase(kubernetes.server, namespace) == "Pending", "it works again")
    assert operator.process.poll() is None


def test_it_says_which_setting_is_wrong(start: Start) -> None:
    operator = start("a", poll="soon")
    assert operator.process.wait(SECONDS) == 1
    assert operator.log.read_text().startswith("error: MODELROLLOUT_POLL: 'soon' cannot be read")


def test_it_says_that_its_address_is_taken(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        operator = start("a", listen=address)
        assert operator.process.wait(SECONDS) == 1
    assert f"error: MODELROLLOUT_LISTEN: {address} cannot be served" in operator.log.read_text()
