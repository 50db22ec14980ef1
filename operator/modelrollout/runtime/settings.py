"""Every setting of the operator, with its default, its unit and the reason.

All come from the environment as ``MODELROLLOUT_`` and the field's name in capitals; the Helm chart sets them. A value
that cannot be read stops the start with a sentence that names the variable: a wrong setting must not wait for the
first incident to be noticed.
"""

from __future__ import annotations

import difflib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from modelrollout.api.base import parse_duration
from modelrollout.manifests.allowed_hosts import host_rules
from modelrollout.manifests.platform import Platform
from modelrollout.resource.rollout import CLUSTER_DOMAIN

PREFIX = "MODELROLLOUT_"
_MATCHER = r'[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~)"[^"\\{}]*"'
_MATCHERS = re.compile(rf"({_MATCHER}(,{_MATCHER})*)?")

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")


class BadSetting(ValueError):
    """A setting that cannot be read; the message names the variable, the value and what was expected."""


def setting(default: Any, reason: str, *, unit: str = "") -> Any:
    """One setting. ``unit`` "duration" is written as 30s or 5m and held in seconds."""
    return field(default=default, metadata={"reason": reason, "unit": unit})


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs. The fields are documented by their reasons."""

    namespaces: tuple[str, ...] = setting((), "Namespaces to watch, separated by commas; empty: all of them.")
    instance: str = setting(
        "",
        "Of several operators in one cluster, or several shares of the rollouts: only those with the label "
        "modelrollout.dev/instance of this value are looked after. Empty: those without that label.",
    )
    prometheus_url: str = setting(
        "http://prometheus.istio-system:9090", "Where Istio's own installation guide puts it. Any that speaks its API."
    )
    prometheus_token_file: str | None = setting(
        None, "A bearer token for Prometheus, read again for each query because tokens are rotated."
    )
    prometheus_matchers: str = setting(
        "",
        'Of a store that holds several clusters: what tells the series of this one, as cluster="prod-eu". In every '
        "query of the operator's own; users' queries have those that users write.",
    )
    prometheus_timeout: float = setting(
        5.0, "Of one query. One that takes longer is no basis for a decision within seconds.", unit="duration"
    )
    prometheus_threads: int = setting(
        4,
        "Queries at one time, and as many of users' own. The client is synchronous; a slow Prometheus must not fill "
        "the process with threads.",
    )
    scrape_interval: float | None = setting(
        None, "Of Prometheus. None: measured from the gaps between the samples themselves.", unit="duration"
    )
    poll: float = setting(
        0.5,
        "Between two questions to Prometheus when a scrape is due, or nobody knows when the next one is; otherwise it "
        "is asked once for each scrape. The most that a new sample may wait.",
        unit="duration",
    )
    cluster_domain: str = setting(
        CLUSTER_DOMAIN,
        "How the names of the cluster's Services end, as its DNS and istiod have it: by such names requests are routed "
        "and counted.",
    )
    gateway_url: str = setting(
        "http://istio-ingressgateway.istio-system",
        "Where smoke requests for rollouts behind a gateway are sent, with the rollout's host as Host.",
    )
    mesh_proxy_url: str = setting(
        "",
        "Where smoke requests for rollouts in the mesh are sent, with the full name of their Service as Host: a proxy "
        "of the mesh that routes by Host, such as the operator's own side car. Empty: none are sent, and the switch "
        "waits.",
    )
    mesh_hash_namespace: str | None = setting(
        None, "Where the mesh has its filters for `MeshHash`, usually istio-system. None: rollouts with it are refused."
    )
    hosts: str = setting(
        "",
        "Which hosts and gateways rollouts may have, by their namespaces: JSON, a list of objects with `namespaces`, "
        "`hosts` and `gateways`, each a list of patterns. Empty: in the mesh the Services of their own namespace, at "
        "Gateways what those let in.",
    )
    smoke_timeout: float = setting(10.0, "Of one smoke request, and of one sample before any traffic.", unit="duration")
    fetch_image: str = setting(
        "modelrollout:latest", "The operator's own image: its fetch command is the init container of every version."
    )
    fetch_image_pull_policy: str = setting("IfNotPresent", "Of that image: Always, IfNotPresent or Never.")
    fetch_max_bytes: int = setting(20 * 1024**3, "The largest model, in bytes: a wrong URI must not fill a node.")
    fetch_timeout: float = setting(1800.0, "Of one fetch.", unit="duration")
    fetch_memory: str | None = setting(
        "256Mi",
        "Memory limit of the fetcher in each pod of a version: what it unpacks is of whoever may create a rollout. It "
        "takes some 30 MiB, and 80 where it writes warm-up requests. None: no limit.",
    )
    file_root: str | None = setting(
        None, "The only folder of the nodes that file:// models may be in. None: no file://."
    )
    workers: int = setting(
        16, "Rollouts that are looked at at one time. A pass waits for the network, not for the CPU."
    )
    pass_timeout: float = setting(60.0, "Of one pass; longer means that something hangs.", unit="duration")
    api_connections: int = setting(20, "To the API server, watches apart: it answers 429 to a flood.")
    api_timeout: float = setting(30.0, "Of one request to the API server.", unit="duration")
    api_connect_timeout: float = setting(10.0, "To reach the API server.", unit="duration")
    lease_namespace: str | None = setting(None, "Where the Lease is. None: this process is the only one, no Lease.")
    lease_name: str = setting("modelrollout", "Name of the Lease: one writer for each.")
    lease_duration: float = setting(
        10.0, "After so long without a renewal another replica takes over.", unit="duration"
    )
    lease_renew: float = setting(
        2.0, "Between two renewals; several may fail before the Lease is lost.", unit="duration"
    )
    identity: str = setting("", "Who holds the Lease. Empty: the host's name, which is the pod's.")
    listen: str = setting("0.0.0.0:8080", "Address of /metrics, /healthz, /readyz and /v1/arms.")
    log_level: str = setting("INFO", "DEBUG, INFO, WARNING or ERROR.")
    log_format: str = setting("json", "json, one object in each line; or text, for a terminal.")

    @property
    def platform(self) -> Platform:
        """What the manifests take from the installation."""
        return Platform(
            fetch_image=self.fetch_image,
            fetch_image_pull_policy=self.fetch_image_pull_policy,
            file_root=self.file_root,
            fetch_max_bytes=self.fetch_max_bytes,
            fetch_timeout=self.fetch_timeout,
            fetch_memory=self.fetch_memory,
        )

    @property
    def holder(self) -> str:
        """Who this process is in the Lease."""
        return self.identity or socket.gethostname()


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings. Raises BadSetting for a value that cannot be read, and for a name that is nearly one of ours.

    Other names with our prefix are not: a Service called modelrollout puts such variables into every pod.
    """
    given = os.environ if environment is None else environment
    hints = get_type_hints(Settings)
    known = {PREFIX + item.name.upper(): item for item in fields(Settings)}
    for name in given:
        meant = difflib.get_close_matches(name, known, n=1, cutoff=0.9) if name.startswith(PREFIX) else []
        if meant and name not in known:
            raise BadSetting(f"{name} is no setting; did you mean {meant[0]}?")
    values = {
        item.name: _read(variable, given[variable], hints[item.name], item.metadata["unit"])
        for variable, item in known.items()
        if variable in given
    }
    if not _MATCHERS.fullmatch(text := str(values.get("prometheus_matchers", ""))):
        raise BadSetting(f'{PREFIX}PROMETHEUS_MATCHERS: {text} are no matchers; write for example cluster="prod-eu"')
    try:
        host_rules(str(values.get("hosts", "")))
    except ValueError as error:
        raise BadSetting(f"{PREFIX}HOSTS: {error}") from error
    if not _DOMAIN.fullmatch(text := str(values.get("cluster_domain", CLUSTER_DOMAIN))):
        raise BadSetting(f"{PREFIX}CLUSTER_DOMAIN: {text} is no domain; write for example {CLUSTER_DOMAIN}")
    return Settings(**values)


def _read(variable: str, text: str, kind: Any, unit: str) -> Any:
    """A setting's value from its text, by the type of its field."""
    if text == "" and kind in (str | None, float | None):
        return None
    try:
        if unit == "duration":
            return float(parse_duration(text))  # type: ignore[arg-type]  # gives a number or raises
        if kind is int:
            return int(text)
    except ValueError as error:
        raise BadSetting(f"{variable}: {text!r} cannot be read: {error}") from error
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text
