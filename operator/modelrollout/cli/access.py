"""How the command line reaches the Kubernetes API: the few calls that the commands need.

The ``kubernetes`` package takes half a second to import, so it is imported inside the functions, when a command
really goes to a cluster. Whatever goes wrong on the way becomes one sentence and an exit code of its own, which no
outcome of a release has (``errors.py``).
"""

# Most of the kubernetes package carries types, but its loading and watching does not.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from modelrollout.cli.errors import NoNamespace, NotFound, asking
from modelrollout.cli.kubeconfig import connect
from modelrollout.resource.rollout import API_VERSION, COMMAND_ANNOTATION, GROUP, PLURAL

if TYPE_CHECKING:
    import urllib3
    from kubernetes import client, watch

VERSION = API_VERSION.removeprefix(f"{GROUP}/")
FIELD_MANAGER = "modelrollout-cli"
TIMEOUT = (5.0, 20.0)  # seconds to connect, and to wait for an answer
WATCH_SECONDS = 60  # then the server ends a watch, and the next listing finds whatever a dead connection has hidden

Body = dict[str, Any]


class Access:
    """The API server as one user sees it, and the namespace that is meant.

    Every method raises ``ClusterError`` when the server cannot be reached or refuses, ``NotFound`` for a name that
    is not there, ``NoNamespace`` where that is why.
    """

    def __init__(self, namespace: str | None, context: str | None = None, kubeconfig: str | None = None) -> None:
        with asking("read the kubeconfig"):
            self._client, default_namespace = connect(context, kubeconfig)
        self.namespace = namespace or default_namespace
        self._watch: watch.Watch | None = None

    @cached_property
    def _objects(self) -> client.CustomObjectsApi:
        from kubernetes import client

        return client.CustomObjectsApi(self._client)

    @cached_property
    def _core(self) -> client.CoreV1Api:
        from kubernetes import client

        return client.CoreV1Api(self._client)

    def ask(self, method: str, path: str, body: Body | None = None) -> tuple[int, Body]:
        """One request by its path: the HTTP status and what came, whatever the status is. What is no JSON object is
        given as ``{"message": text}``."""
        with asking(f"ask for {path.partition('?')[0]}"):
            accepted = {"Accept": "application/json", "Content-Type": "application/json"}
            prepared = self._client.param_serialize(
                method, path, header_params=accepted, body=body, auth_settings=["BearerToken"]
            )
            answer = self._client.call_api(*prepared, _request_timeout=TIMEOUT)
            text = answer.read()
        return int(answer.status), _object(text)

    def user(self) -> str:
        """Who this is to the API server; empty where it does not say."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        _, answer = self.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        return str(answer.get("status", {}).get("userInfo", {}).get("username", ""))

    def read(self, name: str) -> Body:
        """One rollout."""
        what = f"modelrollout {name!r} in namespace {self.namespace}"
        place = (GROUP, VERSION, self.namespace, PLURAL, name)
        try:
            with asking(f"read {what}", missing=f"there is no {what}"):
                return cast(Body, self._objects.get_namespaced_custom_object(*place, _request_timeout=TIMEOUT))
        except NotFound:
            self.check_namespace()
            raise

    def check_namespace(self) -> None:
        """Raises NoNamespace where the namespace is known not to be there: the API server says of what is looked for in
        one only that it is not there. Who may not read namespaces hears nothing of it."""
        status, _ = self.ask("GET", f"/api/v1/namespaces/{quote(self.namespace, safe='')}")
        if status == 404:
            raise NoNamespace(f"there is no namespace {self.namespace}")

    def find(self, everywhere: bool = False, name: str | None = None) -> Body:
        """All rollouts of the namespace or of all namespaces, or the one with that name, as a list object."""
        with asking("list modelrollouts"):
            return cast(Body, self._lister(everywhere, name)(_request_timeout=TIMEOUT))

    def names(self, seconds: float) -> list[str]:
        """The names of the namespace's rollouts, asked for so long at most."""
        with asking("list modelrollouts"):
            found = self._lister(False, None)(_request_timeout=seconds)["items"]
        return sorted(str(item["metadata"]["name"]) for item in found)

    def watch(self, since: str, everywhere: bool = False, name: str | None = None) -> Iterator[Body]:
        """Changes after the resource version ``since``, each with ``type`` and ``object``, until the server ends the
        watch, ``WATCH_SECONDS`` later at the latest. A line that is no change, as the last one of a connection that was
        cut, ends it too: what it would have said is in the next listing."""
        from kubernetes import watch

        self._watch = watch.Watch()
        with asking("watch modelrollouts"):
            changes = self._watch.stream(
                self._lister(everywhere, name),
                resource_version=since,
                timeout_seconds=WATCH_SECONDS,
                _request_timeout=(TIMEOUT[0], WATCH_SECONDS + TIMEOUT[1]),
            )
            yield from takewhile(lambda change: change is not None, changes)

    def stop_watching(self) -> None:
        """Ends the watch that is open, for whoever reads it in another thread."""
        if self._watch is not None:
            self._watch.stop()

    def command(self, name: str, text: str) -> Body:
        """Writes the command annotation, and nothing else. Gives the rollout as it is then."""
        patch = {"metadata": {"annotations": {COMMAND_ANNOTATION: text}}}
        with asking(f"annotate modelrollout {name!r} in namespace {self.namespace}"):
            written = self._objects.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                name,
                patch,
                field_manager=FIELD_MANAGER,
                _content_type="application/merge-patch+json",
                _request_timeout=TIMEOUT,
            )
        return cast(Body, written)

    def create(self, body: Body) -> Body:
        """A new rollout. Gives it as it is then. Raises ``NotTaken`` when it is refused for what it is."""
        with asking(f"create modelrollout {body['metadata']['name']!r} in namespace {self.namespace}", giving=True):
            written = self._objects.create_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                body,
                field_manager=FIELD_MANAGER,
                field_validation="Strict",
                _request_timeout=TIMEOUT,
            )
        return cast(Body, written)

    def delete(self, name: str, uid: str | None = None) -> None:
        """Deletes a rollout, with all that belongs to it; only the very object, where its uid is given."""
        from kubernetes import client

        meant = client.V1Preconditions(uid=uid) if uid is not None else None
        options = client.V1DeleteOptions(propagation_policy="Background", preconditions=meant)
        what = f"modelrollout {name!r} in namespace {self.namespace}"
        with asking(f"delete {what}", missing=f"there is no {what}"):
            self._objects.delete_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                name,
                body=options,
                _request_timeout=TIMEOUT,
            )

    def pods(self, selector: str) -> list[Body]:
        """The namespace's pods that have these labels."""
        with asking("list pods"):
            answer = self._core.list_namespaced_pod(self.namespace, label_selector=selector, _request_timeout=TIMEOUT)
        return [cast(Body, self._client.sanitize_for_serialization(item)) for item in answer.items]

    def log(self, pod: str, container: str, lines: int) -> str:
        """The last lines that a container of a pod has written."""
        with asking(f"read the log of pod {pod}", missing=f"pod {pod} has gone"):
            answer = self._core.read_namespaced_pod_log(
                pod,
                self.namespace,
                container=container,
                tail_lines=lines,
                _preload_content=False,  # else the package gives it as Python would write it
                _request_timeout=TIMEOUT,
            )
            return cast("urllib3.HTTPResponse", answer).data.decode(errors="replace")

    def events(self, uid: str) -> list[Body]:
        """The Kubernetes Events about one object."""
        with asking("list events"):
            answer = self._core.list_namespaced_event(
                self.namespace, field_selector=f"involvedObject.uid={uid}", _request_timeout=TIMEOUT
            )
        return [cast(Body, self._client.sanitize_for_serialization(item)) for item in answer.items]

    def _lister(self, everywhere: bool, name: str | None) -> Callable[..., Any]:
        """The call that lists, and watches, what is meant."""
        chosen = f"metadata.name={name}" if name else None
        api = self._objects
        if everywhere:
            return partial(api.list_cluster_custom_object, GROUP, VERSION, PLURAL, field_selector=chosen)
        place = (GROUP, VERSION, self.namespace, PLURAL)
        return partial(api.list_namespaced_custom_object, *place, field_selector=chosen)


def _object(text: bytes | None) -> Body:
    words = (text or b"").decode(errors="replace")
    try:
        found = json.loads(words)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": " ".join(words.split())[:300]}
