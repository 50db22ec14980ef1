"""The operator: whether it runs, with which settings, and whose rights it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from modelrollout.cli.doctor.definitions import UPGRADE
from modelrollout.cli.doctor.found import Finding, State
from modelrollout.cli.doctor.look import Body, Look, NotSeen
from modelrollout.resource.rollout import CLUSTER_DOMAIN

AREA = "operator"
LABEL = "app.kubernetes.io/name=modelrollout"
PREFIX = "MODELROLLOUT_"


@dataclass(frozen=True, slots=True)
class Operator:
    """One Deployment of the operator. ``settings`` by name in small letters, as the chart wrote them."""

    namespace: str
    name: str
    account: str
    wanted: int
    ready: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that it watches; none: all of them."""
        return tuple(filter(None, self.settings.get("namespaces", "").split(",")))

    @property
    def cluster_domain(self) -> str:
        """How the names of Services end."""
        return self.settings.get("cluster_domain") or CLUSTER_DOMAIN


def find(look: Look, namespace: str | None) -> tuple[Operator | None, list[Finding]]:
    """The operator that is there, and what is to be said of it."""
    where = f"/namespaces/{namespace}" if namespace else ""
    try:
        found = look.all(f"/apis/apps/v1{where}/deployments", labelSelector=LABEL)
    except NotSeen as error:
        way = "say --operator-namespace NAMESPACE, or ask somebody who may list deployments"
        return None, [Finding(AREA, State.UNKNOWN, f"it cannot be looked for: {error}", way)]
    operators = [operator for body in found if (operator := _operator(body)) is not None]
    if not operators:
        return None, [
            Finding(AREA, State.MISSING, f"no Deployment has the label {LABEL}", f"{UPGRADE} --create-namespace")
        ]
    return operators[0], list(_told(operators))


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
    )


def _told(operators: list[Operator]) -> Iterator[Finding]:
    for operator in operators:
        named = f"{operator.namespace}/{operator.name}"
        if operator.ready < 1:
            logs = f"kubectl -n {operator.namespace} logs deployment/{operator.name}"
            yield Finding(AREA, State.MISSING, f"no pod of {named} is ready", logs)
        else:
            watches = f"the namespaces {', '.join(operator.namespaces)}" if operator.namespaces else "all namespaces"
            text = f"{named}: {operator.ready} of {operator.wanted} pods are ready; it watches {watches}"
            yield Finding(AREA, State.THERE, text)
    everywhere = [operator for operator in operators if not operator.namespaces]
    if len(operators) > 1 and everywhere:
        words = f"{len(operators)} operators, and {everywhere[0].namespace}/{everywhere[0].name} watches all namespaces"
        yield Finding(
            AREA, State.MISSING, f"{words}: both write the same objects", "give each its own namespaces, or remove one"
        )
