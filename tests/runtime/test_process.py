"""The operator as a process against a real API server: it starts, works, hands over, and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from modelrollout.resource.rollout import INSTANCE_LABEL
from tests.apiserver import ApiServer
from tests.kubernetes import Kubernetes

pytestmark = pytest.mark.apiserver

SECONDS = 120.0  # that anything may take on a busy machine
APPS = "/apis/apps/v1/namespaces"
ISTIO = "/apis/networking.istio.io/v1/namespaces"
OURS = "/apis/modelrollout.dev/v1alpha1/namespaces"


@dataclass
class Process:
    """One operator."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return requests.get(f"http://{self.address}/readyz", timeout=5).ok
        except requests.ConnectionError:
            return False

    def metrics(self) -> str:
        return requests.get(f"http://{self.address}/metrics", timeout=5).text

    def arms(self) -> int:
        return requests.get(f"http://{self.address}/v1/arms", timeout=5).status_code

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line]

    def says(self, words: str) -> bool:
        return any(words in line["message"] for line in self.lines())


Start = Callable[..., Process]


@pytest.fixture
def namespace(kubernetes: Kubernetes) -> str:
    return kubernetes.namespace()


@pytest.fixture
def start(kubernetes: Kubernetes, namespace: str, tmp_path: Path) -> Iterator[Start]:
    """Starts operators that watch the namespace, and ends them with the test."""
    with ExitStack() as stack:

        def one(name: str, **settings: str) -> Process:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                address = f"127.0.0.1:{free.getsockname()[1]}"
            chosen = {"namespaces": namespace, "prometheus_url": "http://127.0.0.1:9", "listen": address, **settings}
            environment = {
                **os.environ,
                "KUBECONFIG": str(kubernetes.server.kubeconfig),
                **{f"MODELROLLOUT_{key.upper()}": value for key, value in chosen.items()},
            }
            log = tmp_path / f"{name}.log"
            command = [sys.executable, "-c", "from modelrollout.cli.main import main; main()", "operator"]
            with log.open("wb") as output:
                process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return Process(process, address, log)

        yield one


def until(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < end, f"after {SECONDS:g} s still not true: {what}"
        time.sleep(0.1)


def submit(server: ApiServer, namespace: str) -> None:
    """A rollout, and the Service that its callers resolve."""
    described = {"name": "fraud", "namespace": namespace}
    callers = {"apiVersion": "v1", "kind": "Service", "metadata": described, "spec": {"ports": [{"port": 8501}]}}
    assert server.apply(f"/api/v1/namespaces/{namespace}/services/fraud", callers, manager="user").status == 201
    spec = {
        "model": {"name": "fraud", "version": "1.0.1", "uri": "https://models.example.com/1.tar.gz"},
        "traffic": {"hosts": [f"fraud.{namespace}"]},
        "strategy": {"canary": {"steps": [{"setWeight": 10, "for": "1h"}]}},
    }
    body = {
        "apiVersion": "modelrollout.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "fraud", "namespace": namespace},
        "spec": spec,
    }
    answer = server.apply(f"{OURS}/{namespace}/modelrollouts/fraud", body, manager="user")
    assert answer.status == 201, answer.message


def pods_ready(server: ApiServer, namespace: str) -> None:
    path = f"{APPS}/{namespace}/deployments/fraud-1-0-1"
    until(lambda: server.ask("GET", path).status == 200, "there is a Deployment")
    status = {"readyReplicas": 1, "replicas": 1, "availableReplicas": 1, "updatedReplicas": 1}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "status": status}
    answer = server.apply(f"{path}/status", {**body, "metadata": {"name": "fraud-1-0-1"}}, manager="controller")
    assert answer.status == 200, answer.message


def phase(server: ApiServer, namespace: str) -> str:
    body = server.ask("GET", f"{OURS}/{namespace}/modelrollouts/fraud").body
    return str(body.get("status", {}).get("phase"))


def install(server: ApiServer, namespace: str) -> None:
    submit(server, namespace)
    pods_ready(server, namespace)
    until(lambda: phase(server, namespace) == "Healthy", "the first version serves")


def reasons(operator: Process, namespace: str) -> set[object]:
    """What an operator told of the rollout."""
    return {line.get("reason") for line in operator.lines() if line.get("rollout") == f"{namespace}/fraud"}


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


@contextmanager
def hanging(server: ApiServer) -> Iterator[None]:
    """The API server takes connections and answers nothing."""
    folder = server.kubeconfig.parent
    [process] = [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if (entry / "comm").read_text() == "kube-apiserver\n" and (entry / "cwd").resolve() == folder.resolve()
    ]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


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
