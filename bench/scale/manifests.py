"""What the bench creates: rollouts that hold a canary for hours, and the gateway that they are behind."""

from __future__ import annotations

from bench.scale.client import NAMESPACE, Object

GATEWAY = "istio-system/public"
DOMAIN = "scale.example"


def gateway() -> Object:
    """Lets every rollout's hosts in."""
    namespace, _, name = GATEWAY.partition("/")
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [{"port": port, "hosts": [f"*.{DOMAIN}"]}]},
    }


def name_of(number: int) -> str:
    """``r0007``."""
    return f"r{number:04d}"


def host_of(name: str, version: str) -> str:
    """Of the version's Service."""
    return f"{name}-{version.replace('.', '-')}.{NAMESPACE}.svc.cluster.local"


def rollout(number: int, version: str) -> Object:
    """A canary that holds 20 % for hours."""
    name = name_of(number)
    return {
        "apiVersion": "modelrollout.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "model": {"name": "digits", "version": version, "uri": f"pvc://models/digits/{version}"},
            "serving": {"drain": "1s", "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}},
            "traffic": {"hosts": [f"{name}.{DOMAIN}"], "gateways": [GATEWAY]},
            "rollback": {"keepFailedFor": "0s"},
            "strategy": {"canary": {"steps": [{"setWeight": 20, "for": "8h"}]}},
            "analysis": {"provider": "envoy", "metrics": [{"name": "errors"}, {"name": "latency", "over": "500ms"}]},
        },
    }
