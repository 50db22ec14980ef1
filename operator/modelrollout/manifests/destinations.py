"""Whom a live VirtualService sends requests to, whatever somebody made of its rules.

Nothing may be deleted that a rule still leads to, so here no rule is too strange to be looked at: those for TCP and
TLS, mirrors, hosts by their short names. A destination names a version by its host and by the header that it sets; when
the two disagree, it names both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.api.traffic import VERSION_HEADER
from modelrollout.manifests.hosts import full_host
from modelrollout.resource.rollout import ModelRollout

_SLUG = r"-(0|[1-9][0-9]*)-(0|[1-9][0-9]*)-(0|[1-9][0-9]*)(-[a-z].*)?"


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination. ``service`` is its Service's name, None when that is none of the rollout's namespace; ``idle``
    when it has weight 0 beside others, so that no request goes there."""

    service: str | None
    versions: frozenset[str]
    idle: bool


def destinations(live: Mapping[str, Any], rollout: ModelRollout) -> Iterator[Destination]:
    """All destinations of all rules."""
    spec = _mapping(live.get("spec"))
    for kind in ("http", "tcp", "tls"):
        for rule in mappings(spec.get(kind)):
            routed = mappings(rule.get("route"))
            others = any(item.get("weight") for item in routed)
            for item in routed:
                yield _destination(item, rollout, idle=others and item.get("weight") == 0)
            mirror = [{"destination": rule["mirror"]}] if "mirror" in rule else []
            for item in (*mirror, *mappings(rule.get("mirrors"))):
                yield _destination(item, rollout, idle=False)


def _destination(item: Mapping[str, Any], rollout: ModelRollout, *, idle: bool) -> Destination:
    service = _service(_mapping(item.get("destination")).get("host"), rollout)
    found = re.fullmatch(re.escape(rollout.name) + _SLUG, service) if service is not None else None
    by_host = ".".join(found.group(1, 2, 3)) if found is not None else None
    answers = _mapping(_mapping(item.get("headers")).get("response"))
    marked = _mapping(answers.get("set")).get(VERSION_HEADER)
    return Destination(service, frozenset(str(name) for name in (by_host, marked) if name), idle)


def _service(host: object, rollout: ModelRollout) -> str | None:
    if not isinstance(host, str):
        return None
    name, _, rest = full_host(host, rollout.namespace, rollout.cluster_domain).partition(".")
    return name if rest == f"{rollout.namespace}.svc.{rollout.cluster_domain}" else None


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The mappings of a list; none when it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
