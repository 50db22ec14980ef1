"""The chart, the values that the tests give it, and helm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.apiserver import ApiServer

CHART = Path(__file__).parents[2] / "charts" / "modelrollout"
NAMESPACE = "modelrollout-system"

VALUES: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "two replicas": {"replicas": 2},
    "one without a Lease": {"leaderElection": {"enabled": False}},
    "two namespaces only": {"namespaces": ["team-a", "team-b"], "rbac": {"aggregate": False}},
    "rewards": {"rewards": {"enabled": True}},
    "one of several": {"instance": "eu-1"},
    "hosts": {
        "hosts": [
            {
                "namespaces": ["team-a", "team-a-*"],
                "hosts": ["*.a.example.com"],
                "gateways": ["ingress/public", "mesh"],
            },
            {"namespaces": ["*"], "hosts": ["*.models.example.com"]},
        ],
        "admission": {"enabled": False},
    },
    "mesh hash": {"meshHash": {"headers": ["X-Customer", "x-customer", "1234"], "namespace": NAMESPACE}},
    "all that can be set": {
        "image": {"repository": "registry.example.com/modelrollout", "tag": "1.2.3", "pullPolicy": "Always"},
        "imagePullSecrets": ["registry"],
        "prometheus": {
            "url": "https://metrics.example.com",
            "timeout": "3s",
            "scrapeInterval": "15s",
            "tokenSecret": {"name": "metrics", "key": "bearer"},
        },
        "clusterDomain": "k8s.corp.local",
        "gateway": {"url": "http://gateway.ingress:8080"},
        "mesh": {"proxyUrl": "http://127.0.0.1:8501"},
        "fetch": {"maxBytes": "1000000", "timeout": "5m", "memory": ""},
        "fileRoot": "/var/lib/models",
        "log": {"level": "DEBUG", "format": "text"},
        "settings": {"poll": "1s", "workers": "16", "log_level": "WARNING"},
        "serviceAccount": {"name": "releaser", "annotations": {"example.com/role": "reader"}},
        "podAnnotations": {"example.com/a": "1"},
        "podLabels": {"example.com/b": "2"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
        "rewards": {
            "enabled": True,
            "replicas": 3,
            "maxReward": 2500000.5,
            "window": "7d",
            "remember": 3000000,
            "drainSeconds": 60,
            "hmacKeySecret": {"name": "rewards", "key": "hmac"},
            "resources": {"limits": {"memory": "512Mi"}},
            "podAnnotations": {"example.com/c": "3"},
            "podLabels": {"example.com/d": "4"},
        },
    },
}


def helm(server: ApiServer, *arguments: str, values: dict[str, Any] | None = None) -> str:
    """What helm prints. Fails with what it complains about."""
    given = ["--values", "-"] if values is not None else []
    done = server.run("helm", *arguments, *given, given=json.dumps(values))
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def render(server: ApiServer, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that the chart makes."""
    text = helm(server, "template", "modelrollout", str(CHART), "--namespace", NAMESPACE, values=values)
    return [document for document in yaml.safe_load_all(text) if document]


def only(objects: list[dict[str, Any]], kind: str, rewards: bool = False) -> dict[str, Any]:
    """The one object of a kind that is the operator's, or the reward gateway's."""
    of_kind = (item for item in objects if item["kind"] == kind)
    (found,) = (item for item in of_kind if item["metadata"]["name"].endswith("-rewards") is rewards)
    return found


def environment(objects: list[dict[str, Any]]) -> dict[str, str]:
    """The variables of the operator's container."""
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {item["name"]: item["value"] for item in container["env"]}
