"""Looking at a cluster by paths of its API, with what may not be looked at told apart from what is not there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from modelrollout.cli.access import Access
from modelrollout.cli.errors import ClusterError

Body = Mapping[str, Any]

BUSY, BUSY_TRIES, BUSY_SECONDS = 429, 5, 1.0
"""A server that has too much to do, or reads a type anew, says so, and is asked again, as kubectl does."""


class NotSeen(Exception):
    """The API server does not show it; the message says why."""


class Look:
    """One cluster as one user sees it."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def one(self, path: str) -> Body | None:
        """An object, None where there is none. Raises NotSeen, and ClusterError where nobody answers."""
        for _ in range(BUSY_TRIES):
            status, body = self._access.ask("GET", path)
            if status != BUSY:
                break
            time.sleep(BUSY_SECONDS)
        if status == 404:
            return None
        if status >= 400:
            raise NotSeen(f"{body.get('message') or path} ({status})")
        return body

    def all(self, path: str, **query: str) -> list[Body]:
        """The items of a list; none where the API server does not know the kind at all. Raises as ``one``."""
        found = self.one(f"{path}?{urlencode(query)}" if query else path)
        return list(found.get("items") or []) if found is not None else []

    def post(self, path: str, body: dict[str, Any]) -> Body:
        """What the API server answers to an object that is only a question. Raises as ``one``."""
        status, answer = self._access.ask("POST", path, body)
        if status >= 400:
            raise NotSeen(f"{answer.get('message') or path} ({status})")
        return answer

    def proxied(self, path: str) -> Body:
        """What a Service answers behind the API server. Raises NotSeen, also where the way there is broken."""
        try:
            status, body = self._access.ask("GET", path)
        except ClusterError as error:
            raise NotSeen(error.format_message()) from error
        if status >= 400:
            raise NotSeen(f"{body.get('message') or body.get('error') or path} ({status})")
        return body
