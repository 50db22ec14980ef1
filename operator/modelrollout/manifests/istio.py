"""Route -> VirtualService, and back. The operator owns the whole object: its list of rules has no merge key.

TensorFlow Serving answers REST and gRPC on two ports, so every split has two rules, first for gRPC by its content type.
Each destination marks its answers with the version, because REST answers do not say which version gave them, and with
what the spec asks for besides (``marks.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from modelrollout.api.route import EVERYBODY, Route
from modelrollout.api.traffic import Retries
from modelrollout.core.observation import LiveRoute
from modelrollout.core.plan import DesiredComparer, Recovery
from modelrollout.manifests.comparer import copies
from modelrollout.manifests.destinations import destinations, mappings
from modelrollout.manifests.hosts import host_problem, routed_hosts, shared_host
from modelrollout.manifests.marks import Marks
from modelrollout.manifests.meta import DESIRED_ANNOTATION, Object, is_ours, marked, metadata
from modelrollout.manifests.rules import GRPC, SETTINGS, plain, route_of, rules, todays_names
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT
from modelrollout.resource.rollout import GROUP, ModelRollout
from modelrollout.resource.spec import Spec

__all__ = ["host_problem", "live_route", "moved", "shared_host", "virtual_service"]

API_VERSION = "networking.istio.io/v1"
RECOVERY_ANNOTATION = f"{GROUP}/recovery"
"""What is needed when the status is lost, as JSON."""

LONGEST_COPY = 60.0
"""Seconds."""

_NOTE = TypeAdapter(Recovery)


def virtual_service(
    rollout: ModelRollout,
    spec: Spec,
    route: Route,
    recovery: Recovery | None = None,
    epoch: int = 0,
    comparer: DesiredComparer | None = None,
) -> Object:
    """The VirtualService of a rollout, marked with the hash of itself. ``recovery`` is noted in it; ``epoch`` is the
    trial's, 0 at rest; copies of requests go to the ``comparer``."""
    described = metadata(rollout, spec, rollout.name, None)
    if recovery is not None:
        described["annotations"] = {
            RECOVERY_ANNOTATION: _NOTE.dump_json(recovery, by_alias=True, exclude_none=True).decode()
        }
    return marked(
        {
            "apiVersion": API_VERSION,
            "kind": "VirtualService",
            "metadata": described,
            "spec": {
                "hosts": routed_hosts(spec, rollout),
                "gateways": list(spec.traffic.gateways),
                "http": list(_rules(rollout, spec, route, epoch, comparer)),
            },
        }
    )


def _rules(
    rollout: ModelRollout, spec: Spec, route: Route, epoch: int, comparer: DesiredComparer | None
) -> Iterator[Object]:
    settings: Object = {"retries": _retries(spec.traffic.retries)}
    if spec.traffic.timeout is not None:
        settings["timeout"] = _seconds(spec.traffic.timeout)
    marks = Marks.of(spec, epoch)
    for split in route.splits:
        copied = comparer if comparer is not None and comparer.mirrors and not split.is_preview else None
        for rule in rules(rollout, split, marks):
            yield {**rule, **settings, **_copies(rollout, spec, rule, copied)}


def _copies(rollout: ModelRollout, spec: Spec, rule: Object, comparer: DesiredComparer | None) -> Object:
    """A copy lasts as long as the rule lets a request last, and for ever without a limit. Model servers give up
    requests by REST after half a minute; how long callers by gRPC wait is theirs to say."""
    if comparer is None:
        return {}
    by_rest = not rule["name"].endswith(GRPC)
    port = REST_PORT if by_rest else GRPC_PORT
    limit = {"timeout": _seconds(LONGEST_COPY)} if by_rest and spec.traffic.timeout is None else {}
    return copies(rollout, comparer, port) | limit


def _retries(retries: Retries) -> Object:
    """Always explicit: without it the mesh retries twice, which hides an arm's errors."""
    fields: Object = {"attempts": retries.attempts}
    if retries.per_try_timeout is not None:
        fields["perTryTimeout"] = _seconds(retries.per_try_timeout)
    if retries.retry_on is not None:
        fields["retryOn"] = retries.retry_on
    return fields


def _seconds(duration: float) -> str:
    """A protobuf duration: ``0.07`` -> ``0.07s``."""
    return f"{duration:.3f}".rstrip("0").rstrip(".") + "s"


def moved(live: Mapping[str, Any], desired: Object) -> Object:
    """The live VirtualService with the desired destinations, and all else as it is.

    For the way back when the desired one is refused: what is refused then is often a setting beside the destinations.
    No rule stays that is not desired, whoever it is for: it may lead to a version that must not get requests. Nor does
    any that knows users by a cookie, and answers carry no more than their version: all that may be what is refused, and
    nobody may stay with a version that has failed. It has no hash, so the whole is wanted again in the next pass.
    """
    present = mappings((live.get("spec") or {}).get("http"))
    today = todays_names(present)
    given = {today.get(str(rule.get("name")), str(rule.get("name"))): rule for rule in reversed(present)}
    http = [_with_settings(rule, given) for rule in plain(desired["spec"]["http"])]
    settings = live.get("spec") or desired["spec"]
    kept = {name: value for name, value in settings.items() if name not in ("tcp", "tls")}
    notes = {name: text for name, text in desired["metadata"]["annotations"].items() if name != DESIRED_ANNOTATION}
    described = {name: value for name, value in desired["metadata"].items() if name != "annotations"}
    described |= {"annotations": notes} if notes else {}
    return {**desired, "metadata": described, "spec": {**kept, "http": http}}


def _with_settings(rule: Object, given: Mapping[str, Mapping[str, Any]]) -> Object:
    """A desired rule with the settings of the live one of its name; a new one with those of everybody's.

    Whom a split is for stays as it is, too: a new condition may be what is refused. Everybody stays everybody.
    """
    name = rule["name"]
    everybody = EVERYBODY + (GRPC if name.endswith(GRPC) else "")
    found = given.get(name, given.get(everybody, rule))
    settings = {field: value for field, value in found.items() if field in SETTINGS}
    own: Object = {field: rule[field] for field in ("name", "match", "route") if field in rule}
    if name in given and name != everybody and "match" in given[name]:
        own["match"] = given[name]["match"]
    return {**own, **settings}


def live_route(live: Mapping[str, Any] | None, rollout: ModelRollout) -> LiveRoute | None:
    """What a VirtualService does at present. None without one."""
    if live is None:
        return None
    if not is_ours(live, rollout):
        return LiveRoute(foreign_owner=_owner(live))
    spec = live.get("spec") or {}
    return LiveRoute(
        route=route_of(rollout, spec.get("http")),
        named=frozenset(version for item in destinations(live, rollout) for version in item.versions),
        recovery=_recovery(live),
    )


def _recovery(live: Mapping[str, Any]) -> Recovery | None:
    """The note that was left; None when there is none that can be read."""
    text = (live["metadata"].get("annotations") or {}).get(RECOVERY_ANNOTATION)
    try:
        return _NOTE.validate_json(text or "")
    except ValidationError:
        return None


def _owner(live: Mapping[str, Any]) -> str:
    """Who an object belongs to, in words."""
    described = live["metadata"]
    for owner in described.get("ownerReferences") or []:
        return f"{owner['kind']} {owner['name']}"
    managers = [entry.get("manager", "") for entry in described.get("managedFields") or []]
    return f"whoever applied it with {managers[0]}" if managers else "somebody else"
