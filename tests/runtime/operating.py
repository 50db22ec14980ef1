"""An operator as a process of its own against a real API server, and a rollout for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.apiserver import ApiServer

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
        return self.times(words) > 0

    def times(self, words: str) -> int:
        return sum(words in line["message"] for line in self.lines())


Start = Callable[..., Process]


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
