"""Which hosts the rollouts of a namespace may have, and at which gateways: the cluster owner's word.

In the mesh a VirtualService takes a host's requests from callers everywhere, also those to a storage service on the
Internet. So there, where nobody says more, a rollout has the Services of its own namespace and nothing else. At a
Gateway it is the Gateway itself that says whom it lets in (its ``servers.hosts`` may begin with a namespace), unless
the owner says more here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.manifests.hosts import MESH, full_gateway, is_own_service, of_another_domain
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

_FIELDS = ("namespaces", "hosts", "gateways")


@dataclass(frozen=True, slots=True)
class HostRule:
    """Rollouts of these namespaces may have these hosts at these gateways: patterns, with ``*`` for any text."""

    namespaces: tuple[str, ...]
    hosts: tuple[str, ...]
    gateways: tuple[str, ...] = ("*",)

    def allows(self, namespace: str, host: str, gateway: str) -> bool:
        """Whether the rule is for this host."""
        asked = zip((namespace, host, gateway), (self.namespaces, self.hosts, self.gateways), strict=True)
        return all(any(fnmatchcase(value, pattern) for pattern in patterns) for value, patterns in asked)


def host_rules(text: str) -> tuple[HostRule, ...]:
    """The rules from JSON, a list of objects; none of an empty text. Raises ValueError."""
    found = json.loads(text or "[]")
    if not isinstance(found, list):
        raise ValueError(f"{text} is no list of rules")
    return tuple(_rule(item) for item in found)


def _rule(item: Any) -> HostRule:
    if not isinstance(item, dict) or not {"namespaces", "hosts"} <= set(item) <= set(_FIELDS):
        raise ValueError(f"{json.dumps(item)} has not namespaces and hosts, and perhaps gateways, and nothing else")
    for name, patterns in item.items():
        if not isinstance(patterns, list) or not patterns or not all(isinstance(one, str) for one in patterns):
            raise ValueError(f"{name} of {json.dumps(item)} is no list of patterns")
    return HostRule(**{name: tuple(patterns) for name, patterns in item.items()})


def forbidden_host(rollout: ModelRollout, spec: Spec, rules: Sequence[HostRule]) -> Refusal | None:
    """The first host that a rollout of this namespace may not have at one of its gateways, or None."""
    for name in spec.traffic.gateways:
        gateway = full_gateway(name, rollout.namespace)
        for host in spec.traffic.hosts:
            if not _may_have(rollout, host, gateway, rules):
                return Refusal(Reason.FOREIGN_HOST, _words(rollout, host, gateway))
    return None


def _may_have(rollout: ModelRollout, host: str, gateway: str, rules: Sequence[HostRule]) -> bool:
    if gateway == MESH and is_own_service(host, rollout):
        return True
    if any(rule.allows(rollout.namespace, host, gateway) for rule in rules):
        return True
    return gateway != MESH and not rules


def _words(rollout: ModelRollout, host: str, gateway: str) -> str:
    namespace = rollout.namespace
    rule = f'{{namespaces: ["{namespace}"], hosts: ["{host}"], gateways: ["{gateway}"]}}'
    owner = f"the cluster's owner may allow it (hosts of the chart: {rule})"
    if gateway != MESH:
        return f"spec.traffic.hosts: rollouts of namespace {namespace} may not have {host} at {gateway}; {owner}"
    if of_another_domain([host], rollout) is not None:
        owner = f"tell the operator its cluster's domain, if that is not {rollout.cluster_domain} (clusterDomain)"
    return (
        f"spec.traffic.hosts: {host} is no Service of namespace {namespace}, and the gateway mesh would take its "
        f"requests from callers everywhere; name a Service of {namespace}, or a Gateway (spec.traffic.gateways), "
        f"or {owner}"
    )
