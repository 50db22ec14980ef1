"""Route -> VirtualService. The operator owns the whole object: its list of rules has no merge key.

TensorFlow Serving answers REST and gRPC on two ports, so every rule comes twice, first for gRPC by its content type.
Each destination marks its answers with the version, because REST answers do not say which version gave them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelrollout.api.resource import ModelRollout
from modelrollout.api.rollout import RequestMatch, Spec
from modelrollout.api.traffic import Retries, StringMatch
from modelrollout.core.observation import LiveRoute, Refusal
from modelrollout.core.plan import Reason, Route
from modelrollout.manifests.meta import Object, is_ours, marked, metadata, service_host
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT

API_VERSION = "networking.istio.io/v1"
VERSION_HEADER = "x-model-version"
"""Response header that names the version that answered."""

_GRPC: Object = {"content-type": {"prefix": "application/grpc"}}
_WEIGHTED = "weighted"
MESH = "mesh"
"""The gateway that stands for all side cars."""

_SERVICE_HOST = re.compile(r".+\.(?P<namespace>[^.]+)\.svc\.cluster\.local")


def virtual_service(rollout: ModelRollout, spec: Spec, route: Route) -> Object:
    """The VirtualService of a rollout, marked with the hash of itself."""
    return marked(
        {
            "apiVersion": API_VERSION,
            "kind": "VirtualService",
            "metadata": metadata(rollout, spec, rollout.name, None),
            "spec": {
                "hosts": list(spec.traffic.hosts),
                "gateways": list(spec.traffic.gateways),
                "http": list(_rules(rollout, spec, route)),
            },
        }
    )


def moved(live: Mapping[str, Any], desired: Object) -> Object:
    """The live VirtualService with the destinations and weights of the desired one, and all else as it is.

    For the way back when the desired one is refused: what is refused then is often a setting beside the weights. It
    has no mark, so the whole is wanted again in the next pass.
    """
    wanted = {rule["name"]: rule["route"] for rule in desired["spec"]["http"]}
    rules = [{**rule, "route": wanted.get(rule.get("name"), rule.get("route"))} for rule in live["spec"]["http"]]
    described = {name: value for name, value in desired["metadata"].items() if name != "annotations"}
    return {**desired, "metadata": described, "spec": {**live["spec"], "http": rules}}


def live_route(live: Mapping[str, Any] | None, rollout: ModelRollout) -> LiveRoute | None:
    """What a VirtualService does at present: the weights of its weighted rule by version. None without one."""
    if live is None:
        return None
    if not is_ours(live, rollout):
        return LiveRoute(foreign_owner=_owner(live))
    rules = live.get("spec", {}).get("http") or []
    for rule in rules:
        if rule.get("name") == _WEIGHTED:
            return LiveRoute(dict(_weights(rule)))
    return LiveRoute()


def _weights(rule: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for destination in rule.get("route") or []:
        headers = destination.get("headers", {}).get("response", {}).get("set", {})
        version, weight = headers.get(VERSION_HEADER), destination.get("weight", 0)
        if version and weight:
            yield version, weight


def _owner(live: Mapping[str, Any]) -> str:
    """Who an object belongs to, in words."""
    described = live["metadata"]
    for owner in described.get("ownerReferences") or []:
        return f"{owner['kind']} {owner['name']}"
    managers = [entry.get("manager", "") for entry in described.get("managedFields") or []]
    return f"whoever applied it with {managers[0]}" if managers else "somebody else"


def _rules(rollout: ModelRollout, spec: Spec, route: Route) -> Iterator[Object]:
    if route.preview is not None:
        version, header = route.preview
        matches: list[Object] = [{header.name.lower(): {"exact": header.value}}]
        yield from _both(rollout, spec, "preview", matches, {version: 100})
    weights = {route.stable: 0, **route.weights}
    matches = [_match(match) for match in spec.traffic.match]
    yield from _both(rollout, spec, _WEIGHTED, matches, weights)
    if matches:
        yield from _both(rollout, spec, "others", [], {route.stable: 100})


def _both(
    rollout: ModelRollout, spec: Spec, name: str, matches: list[Object], weights: Mapping[str, int]
) -> Iterator[Object]:
    """One rule for gRPC and one for REST."""
    for suffix, port, extra in (("-grpc", GRPC_PORT, _GRPC), ("", REST_PORT, {})):
        rule: Object = {"name": name + suffix}
        conditions = [{"headers": {**match, **extra}} for match in (matches or [{}]) if match or extra]
        if conditions:
            rule["match"] = conditions
        rule["route"] = [_destination(rollout, version, weight, port) for version, weight in weights.items()]
        rule["retries"] = _retries(spec.traffic.retries)
        if spec.traffic.timeout is not None:
            rule["timeout"] = _seconds(spec.traffic.timeout)
        yield rule


def _destination(rollout: ModelRollout, version: str, weight: int, port: int) -> Object:
    return {
        "destination": {
            "host": service_host(rollout.name, rollout.namespace, version),
            "port": {"number": port},
        },
        "weight": weight,
        "headers": {"response": {"set": {VERSION_HEADER: version}}},
    }


def _match(match: RequestMatch) -> Object:
    return {name.lower(): _string_match(value) for name, value in match.headers.items()}


def _string_match(value: StringMatch) -> Object:
    return {key: text for key, text in value.model_dump().items() if text is not None}


def _retries(retries: Retries) -> Object:
    """Always explicit: without it the mesh retries twice, which hides the candidate's errors."""
    fields: Object = {"attempts": retries.attempts}
    if retries.per_try_timeout is not None:
        fields["perTryTimeout"] = _seconds(retries.per_try_timeout)
    if retries.retry_on is not None:
        fields["retryOn"] = retries.retry_on
    return fields


