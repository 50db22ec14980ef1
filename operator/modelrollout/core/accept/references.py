"""What a spec names that has to be there beside it: ConfigMaps, Secrets and claims of its namespace, and images.

Kubernetes tells of one that is not there as of a pod's trouble, after the pod was made, and in words that know nothing
of the spec. Here they become the field, its value and the way out. The operator itself may not read Secrets or claims:
what it knows of those is what pods and their Events say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from modelrollout.core.observation import Observation, Refusal, Workload
from modelrollout.core.plan import Reason
from modelrollout.resource.spec import Spec

UNPULLED = 'image "{}" cannot be pulled'
"""How pods are told of whose image is not to be had (``runtime/pods.py``)."""

_TEMPLATE = "spec.serving.template.spec"
_CLAIM = "pvc://"
_NAMED_BY = {
    ("configMap", "name"): "ConfigMap",
    ("configMapRef", "name"): "ConfigMap",
    ("configMapKeyRef", "name"): "ConfigMap",
    ("secret", "secretName"): "Secret",
    ("secret", "name"): "Secret",
    ("secretRef", "name"): "Secret",
    ("secretKeyRef", "name"): "Secret",
    ("imagePullSecrets", "name"): "Secret",
    ("persistentVolumeClaim", "claimName"): "PersistentVolumeClaim",
}
"""Fields of a pod that name an object, by the field that they are in.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/"""


@dataclass(frozen=True, slots=True)
class Reference:
    """An object of the rollout's namespace that ``field`` names; ``value`` is what stands there. A pod starts without
    one that is ``optional``."""

    kind: str
    name: str
    field: str
    value: str
    optional: bool = False

    def missing(self, namespace: str) -> Refusal:
        """That there is none, and the way out."""
        words = f"there is no {self.kind} {self.name} in {namespace}; make it, or correct the field"
        return Refusal(Reason.REFERENCE_MISSING, f'{self.field} "{self.value}": {words}')

    def problem(self, words: str, namespace: str) -> Refusal | None:
        """What Kubernetes' words say of it; None where they speak of something else."""
        kind, name = self.kind, re.escape(self.name)
        if re.search(rf'\b{kind} "({re.escape(namespace)}/)?{name}" not found', words, re.IGNORECASE):
            return self.missing(namespace)
        found = re.search(rf"couldn't find key (\S+) in {kind} {re.escape(namespace)}/{name}(?![\w.-])", words)
        if found is None:
            return None
        said = f"{kind} {self.name} in {namespace} has no key {found[1]}; add it, or correct the field"
        return Refusal(Reason.REFERENCE_MISSING, f'{self.field} "{self.value}": {said}')


def references(spec: Spec) -> Iterator[Reference]:
    """Every object that pods of the spec need."""
    for model in spec.strategy.chosen.models(spec.strategy.settings, spec.model):
        if model.uri.startswith(_CLAIM):
            field = "spec.model.uri" if model == spec.model else f"spec.strategy.{spec.strategy.name}"
            claim = model.uri.removeprefix(_CLAIM).partition("/")[0]
            yield Reference("PersistentVolumeClaim", claim, field, model.uri)
    samples = spec.asked_before_traffic.samples
    if samples is not None and samples.config_map is not None:
        yield Reference("ConfigMap", samples.config_map, "spec.validation.samples.configMap", samples.config_map)
    yield from _of_template((spec.serving.template or {}).get("spec"), _TEMPLATE)


def _of_template(part: Any, path: str, within: str = "") -> Iterator[Reference]:
    """Those of a part of the pod template. ``within`` is the field that it is the value of, or an element of."""
    if isinstance(part, list):
        for index, item in enumerate(part):
            yield from _of_template(item, f"{path}[{index}]", within)
    elif isinstance(part, dict):
        for name, value in part.items():
            kind = _NAMED_BY.get((within, name))
            if kind is not None and isinstance(value, str):
                yield Reference(kind, value, f"{path}.{name}", value, part.get("optional") is True)
            yield from _of_template(value, f"{path}.{name}", name)


def in_terms_of_the_spec(spec: Spec, namespace: str, seen: Observation) -> Observation:
    """What keeps pods from starting, by the field of the spec that it comes of, where it comes of one."""
    known = {version: _told(spec, namespace, workload) for version, workload in seen.workloads.items()}
    return replace(seen, workloads=known)


def _told(spec: Spec, namespace: str, workload: Workload) -> Workload:
    words = workload.waiting
    if words is None:
        return workload
    found = (item.problem(words, namespace) for item in references(spec) if not item.optional)
    if (missing := next((item for item in found if item is not None), None)) is not None:
        return replace(workload, waiting=f"{missing.message}; {words}", misnamed=missing)
    field = next((item for item in images(spec) if words.startswith(UNPULLED.format(item[1]))), None)
    if field is None:
        return workload
    unpulled = Refusal(Reason.IMAGE_NOT_PULLED, words.replace("image", field[0], 1))
    return replace(workload, waiting=unpulled.message, misnamed=unpulled)


def images(spec: Spec) -> Iterator[tuple[str, str]]:
    """Every field that names an image, with its value."""
    template = (spec.serving.template or {}).get("spec")
    yield from _images(template, _TEMPLATE)
    yield "spec.serving.image", spec.serving.image


def _images(part: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, list):
        for index, item in enumerate(part):
            yield from _images(item, f"{path}[{index}]")
    elif isinstance(part, dict):
        for name, value in part.items():
            if name == "image" and isinstance(value, str):
                yield f"{path}.{name}", value
            yield from _images(value, f"{path}.{name}")
