"""A cluster that has everything, made of a real API server: types, Istio's pods, the chart, a gateway, a rollout."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from modelrollout.resource.crd import crd
from tests.apiserver import ApiServer
from tests.chart.chart import CHART, NAMESPACE, helm

TYPES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ISTIO = [f"{plural}.networking.istio.io" for plural in ("virtualservices", "gateways")]
GATEWAY = "/apis/networking.istio.io/v1/namespaces/ingress/gateways/public"
ROLLOUT = "/apis/modelrollout.dev/v1alpha1/namespaces/prod/modelrollouts/fraud"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/modelrollout"
BINDING = f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{NAMESPACE}-modelrollout"


@dataclass(frozen=True, slots=True)
class Stage:
    """The API server with what a test puts on it."""

    server: ApiServer

    def types(self) -> None:
        """Ours and Istio's, served."""
        known = yaml.safe_load_all(self.server.programs.istio_types.read_text())
        for body in (crd(), *(item for item in known if item and item["metadata"]["name"] in ISTIO)):
            self.definition(body)

    def definition(self, body: dict[str, Any]) -> None:
        """One type, as given."""
        path = f"{TYPES}/{body['metadata']['name']}"
        assert self.server.apply(path, body, manager="test").status in (200, 201)
        until(lambda: "True" in str((self.server.ask("GET", path).body.get("status") or {}).get("conditions")))
        group, plural = body["spec"]["group"], body["spec"]["names"]["plural"]
        version = body["spec"]["versions"][0]["name"]
        until(lambda: self.server.ask("GET", f"/apis/{group}/{version}/{plural}").status == 200)

    def everything(self) -> None:
        """A cluster in which nothing is missing."""
        self.types()
        for name in ("istio-system", "ingress", "prod"):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self.server.apply(f"/api/v1/namespaces/{name}", body)
        values = {"crds": {"install": False}, "gateway": {"url": "http://gateway.ingress"}}
        arguments = ["--namespace", NAMESPACE, "--create-namespace", "--skip-crds"]
        helm(self.server, "install", "modelrollout", str(CHART), *arguments, values=values)
        self.operator_ready(1)
        self.pod("istio-system", "istiod")
        self.pod("ingress", "gateway")
        self.service("ingress", "gateway")
        self.service("istio-system", "prometheus")
        self.gateway(["fraud.example.com"])
        self.rollout()

    def operator_ready(self, number: int) -> None:
        """The status of the operator's Deployment, which no controller writes here."""
        status = {"status": {"replicas": 1, "readyReplicas": number, "availableReplicas": number}}
        self.merge(f"{DEPLOYMENT}/status", status)

    def pod(self, namespace: str, app: str, ready: bool = True, labels: dict[str, str] | None = None) -> None:
        """A pod that is ready, or not, with its name as the label ``app`` or with these."""
        path = f"/api/v1/namespaces/{namespace}/pods/{app}"
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": app, "labels": labels or {"app": app}},
            "spec": {"containers": [{"name": "proxy", "image": "proxy"}]},
        }
        assert self.server.apply(path, body).status in (200, 201)
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        self.merge(f"{path}/status", {"status": {"phase": "Running", "conditions": [condition]}})

    def service(self, namespace: str, name: str) -> None:
        """A Service that leads nowhere."""
        body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
        assert self.server.apply(f"/api/v1/namespaces/{namespace}/services/{name}", body).status in (200, 201)

    def gateway(self, hosts: list[str]) -> None:
        """The gateway, for these hosts."""
        server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts}
        body = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "public"},
            "spec": {"selector": {"app": "gateway"}, "servers": [server]},
        }
        assert self.server.apply(GATEWAY, body).status in (200, 201)

    def rollout(self, name: str = "fraud", gateway: str = "ingress/public") -> None:
        """A rollout behind it whose first version serves."""
        path = ROLLOUT.replace("fraud", name)
        body = {
            "apiVersion": "modelrollout.dev/v1alpha1",
            "kind": "ModelRollout",
            "metadata": {"name": name},
            "spec": {
                "model": {"name": "fraud", "version": "1.0.1", "uri": "pvc://models/fraud/1"},
                "traffic": {"hosts": [name if gateway == "mesh" else "fraud.example.com"], "gateways": [gateway]},
                "strategy": {"canary": {"steps": [{"setWeight": 10}]}},
            },
        }
        until(lambda: self.server.apply(path, body).status in (200, 201))
        stable = {"version": "1.0.1", "uri": "pvc://models/fraud/1", "weight": 100}
        self.merge(f"{path}/status", {"status": {"phase": "Healthy", "stable": stable}})

    def merge(self, path: str, body: dict[str, Any]) -> None:
        """A merge patch."""
        answer = self.server.ask("PATCH", path, body, content="application/merge-patch+json")
        assert answer.status == 200, answer.message

    def delete(self, path: str) -> dict[str, Any]:
        """Takes an object away, and gives what it was, to be put back."""
        body = dict(self.server.ask("GET", path).body)
        kept = {key: value for key, value in body["metadata"].items() if key in ("name", "namespace", "labels")}
        assert self.server.ask("DELETE", f"{path}?gracePeriodSeconds=0").status == 200
        until(lambda: self.server.ask("GET", path).status == 404)
        return {key: value for key, value in body.items() if key != "status"} | {"metadata": kept}


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Look until it has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)
