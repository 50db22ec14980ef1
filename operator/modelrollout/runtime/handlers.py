"""Every kopf handler: there is one, for our own type. It says what it has seen and does nothing else.

kopf watches, and that is all that is asked of it: no create, update or delete handlers, no timers, no daemons. So it
writes nothing: no finalizer, no annotation, no Event.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import repeat
from typing import Any

import kopf

from modelrollout.adapters.access import Access
from modelrollout.adapters.cluster import MODEL_ROLLOUTS, Object

Seen = Callable[[Object, bool], None]
"""An object, and whether it is gone."""

_WATCH_CONNECTIONS = 100  # one for each namespace
_AGAIN = 2.0  # seconds until an API server that is away is asked again


def register(access: Access, seen: Seen) -> kopf.OperatorRegistry:
    """The handlers of one process."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        session = access.session(connections=_WATCH_CONNECTIONS, timeout=0, connect_timeout=10)
        return kopf.AiohttpSession(server=access.server, aiohttp_session=session)

    group, _, version = MODEL_ROLLOUTS.api_version.rpartition("/")

    @kopf.on.event(group, version, MODEL_ROLLOUTS.plural, registry=registry)
    async def wake(event: Any, **_: Any) -> None:
        seen(event["object"], event["type"] == "DELETED")

    return registry


class NoDifferences(kopf.DiffBaseStorage):
    """kopf looks for differences to the last state that it handled, for handlers that we have not: a copy of the whole
    object for each event."""

    def build(self, **_: Any) -> Any:
        """Nothing of an object is compared."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing is remembered."""
        return None

    def store(self, **_: Any) -> None:
        """Nothing is stored."""


def watch_settings() -> kopf.OperatorSettings:
    """How kopf behaves here."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # we post our own Events, after the status is stored
    settings.scanning.disabled = True  # fewer rights and watches; the CRDs exist before the operator starts
    settings.watching.chunk_size = 100  # a page is parsed at one go, and nothing else happens meanwhile
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.inactivity_timeout = 150  # bookmarks come once a minute: it is dead
    settings.networking.request_timeout = 30  # the default is five minutes
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = repeat(_AGAIN)  # by default up to 21 s, in which nobody hears of an abort
    settings.queueing.worker_limit = None  # the handler only takes down what it is told
    settings.queueing.idle_timeout = 0.05  # thousands of tasks would wait for a second event, each with its object
    settings.execution.default_backoff = 10
    settings.persistence.finalizer = "modelrollout.dev/kopf"  # never added
    settings.persistence.diffbase_storage = NoDifferences()
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # it says a line for each event
    return settings
