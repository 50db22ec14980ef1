"""Who routes a host, or wants to: by host, so that nobody has to go through thousands of rollouts for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, Object, Resource
from modelrollout.manifests.hosts import claimed_host
from modelrollout.resource.rollout import CLUSTER_DOMAIN

Claimant = tuple[Resource, str, str]
"""Kind (VirtualService or ModelRollout), namespace and name."""


@dataclass(slots=True)
class Hosts:
    """The hosts of all VirtualServices and ModelRollouts, as Istio takes them (``claimed_host``) in a cluster of this
    domain."""

    domain: str = CLUSTER_DOMAIN
    _claimants: dict[str, set[Claimant]] = field(default_factory=lambda: defaultdict(set))
    _hosts: dict[Claimant, frozenset[str]] = field(default_factory=dict)

    def put(self, resource: Resource, namespace: str, item: Object) -> None:
        """An object as it is now."""
        who, hosts = (
            (resource, namespace, item["metadata"]["name"]),
            frozenset(self._hosts_of(resource, namespace, item)),
        )
        if self._hosts.get(who) == hosts:
            return
        self.drop(*who)
        self._hosts[who] = hosts
        for host in hosts:
            self._claimants[host].add(who)

    def drop(self, resource: Resource, namespace: str, name: str) -> None:
        """An object that is gone."""
        who = resource, namespace, name
        for host in self._hosts.pop(who, ()):
            self._claimants[host].discard(who)
            if not self._claimants[host]:
                del self._claimants[host]

    def of(self, hosts: Iterable[str], namespace: str) -> list[Claimant]:
        """All who name one of these hosts, which are written as in that namespace; in order of kind and name."""
        found = {who for host in hosts for who in self._claimants.get(claimed_host(host, namespace, self.domain), ())}
        return sorted(found, key=lambda who: (who[0].plural, *who[1:]))

    def _hosts_of(self, resource: Resource, namespace: str, item: Object) -> Iterator[str]:
        """Nothing of it is believed to be in order."""
        spec = item.get("spec") or {}
        part = (spec.get("traffic") or {}) if resource == MODEL_ROLLOUTS else spec
        hosts = part.get("hosts") or [] if isinstance(part, dict) else []
        yield from (claimed_host(host, namespace, self.domain) for host in hosts if isinstance(host, str))
