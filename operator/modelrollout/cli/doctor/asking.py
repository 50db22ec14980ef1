"""Asking Prometheus: at an address that this machine reaches, or as a Service behind the API server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from modelrollout.adapters.prometheus import with_matchers
from modelrollout.cli.doctor.gateways import service_of
from modelrollout.cli.doctor.look import Look, NotSeen

SECONDS = 10.0
PORTS = {"http": 80, "https": 443}

Vector = Sequence[Mapping[str, Any]]
"""``{"metric": labels, "value": [time, text]}``, one for each series; of a range ``values``, a list of these."""
Ask = Callable[[str], Vector]
"""An instant query. Raises NotSeen."""


def direct(url: str) -> Ask:
    """At the address of ``--prometheus``, for example that of a port that is forwarded."""

    def ask(query: str) -> Vector:
        address = f"{url.rstrip('/')}/api/v1/query"
        try:
            with urlopen(Request(address, urlencode({"query": query}).encode()), timeout=SECONDS) as answer:
                return _vector(json.load(answer))
        except (URLError, OSError, ValueError) as error:
            raise NotSeen(f"--prometheus {url} could not be reached: {error}") from error

    return ask


def behind_the_api_server(look: Look, url: str) -> Ask:
    """The Service that an address within the cluster names. Raises NotSeen for an address that names none
    that can be asked."""
    place, parts = service_of(url), urlsplit(url)
    if place is None or parts.scheme not in PORTS:
        raise NotSeen(f"{url} is no Service of this cluster")
    namespace, name = place
    scheme = "https:" if parts.scheme == "https" else ""
    service = f"{scheme}{name}:{parts.port or PORTS[parts.scheme]}"
    base = f"/api/v1/namespaces/{namespace}/services/{service}/proxy{parts.path.rstrip('/')}"

    _must_lead_somewhere(look, url, namespace, name)

    def ask(query: str) -> Vector:
        return _vector(look.proxied(f"{base}/api/v1/query?{urlencode({'query': query})}"))

    return ask


def names_nothing(look: Look, url: str) -> bool:
    """Whether an address names a Service of this cluster that is not there. Where nobody may look, it is not said."""
    place = service_of(url)
    if place is None:
        return False
    try:
        return look.one(f"/api/v1/namespaces/{place[0]}/services/{place[1]}") is None
    except NotSeen:
        return False


def _must_lead_somewhere(look: Look, url: str, namespace: str, name: str) -> None:
    """Raises NotSeen for a Service that is not there, and for one without a selector: of either the API server says the
    same, that it was not found. Nobody needs the right to look at it."""
    try:
        service = look.one(f"/api/v1/namespaces/{namespace}/services/{name}")
    except NotSeen:
        return
    if service is None:
        raise NotSeen(f"{url} (prometheus.url of the chart) names a Service that is not there")
    if not service["spec"].get("selector"):
        raise NotSeen(f"the API server does not ask behind Service {namespace}/{name}, which has no selector")


def within(ask: Ask, matchers: str) -> Ask:
    """The same of this cluster's series alone, where the store holds several."""
    return lambda query: ask(with_matchers(query, matchers))


def _vector(answer: Mapping[str, Any]) -> Vector:
    if answer.get("status") != "success":
        raise NotSeen(str(answer.get("error") or "what answers is no Prometheus"))
    return list(answer["data"]["result"])


def number(vector: Vector) -> float:
    """The one value of an aggregation; 0 where there was nothing to aggregate."""
    return float(vector[0]["value"][1]) if vector else 0.0
