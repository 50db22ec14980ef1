"""Every kopf handler. They put keys on the queue and do nothing else.

kopf watches, and that is all that is asked of it: no create, update or delete handlers, no timers, no daemons. So it
writes nothing: no finalizer, no annotation, no Event.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from modelrollout.adapters.access import Access
from modelrollout.adapters.cluster import DEPLOYMENTS, MODEL_ROLLOUTS, PODS, SERVICES, VIRTUAL_SERVICES, Resource
from modelrollout.manifests.meta import OWNER_LABEL
from modelrollout.runtime.world import Key

Woken = Callable[[Key, Resource, str, str | None], None]
"""Key, resource, name and resource version (None: the object is gone)."""

WATCHED = (MODEL_ROLLOUTS, DEPLOYMENTS, SERVICES, PODS, VIRTUAL_SERVICES)
_WATCH_CONNECTIONS = 100  # one for each resource and namespace


def register(access: Access, woken: Woken) -> kopf.OperatorRegistry:
    """The handlers of one process."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        session = access.session(connections=_WATCH_CONNECTIONS, timeout=0, connect_timeout=10)
        return kopf.AiohttpSession(server=access.server, aiohttp_session=session)

    for resource in WATCHED:
        _watch(registry, resource, woken)
    return registry


def _watch(registry: kopf.OperatorRegistry, resource: Resource, woken: Woken) -> None:
    group, _, version = resource.api_version.rpartition("/")
    labels = {} if resource is MODEL_ROLLOUTS else {OWNER_LABEL: kopf.PRESENT}

    @kopf.on.event(group, version, resource.plural, registry=registry, labels=labels)
    async def wake(type: str | None, meta: Mapping[str, Any], labels: Mapping[str, str], **_: Any) -> None:
        key = (meta["namespace"], meta["name"] if resource is MODEL_ROLLOUTS else labels[OWNER_LABEL])
        woken(key, resource, meta["name"], None if type == "DELETED" else meta.get("resourceVersion"))


def watch_settings() -> kopf.OperatorSettings:
    """How kopf behaves here."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # we post our own Events, after the status is stored
    settings.scanning.disabled = True  # fewer rights and watches; the CRDs exist before the operator starts
    for resource in WATCHED[1:]:
        # In the server: without it every Deployment and every pod of the cluster would come in.
        group = resource.api_version.rpartition("/")[0]
        settings.watching.label_selectors[group, resource.plural] = OWNER_LABEL
    settings.watching.chunk_size = 500  # no peak of memory at the first listing
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.networking.request_timeout = 30  # the default is five minutes
    settings.networking.connect_timeout = 10
    settings.queueing.worker_limit = None  # the handlers only enqueue
    settings.execution.default_backoff = 10
    settings.persistence.finalizer = "modelrollout.dev/kopf"  # never added
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # it says a line for each event
    return settings
