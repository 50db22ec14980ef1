"""What ``modelrollout lint`` notes of a spec that is in order: settings that can do nothing. Pure.

No problem, and no other exit code: some of it may come from the cluster, as a memory limit does from a LimitRange.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelrollout.api.base import format_duration
from modelrollout.api.samples import SampleSet
from modelrollout.api.serving import Serving
from modelrollout.cli.check import spec_of
from modelrollout.cli.manifests_file import Document, Problem
from modelrollout.manifests.serving import SERVER_CONTAINER
from modelrollout.manifests.store_secret import is_remote
from modelrollout.resource.spec import Spec

_CONTAINERS, _MOUNTS = ("initContainers", "containers"), ("volumeMounts", "volumeDevices")


def notes(document: Document) -> Iterator[Problem]:
    """Of one document; nothing of those that are no ModelRollout, or are not in order."""
    spec = spec_of(document)
    for message in _notes(spec) if spec is not None else ():
        yield Problem(document.place, message)


def _notes(spec: Spec) -> Iterator[str]:
    limits, serving = spec.asked_before_traffic.infrastructure, spec.serving
    if limits.max_memory_fraction is not None and not _has_memory_limit(serving):
        yield (
            "spec.validation.infrastructure.maxMemoryFraction: the server has no memory limit here to be a part of; "
            "without one every version is held. Set spec.serving.resources.limits.memory"
        )
    if limits.max_load_time is not None and limits.max_load_time > serving.load_timeout:
        yield (
            f"spec.validation.infrastructure.maxLoadTime: {format_duration(limits.max_load_time)} is never reached, as "
            f"spec.serving.loadTimeout ends at {format_duration(serving.load_timeout)}. Raise that, or lower it"
        )
    yield from _not_predict(spec)
    yield from _unmounted(serving)
    models = spec.strategy.chosen.models(spec.strategy.settings, spec.model)
    if serving.store_secret is not None and not any(is_remote(model.uri) for model in models):
        yield (
            f"spec.serving.storeSecret: {serving.store_secret} is shown to nobody, as {spec.model.uri} is on no store "
            "over https. Leave it out"
        )


def _not_predict(spec: Spec) -> Iterator[str]:
    """Requests that no model understands: neither row by row nor by columns."""
    smoke = spec.strategy.chosen.smoke(spec.strategy.settings)
    asked: list[tuple[str, SampleSet | None]] = [
        ("spec.validation.samples", spec.asked_before_traffic.samples),
        (f"spec.strategy.{spec.strategy.name}.smoke", smoke.requests if smoke is not None else None),
    ]
    for field, samples in asked:
        for index, body in enumerate(samples.requests if samples is not None else ()):
            if not isinstance(body, Mapping) or not {"instances", "inputs"} & body.keys():
                yield f"{field}.requests[{index}]: has neither instances nor inputs, so the server answers status 400"


def _unmounted(serving: Serving) -> Iterator[str]:
    """Volumes of the template that no container asks for: a kubelet does not even look whether they are there."""
    pod = (serving.template or {}).get("spec")
    containers = [item for name in _CONTAINERS for item in _objects(pod, name)]
    asked = {mount.get("name") for item in containers for name in _MOUNTS for mount in _objects(item, name)}
    for index, volume in enumerate(_objects(pod, "volumes")):
        if volume.get("name") not in asked:
            yield (
                f"spec.serving.template.spec.volumes[{index}]: no container mounts volume {volume.get('name')}, so "
                "nobody finds out whether what it names is there. Mount it, or leave it out"
            )


def _objects(holder: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects in a list of a template."""
    found = holder.get(name) if isinstance(holder, Mapping) else None
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _has_memory_limit(serving: Serving) -> bool:
    """By ``resources``, or by the container of that name in the template."""
    containers = _objects((serving.template or {}).get("spec"), "containers")
    own = [item for item in containers if item.get("name") == SERVER_CONTAINER]
    resources: list[Any] = [serving.resources, *(item.get("resources") for item in own)]
    return any("memory" in (item.get("limits") or {}) for item in resources if isinstance(item, Mapping))
