"""The filters of the mesh by which proxies choose a version by the hash of a header, as a watch tells of them.

A spec is refused until its filter is there (``mesh_filter.py``). Somebody may take it away later: from then on proxies
choose by chance, users do not stay, and nothing else tells. So the filters are watched, and every pass knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from modelrollout.adapters.cluster import Object, Resource
from modelrollout.adapters.reflector import Place
from modelrollout.resource.spec import Spec
from modelrollout.runtime.mesh_filter import WAY_OUT, hashed_header, headers_of


@dataclass(slots=True)
class MeshFilters:
    """The headers of each filter, by its place. ``namespace`` is where the installation has them, None: nowhere;
    ``listed``: the watch has shown all of them once. ``changed`` is called when some header has a filter, or none, that
    had none, or one."""

    namespace: str | None = None
    changed: Callable[[], None] = lambda: None
    listed: bool = False
    _headers: dict[Place, frozenset[str]] = field(default_factory=dict)

    def seen(self, resource: Resource, item: Object) -> None:
        """The watch shows a filter."""
        described = item["metadata"]
        self._put((described["namespace"], described["name"]), frozenset(headers_of(item)))

    def gone(self, resource: Resource, place: Place, version: str) -> None:
        """The watch shows that a filter is gone."""
        self._put(place, frozenset())

    def all_listed(self) -> None:
        """The watch has shown all there are."""
        self.listed = True
        self.changed()

    def scattered(self, spec: Spec | None) -> str | None:
        """Why proxies choose by chance where the spec asks for the hash of a header; None where they do not, or need
        not. Not known is no better than not there."""
        header = hashed_header(spec) if spec is not None else None
        if header is None or header in self._known():
            return None
        if self.namespace is not None and not self.listed:
            return f"it cannot be seen whether an EnvoyFilter in {self.namespace} makes the proxies choose by {header}"
        where = f" in {self.namespace}" if self.namespace is not None else ""
        return (
            f"users do not stay with their version: no EnvoyFilter{where} makes the proxies choose by {header} any "
            f"more, so they choose by chance; {WAY_OUT.format(header)}"
        )

    def _put(self, place: Place, headers: frozenset[str]) -> None:
        before = self._known()
        if headers:
            self._headers[place] = headers
        else:
            self._headers.pop(place, None)
        if self._known() != before:
            self.changed()

    def _known(self) -> frozenset[str]:
        return frozenset().union(*self._headers.values())
