"""The cluster itself, the types that it must know, and Istio's control plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelrollout.cli.doctor.chart import mended
from modelrollout.cli.doctor.found import Finding, State
from modelrollout.cli.doctor.look import Body, Look, NotSeen
from modelrollout.cli.doctor.operator import Operator
from modelrollout.cli.doctor.unready import why
from modelrollout.resource.crd import CRD_NAME, VERSION, crd
from modelrollout.runtime.pods import is_ready

AREA = "definitions"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OLDEST = (1, 30)
ISTIO = {
    "virtualservices.networking.istio.io": "routes the requests",
    "gateways.networking.istio.io": "lets requests in from outside",
}


def version(look: Look) -> Iterator[Finding]:
    """Whether the cluster is one that the operator was made for. Raises ClusterError where it does not answer."""
    told = look.one("/version") or {}
    name = f"Kubernetes {told.get('gitVersion', 'of an unknown version')}"
    numbers = tuple(int("".join(filter(str.isdigit, str(told.get(part, "0")))) or 0) for part in ("major", "minor"))
    if numbers < OLDEST:
        yield Finding("cluster", State.MISSING, f"{name} is too old; 1.30 or newer is needed", "upgrade the cluster")
    else:
        yield Finding("cluster", State.THERE, f"{name} answers")


def definitions(look: Look, operator: Operator | None) -> Iterator[Finding]:
    """Our own type, and Istio's."""
    try:
        yield _ours(look.one(f"{DEFINITIONS}/{CRD_NAME}"), mended(operator, "crds.install=true"))
        for name, what in ISTIO.items():
            yield _istio(name, what, look.one(f"{DEFINITIONS}/{name}"))
    except NotSeen as error:
        way = "ask somebody who may get customresourcedefinitions"
        yield Finding(AREA, State.UNKNOWN, f"the types cannot be looked at: {error}", way)


def _ours(found: Body | None, chart: str) -> Finding:
    """``chart`` is the command that brings it."""
    if found is None:
        return Finding(AREA, State.MISSING, f"{CRD_NAME} is missing", chart)
    if not _established(found):
        return Finding(
            AREA,
            State.MISSING,
            f"{CRD_NAME} is not established",
            f"kubectl describe customresourcedefinition {CRD_NAME}",
        )
    if _fields(found) != _fields(crd()):
        words = f"{CRD_NAME} has other fields than this program knows: one of the two is older"
        return Finding(AREA, State.DOUBTFUL, words, f"with the chart of this program's version: {chart}")
    return Finding(AREA, State.THERE, f"{CRD_NAME} is there, with the fields that this program knows")


def _istio(name: str, what: str, found: Body | None) -> Finding:
    if found is None:
        return Finding(AREA, State.MISSING, f"{name} is missing, which {what}", "istioctl install")
    served = [item["name"] for item in found["spec"]["versions"] if item["served"]]
    if "v1" not in served:
        words = f"{name} has no v1, only {', '.join(served)}"
        return Finding(AREA, State.MISSING, words, "upgrade Istio to 1.22 or newer")
    return Finding(AREA, State.THERE, f"{name} is there")


def _established(found: Body) -> bool:
    conditions = (found.get("status") or {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def _fields(definition: Body) -> set[str]:
    """All paths of fields of the version that is ours; words and limits may differ."""
    schemas = [item["schema"]["openAPIV3Schema"] for item in definition["spec"]["versions"] if item["name"] == VERSION]
    return {path for schema in schemas for path in _paths(schema, "")}


def _paths(schema: dict[str, Any], above: str) -> Iterator[str]:
    for name, part in (schema.get("properties") or {}).items():
        yield f"{above}.{name}"
        yield from _paths(part, f"{above}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _paths(schema[key], f"{above}[]")


def control_plane(look: Look) -> Iterator[Finding]:
    """Whether istiod is there, which tells the proxies of each change of a route."""
    try:
        pods = istiod(look)
    except NotSeen as error:
        yield Finding("istio", State.UNKNOWN, f"istiod cannot be looked for: {error}", "ask somebody who may list pods")
        return
    ready = [pod for pod in pods if is_ready(pod)]
    if ready:
        namespaces = sorted({pod["metadata"]["namespace"] for pod in ready})
        yield Finding("istio", State.THERE, f"istiod is ready in {' and '.join(namespaces)}")
    elif pods:
        where = pods[0]["metadata"]["namespace"]
        words = f"no pod of istiod is ready: {why(pods)}"
        yield Finding("istio", State.MISSING, words, f"kubectl -n {where} describe pods -l app=istiod")
    else:
        words = "no pod has the label app=istiod; a control plane outside of the cluster cannot be seen from here"
        yield Finding("istio", State.DOUBTFUL, words, "istioctl install, unless Istio is run for you")


def istiod(look: Look) -> list[Body]:
    """Its pods; none where it is outside of the cluster. Raises NotSeen."""
    return look.all("/api/v1/pods", labelSelector="app=istiod")
