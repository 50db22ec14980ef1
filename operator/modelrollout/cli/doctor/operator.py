"""The operator: which Deployments there are of it, with which settings, and whose rights it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelrollout.cli.doctor.look import Body, Look
from modelrollout.resource.rollout import CLUSTER_DOMAIN

LABEL = "app.kubernetes.io/name=modelrollout"
RELEASE_LABEL = "app.kubernetes.io/instance"
PREFIX = "MODELROLLOUT_"


@dataclass(frozen=True, slots=True)
class Operator:
    """One Deployment of the operator. ``settings`` by name in small letters, as the chart wrote them; ``release`` is
    Helm's, ``body`` the Deployment itself."""

    namespace: str
    name: str
    account: str
    wanted: int
    ready: int
    settings: Mapping[str, str] = field(default_factory=dict)
    release: str = "modelrollout"
    body: Body = field(default_factory=dict)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that it watches; none: all of them."""
        return tuple(filter(None, self.settings.get("namespaces", "").split(",")))

    @property
    def cluster_domain(self) -> str:
        """How the names of Services end."""
        return self.settings.get("cluster_domain") or CLUSTER_DOMAIN


def operators(look: Look, namespace: str | None) -> list[Operator]:
    """All that there are, in one namespace or in all. Raises NotSeen."""
    where = f"/namespaces/{namespace}" if namespace else ""
    found = look.all(f"/apis/apps/v1{where}/deployments", labelSelector=LABEL)
    return [operator for body in found if (operator := _operator(body)) is not None]


def _operator(body: Body) -> Operator | None:
    """A Deployment that runs the operator; None for the reward gateway's."""
    spec = body["spec"]["template"]["spec"]
    container = next((item for item in spec["containers"] if item.get("args") == ["operator"]), None)
    if container is None:
        return None
    written = {item["name"]: str(item.get("value", "")) for item in container.get("env") or []}
    return Operator(
        namespace=body["metadata"]["namespace"],
        name=body["metadata"]["name"],
        account=spec.get("serviceAccountName") or "default",
        wanted=body["spec"].get("replicas", 1),
        ready=(body.get("status") or {}).get("readyReplicas") or 0,
        settings={name.removeprefix(PREFIX).lower(): value for name, value in written.items()},
        release=(body["metadata"].get("labels") or {}).get(RELEASE_LABEL) or "modelrollout",
        body=body,
    )