def _seconds(duration: float) -> str:
    """A protobuf duration: ``0.07`` -> ``0.07s``."""
    return f"{duration:.3f}".rstrip("0").rstrip(".") + "s"


def shared_host(hosts: Iterable[str], gateways: Iterable[str], namespace: str, live: Mapping[str, Any]) -> str | None:
    """The first of ``hosts`` that a VirtualService routes at one of ``gateways`` too, or None.

    ``namespace`` is where a gateway without one is looked for.
    """
    routed, other = live.get("spec", {}), live["metadata"]["namespace"]
    theirs = {_gateway(name, other) for name in routed.get("gateways") or [MESH]}
    if theirs.isdisjoint(_gateway(name, namespace) for name in gateways):
        return None
    taken = {_full(host, other) for host in routed.get("hosts") or []}
    return next((host for host in hosts if _full(host, namespace) in taken), None)


def host_problem(rollout: ModelRollout, spec: Spec) -> Refusal | None:
    """In the mesh a VirtualService takes the requests of a Service's callers everywhere, whoever's the Service is. With
    the operator's rights nobody shall do that to another namespace than their own."""
    if MESH not in spec.traffic.gateways:
        return None
    for host in spec.traffic.hosts:
        found = _SERVICE_HOST.fullmatch(_full(host, rollout.namespace))
        if found is not None and found["namespace"] != rollout.namespace:
            return Refusal(
                Reason.FOREIGN_HOST,
                f"spec.traffic.hosts: {host} is a Service of namespace {found['namespace']}, and the gateway mesh "
                "would take its requests from everybody; create the rollout there, or choose another host",
            )
    return None


def _full(host: str, namespace: str) -> str:
    """A host as Istio takes it: one without a dot is a Service of the VirtualService's own namespace."""
    if "." not in host:
        return f"{host}.{namespace}.svc.cluster.local"
    return f"{host}.cluster.local" if host.endswith(".svc") else host


def _gateway(name: str, namespace: str) -> str:
    return name if name == MESH or "/" in name else f"{namespace}/{name}"
