"""Every state that objects of one kind went through, as the API server reported them while the stories ran.

One watch a kind for the whole session, in a thread of its own. A story waits on it without polling, and afterwards
reads from it what happened in between: a weight that was there for half a second is in the record, too.
"""

# Most of the kubernetes package carries types, but its loading and watching does not.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from e2e.harness.kubectl import Object

Key = tuple[str, str]
"""namespace, name"""

RECONNECT_SECONDS = 0.5
WATCH_SECONDS = 300  # the API server ends a watch after this time, and a new one goes on from there


@dataclass(frozen=True, slots=True)
class State:
    """One state of one object. ``at``: seconds since the epoch at which this process heard of it."""

    at: float
    body: Object
    gone: bool = False


class Record:
    """The states of all objects of one kind in the cluster."""

    def __init__(self, changed: threading.Condition, listing: Callable[..., Any], **arguments: str) -> None:
        """``listing`` is the call of the Kubernetes client that lists the kind; ``arguments`` are its own."""
        self._changed = changed
        self._listing = listing
        self._arguments = arguments
        self._states: dict[Key, list[State]] = defaultdict(list)
        threading.Thread(target=self._follow, daemon=True, name="watch").start()

    def states(self, namespace: str, name: str) -> list[State]:
        """All states of one object so far, the oldest first."""
        with self._changed:
            return list(self._states.get((namespace, name), ()))

    def latest(self, namespace: str, name: str) -> Object | None:
        """The object as it is, None when it is not there."""
        states = self.states(namespace, name)
        return states[-1].body if states and not states[-1].gone else None

    def in_namespace(self, namespace: str) -> list[list[State]]:
        """The states of each object of a namespace, those included that are gone."""
        with self._changed:
            return [list(states) for (where, _), states in self._states.items() if where == namespace]

    def _follow(self) -> None:
        while True:
            try:
                stream = watch.Watch().stream(self._listing, timeout_seconds=WATCH_SECONDS, **self._arguments)
                for event in stream:
                    self._take(event["type"], event["raw_object"])
            except (ApiException, urllib3.exceptions.HTTPError):
                time.sleep(RECONNECT_SECONDS)  # the API server is away for a moment, or the place is too old

    def _take(self, kind: str, body: Object) -> None:
        if kind not in ("ADDED", "MODIFIED", "DELETED"):
            return
        metadata = body["metadata"]
        with self._changed:
            states = self._states[metadata["namespace"], metadata["name"]]
            gone = kind == "DELETED"
            if states and states[-1].gone == gone and _version(states[-1].body) == _version(body):
                return  # listed anew after a broken connection
            states.append(State(time.time(), body, gone))
            self._changed.notify_all()


def _version(body: Object) -> str:
    version: str = body["metadata"]["resourceVersion"]
    return version
