"""What is wrong with manifests, as far as it can be said without a cluster. Pure.

The spec is judged by the operator's own types, so what passes here passes there. What only the cluster knows is not
judged: whether the model is there, whether Prometheus knows a metric, who else has a host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from modelrollout.cli.check_template import template_problems
from modelrollout.cli.manifests_file import Document, Problem
from modelrollout.manifests.istio import shared_host
from modelrollout.manifests.meta import name_problem
from modelrollout.resource.meant import near
from modelrollout.resource.rollout import API_VERSION, CLUSTER_DOMAIN, GROUP, KIND, ModelRollout, SpecError
from modelrollout.resource.spec import Spec

TOP_FIELDS = {"apiVersion", "kind", "metadata", "spec", "status"}
META_FIELDS = {"name", "namespace", "labels", "annotations", "finalizers", "ownerReferences", "generateName"} | {
    *("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"),
    *("deletionTimestamp", "deletionGracePeriodSeconds"),
}
"""What people write, and what the API server adds."""


def check(documents: Sequence[Document]) -> list[Problem]:
    """All that is wrong with the ModelRollouts among the documents, in their order. Other kinds are let through."""
    problems = [problem for document in documents for problem in check_one(document)]
    rollouts = [(document, rollout) for document in documents if (rollout := _rollout(document)) is not None]
    return [*problems, *_same_names(rollouts), *_same_hosts(rollouts, documents)]


def is_rollout(document: Document) -> bool:
    """Whether the document is, or is meant as, a ModelRollout."""
    if not isinstance(document.body, dict):
        return False
    group = str(document.body.get("apiVersion")).partition("/")[0]
    return document.body.get("kind") == KIND or group == GROUP


def spec_of(document: Document) -> Spec | None:
    """The spec of a ModelRollout, where it is one that the operator would take."""
    rollout = _rollout(document)
    return rollout.spec if rollout is not None and isinstance(rollout.spec, Spec) else None


def check_one(document: Document) -> Iterator[Problem]:
    """What is wrong with one document by itself."""
    if not isinstance(document.body, dict):
        yield Problem(document.place, f"is {document.body!r}, not an object with apiVersion and kind")
        return
    if is_rollout(document):
        for message in (*_envelope(document.body), *_content(document)):
            yield Problem(document.place, message)


def _envelope(body: Mapping[str, Any]) -> Iterator[str]:
    """apiVersion, kind, metadata, and fields that do not belong beside them."""
    meant = _misspelt(body, TOP_FIELDS)
    for field, must in (("apiVersion", API_VERSION), ("kind", KIND)):
        if body.get(field) != must and field not in meant.values():
            yield f"{field}: must be {must} (given: {body.get(field)!r})"
    for field in _unknown(body, TOP_FIELDS):
        way_out = f"did you mean {meant[field]}?" if field in meant else "remove it or move it into spec"
        yield f"{field}: is no field of a {KIND}; {way_out}"
    if "metadata" not in meant.values():
        yield from _metadata(body.get("metadata"))


def _metadata(given: object) -> Iterator[str]:
    written = given if isinstance(given, dict) else {}
    meant, name = _misspelt(written, META_FIELDS), written.get("name")
    for field in _unknown(written, META_FIELDS):
        way_out = f"did you mean {meant[field]}?" if field in meant else "remove it"
        yield f"metadata.{field}: is no field of an object's metadata; {way_out}"
    if (not isinstance(name, str) or not name) and "name" not in meant.values():
        yield f"metadata.name: must be a string that is not empty (given: {name!r})"


def _unknown(written: Mapping[Any, Any], known: Set[str]) -> list[str]:
    return sorted(str(field) for field in set(written) - known)


def _misspelt(written: Mapping[Any, Any], known: Set[str]) -> dict[str, str]:
    """The fields that were meant and are not there, by what was written: that they are missing is no second mistake."""
    absent = known - set(written)
    found = {field: near(field, known) for field in _unknown(written, known)}
    return {field: meant for field, meant in found.items() if meant is not None and meant in absent}


def _content(document: Document) -> Iterator[str]:
    """The spec, and the name together with the version."""
    if "spec" not in document.body:
        if "spec" not in _misspelt(document.body, TOP_FIELDS).values():
            yield "spec: is missing"
        return
    rollout = _as_rollout(document)
    if isinstance(rollout.spec, SpecError):
        yield from rollout.spec.problems
        return
    if rollout.spec.serving.template is not None:
        yield from template_problems(rollout.spec.serving.template)
    if rollout.name and (refusal := name_problem(rollout)) is not None:
        yield refusal.message


def _as_rollout(document: Document) -> ModelRollout:
    """The document as if it came from the API server, which adds what is not written in a manifest."""
    metadata = document.body.get("metadata")
    written = metadata if isinstance(metadata, dict) else {}
    name, namespace = str(written.get("name") or ""), str(written.get("namespace") or "default")
    filled = {"name": name, "namespace": namespace, "uid": ""}
    return ModelRollout.from_json({"metadata": filled, "spec": document.body.get("spec")})


def _rollout(document: Document) -> ModelRollout | None:
    return _as_rollout(document) if is_rollout(document) else None


def _same_names(rollouts: Sequence[tuple[Document, ModelRollout]]) -> Iterator[Problem]:
    """Two manifests of one rollout: only the last that is applied would hold."""
    counts = Counter(rollout.key for _, rollout in rollouts if rollout.name)
    for document, rollout in rollouts:
        if counts[rollout.key] > 1:
            yield Problem(
                document.place,
                f"metadata.name: {rollout.key} is given {counts[rollout.key]} times, and the last one that is applied "
                "holds; keep one, or lint them one by one where they are alternatives",
            )


def _same_hosts(rollouts: Sequence[tuple[Document, ModelRollout]], documents: Sequence[Document]) -> Iterator[Problem]:
    """Two that route the same host at the same gateway: the second would be refused, with ``HostTaken``."""
    routes = [(document.place, rollout.key, route) for document, rollout in rollouts if (route := _route(rollout))]
    foreign = [(item.place, "", _live(item.body)) for item in documents if _is_virtual_service(item)]
    for index, (place, key, route) in enumerate(routes):
        for other_place, other_key, other in (*routes[:index], *foreign):
            where = route["metadata"]["namespace"]
            host = shared_host(route["spec"]["hosts"], route["spec"]["gateways"], where, other, CLUSTER_DOMAIN)
            if host is not None and other_key != key:
                yield Problem(
                    place, f"spec.traffic.hosts: {host} is routed by {other_place} already; one of them must go"
                )


def _route(rollout: ModelRollout) -> dict[str, Any] | None:
    """What the rollout's VirtualService will say of hosts and gateways."""
    if not isinstance(rollout.spec, Spec) or rollout.spec.validate_only is not None:
        return None
    traffic = rollout.spec.traffic
    routed = {"hosts": list(traffic.hosts), "gateways": list(traffic.gateways)}
    return {"metadata": {"namespace": rollout.namespace}, "spec": routed}


def _is_virtual_service(document: Document) -> bool:
    body = document.body
    return isinstance(body, dict) and body.get("kind") == "VirtualService" and isinstance(body.get("spec"), dict)


def _live(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata = body.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    return {"metadata": {"namespace": namespace or "default"}, "spec": body["spec"]}
