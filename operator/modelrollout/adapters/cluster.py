"""The Kubernetes API, as little of it as the operator needs: plain JSON objects in and out.

Objects are written by server-side apply, with one field manager for each concern, so that nobody's other fields are
touched. kubernetes' dynamic client could do it too, at the price of discovery and its model classes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

from modelrollout.adapters.json_bytes import read_json, write_json
from modelrollout.adapters.patience import Answer, Line, ask_again

Object = dict[str, Any]

STATUS_MANAGER = "modelrollout-status"
COMMAND_MANAGER = "modelrollout-command"

_PAGE = 500
_JSON = "application/json"
_JSON_PATCH = "application/json-patch+json"
_METADATA_ALONE = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_UNKNOWN_FIELD = "failed to create typed patch object"
LONGEST_WORDS = 2048
"""Characters of a refusal: of a template of thousands of wrong fields the API server names each, and what it says goes
into the status, several times, and into Events and logs."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object: ``apps/v1`` and ``deployments``."""

    api_version: str
    plural: str

    def path(self, namespace: str | None, name: str | None = None, part: str | None = None) -> str:
        """Path on the server. Without a namespace: of all namespaces."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return "/".join([root + scope, *(item for item in (self.plural, name, part) if item)])


MODEL_ROLLOUTS = Resource("modelrollout.dev/v1alpha1", "modelrollouts")
DEPLOYMENTS = Resource("apps/v1", "deployments")
SERVICES = Resource("v1", "services")
HORIZONTAL_POD_AUTOSCALERS = Resource("autoscaling/v2", "horizontalpodautoscalers")
PODS = Resource("v1", "pods")
CONFIG_MAPS = Resource("v1", "configmaps")
EVENTS = Resource("v1", "events")
LEASES = Resource("coordination.k8s.io/v1", "leases")
VIRTUAL_SERVICES = Resource("networking.istio.io/v1", "virtualservices")
GATEWAYS = Resource("networking.istio.io/v1", "gateways")
ENVOY_FILTERS = Resource("networking.istio.io/v1alpha3", "envoyfilters")


class ApiError(Exception):
    """The API server's refusal, in its own words."""

    def __init__(self, status: int, message: str, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    @property
    def is_refusal(self) -> bool:
        """The object is refused as it is: not valid, or not allowed. The API server itself is well."""
        return self.status in (400, 403, 405, 415, 422) or self.is_unknown_field

    @property
    def is_unknown_field(self) -> bool:
        """The type has no such field. In server-side apply the answer to that is 500, like to a fault of the server."""
        return _UNKNOWN_FIELD in str(self)


class Conflict(ApiError):
    """Somebody else was faster, or owns the fields: 409."""


class Cluster:
    """One API server. ``session`` is closed by whoever made it. ``patient``: who reads waits for a server that cannot
    be reached."""

    def __init__(self, session: aiohttp.ClientSession, server: str, *, patient: bool = False) -> None:
        self._session = session
        self._server = server
        self._line = Line() if patient else None

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """One object, or None when there is none."""
        try:
            return await self._send("GET", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def page(
        self, resource: Resource, namespace: str | None, fields: Mapping[str, str], most: int
    ) -> list[Object]:
        """Some of the objects with these fields, ``most`` of them at most: enough for a look."""
        selector = ",".join(f"{key}={value}" for key, value in fields.items())
        parameters = {"limit": str(most)} | ({"fieldSelector": selector} if selector else {})
        answer = await self._send("GET", resource.path(namespace), parameters=parameters)
        return list(answer["items"])

    async def list(
        self, resource: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        """All objects with these labels, page by page. Without a namespace: of all namespaces."""
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        return [item async for items, _ in self.pages(resource, namespace, selector) for item in items]

    async def pages(
        self, resource: Resource, namespace: str | None, selector: str = "", size: int = _PAGE, accept: str = _JSON
    ) -> AsyncIterator[tuple[Sequence[Object], str]]:
        """All objects that a label selector names, a page at a time, each with the version of the whole list."""
        parameters = {"limit": str(size)} | ({"labelSelector": selector} if selector else {})
        while True:
            page = await self._send("GET", resource.path(namespace), parameters=parameters, accept=accept)
            yield page["items"] or [], page["metadata"]["resourceVersion"]  # none is null where metadata alone is asked
            following = page["metadata"].get("continue")
            if not following:
                return
            parameters["continue"] = following

    async def versions(self, resource: Resource, namespace: str | None) -> dict[tuple[str, str], str]:
        """The resource version of each object, by namespace and name: their metadata alone."""
        found = {}
        async for items, _ in self.pages(resource, namespace, accept=_METADATA_ALONE):
            for described in (item["metadata"] for item in items):
                found[described["namespace"], described["name"]] = described["resourceVersion"]
        return found

    async def reach(self) -> None:
        """Returns once the API server answers anything at all."""
        with suppress(ApiError):
            await self._send("GET", "/version")

    def url(self, resource: Resource, namespace: str | None) -> str:
        """Where objects of a kind are listed and watched."""
        return self._server + resource.path(namespace)

    async def apply(
        self, resource: Resource, desired: Object, manager: str, *, force: bool = True, dry_run: bool = False
    ) -> Object:
        """Server-side apply; gives the object as it is then. Without ``force``, Conflict when others own the fields.

        With ``dry_run`` all checks are made, those of webhooks too, and nothing is stored.
        """
        return await self._apply(resource, desired, manager, None, force, dry_run)

    async def apply_status(self, resource: Resource, desired: Object) -> Object:
        """Server-side apply of the status. Conflict when ``metadata.resourceVersion`` is not the newest."""
        return await self._apply(resource, desired, STATUS_MANAGER, "status", True)

    async def remove_annotation(
        self, resource: Resource, namespace: str, name: str, annotation: str, text: str
    ) -> Object | None:
        """The object without an annotation, if that still has this text; None if it has not, and nothing is changed."""
        pointer = "/metadata/annotations/" + annotation.replace("~", "~0").replace("/", "~1")
        steps = [{"op": "test", "path": pointer, "value": text}, {"op": "remove", "path": pointer}]
        path, parameters = resource.path(namespace, name), {"fieldManager": COMMAND_MANAGER}
        try:
            return await self._send("PATCH", path, parameters=parameters, body=steps, content_type=_JSON_PATCH)
        except ApiError as error:
            if error.status in (404, 422):
                return None
            raise

    async def create(self, resource: Resource, body: Object) -> Object:
        """A new object. Conflict when there is one of that name."""
        return await self._send("POST", resource.path(body["metadata"]["namespace"]), body=body)

    async def replace(self, resource: Resource, body: Object) -> Object:
        """The whole object anew. Conflict when ``metadata.resourceVersion`` is not the newest."""
        described = body["metadata"]
        return await self._send("PUT", resource.path(described["namespace"], described["name"]), body=body)

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Delete exactly this object, with what depends on it in the background; gone already is fine."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._send("DELETE", resource.path(namespace, name), body=body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def _apply(
        self,
        resource: Resource,
        desired: Object,
        manager: str,
        part: str | None,
        force: bool,
        dry_run: bool = False,
    ) -> Object:
        described = desired["metadata"]
        return await self._send(
            "PATCH",
            resource.path(described["namespace"], described["name"], part),
            parameters={
                "fieldManager": manager,
                "force": "true" if force else "false",
                **({"dryRun": "All"} if dry_run else {}),
            },
            body=desired,
            content_type="application/apply-patch+yaml",
        )

    async def _send(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: Object | Sequence[Object] | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> Object:
        data = None if body is None else write_json(body)
        headers = {"Accept": accept} | ({"Content-Type": content_type} if data is not None else {})
        url = self._server + path

        async def ask() -> Answer:
            async with self._session.request(method, url, params=parameters, data=data, headers=headers) as response:
                return Answer(response.status, await response.read(), response.headers.get("Retry-After"))

        answer = await (self._line.ask(ask) if self._line is not None and method == "GET" else ask_again(ask))
        if answer.status >= 400:
            raise error_of(answer.status, answer.text, answer.retry_after)
        found: Object = read_json(answer.text)
        return found


def error_of(status: int, text: bytes, retry_after: str | None = None) -> ApiError:
    """The message of the Status object in the answer; the start of the text when it is none."""
    try:
        message = str(read_json(text)["message"])
    except (ValueError, KeyError, TypeError):
        message = text[:300].decode(errors="replace") or "no message"
    if len(message) > LONGEST_WORDS:
        message = f"{message[:LONGEST_WORDS]}... and {len(message) - LONGEST_WORDS} characters more"
    kind = Conflict if status == 409 else ApiError
    return kind(status, f"{message} (HTTP {status})", retry_after)
