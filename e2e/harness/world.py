"""The cluster with the operator in it, as a story sees it."""

# Most of the kubernetes package carries types, but its loading and watching does not.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kubernetes import client, config

from e2e.harness.diagnosis import explain
from e2e.harness.kubectl import Kubectl, Object
from e2e.harness.watch import Record
from modelrollout.resource.rollout import GROUP, PLURAL

STORY_LABEL = "modelrollout.dev/story"


@dataclass(frozen=True, slots=True)
class Places:
    """What a manifest of a story cannot know before it runs.

    ``models`` is the URI of the folder that holds the models, ``models_folder`` its path on the nodes, ``image`` the
    model server's, ``gateway`` the NAMESPACE/NAME of the Gateway that the clients come through, ``provider`` where the
    cluster's request metrics come from.
    """

    models: str
    models_folder: Path
    image: str
    gateway: str
    provider: str


class World:
    """One cluster with an operator, and everything that its rollouts went through while it was watched."""

    def __init__(self, kubectl: Kubectl, places: Places, operator_namespace: str) -> None:
        self.kubectl = kubectl
        self.operator_namespace = operator_namespace
        self._places = places
        self.changed = threading.Condition()
        api = config.new_client_from_config(str(kubectl.kubeconfig))
        anything = client.CustomObjectsApi(api).list_cluster_custom_object
        self.rollouts = Record(self.changed, partial(anything, GROUP, "v1alpha1", PLURAL))
        self.virtual_services = Record(self.changed, partial(anything, "networking.istio.io", "v1", "virtualservices"))
        core = client.CoreV1Api(api)
        label = f"{GROUP}/rollout"
        self.pods = Record(self.changed, partial(core.list_pod_for_all_namespaces, label_selector=label))
        self.services = Record(self.changed, partial(core.list_service_for_all_namespaces, label_selector=label))

    def places(self, namespace: str) -> dict[str, object]:
        """The values for a story's manifest."""
        places = self._places
        return {
            "namespace": namespace,
            "models": places.models,
            "models_folder": places.models_folder,
            "image": places.image,
            "gateway": places.gateway,
            "provider": places.provider,
        }

    def explain(self, namespace: str, rollout: Object | None = None) -> str:
        """Everything that tells why something in a namespace went another way."""
        return explain(self.kubectl, namespace, rollout, self.operator_namespace)

    @contextmanager
    def namespace(self, story: str) -> Iterator[str]:
        """A namespace of its own for one story. Its deletion is not waited for."""
        name = f"{story}-{secrets.token_hex(2)}"
        labels = {STORY_LABEL: name}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.kubectl.apply(json.dumps(body))
        try:
            yield name
        finally:
            self.kubectl.run("delete", "namespace", name, "--wait=false")
            self.kubectl.run("delete", "persistentvolumes", "-l", f"{STORY_LABEL}={name}", "--wait=false")
