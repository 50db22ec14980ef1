"""Entrances: the gateways of the mesh as a watch shows them, and which rollouts have to hear when one changes.

Only what is known is said: before the watch has listed everything, or where the operator may not look (an installation
for some namespaces, and a gateway in another one), nothing is wrong with a gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modelrollout.adapters.cluster import Object, Resource
from modelrollout.adapters.reflector import Place, Reflector
from modelrollout.core.observation import Refusal
from modelrollout.manifests.gateways import entrance_problem, named_gateways
from modelrollout.resource.rollout import CLUSTER_DOMAIN
from modelrollout.resource.spec import Spec
from modelrollout.runtime.world import Key

_WHO_WROTE_WHAT = "managedFields"  # half of an object, and nobody here asks for it


@dataclass
class Entrances:
    """``reflectors`` are those of the gateways, by namespace (None: all of them), once there are any."""

    changed: Callable[[Key], None] = lambda key: None
    reflectors: dict[str | None, Reflector] = field(default_factory=dict)
    domain: str = CLUSTER_DOMAIN
    _gateways: dict[str, Object] = field(default_factory=dict, init=False)
    _users: dict[str, set[Key]] = field(default_factory=dict, init=False)

    def problem(self, key: Key, spec: Spec) -> Refusal | None:
        """Why callers do not reach a rollout through a gateway. It hears of it when one of those changes."""
        names = named_gateways(spec.traffic, key[0])
        for name in names:
            self._users.setdefault(name, set()).add(key)
        if not all(self._is_seen(name) for name in names):
            return None
        return entrance_problem(spec.traffic, key[0], self._gateways.get, self.domain)

    def forget(self, key: Key) -> None:
        """A rollout is gone."""
        for users in self._users.values():
            users.discard(key)

    def seen(self, resource: Resource, item: Object) -> None:
        """A watch shows a gateway."""
        described: dict[str, Any] = item["metadata"]
        described.pop(_WHO_WROTE_WHAT, None)
        name = f"{described['namespace']}/{described['name']}"
        before = self._gateways.get(name, {}).get("spec")
        self._gateways[name] = item
        if before != item.get("spec"):
            self._tell(name)

    def gone(self, resource: Resource, place: Place, version: str) -> None:
        """A gateway is there no more."""
        name = "/".join(place)
        if self._gateways.pop(name, None) is not None:
            self._tell(name)

    def listed(self) -> None:
        """Everything has been shown once: what is not known is not there."""
        for name in self._users:
            if name not in self._gateways:
                self._tell(name)

    def _is_seen(self, name: str) -> bool:
        """Whether a gateway would be known if it were there."""
        namespace = name.partition("/")[0]
        reflector = self.reflectors.get(None) or self.reflectors.get(namespace)
        return reflector is not None and reflector.listed.is_set()

    def _tell(self, name: str) -> None:
        for key in sorted(self._users.get(name, ())):
            self.changed(key)
