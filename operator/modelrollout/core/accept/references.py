"""What a spec names that has to be there beside it: ConfigMaps, Secrets and claims of its namespace, and images.

Kubernetes tells of one that is not there as of a pod's trouble, after the pod was made, and in words that know nothing
of the spec. Here they become the field, its value and the way out. The operator itself may not read Secrets or claims:
what it knows of those is what pods and their Events say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelrollout.api.samples import SampleSet
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.spec import Spec

UNPULLED = 'image "{}" cannot be pulled'
"""How pods are told of whose image is not to be had (``runtime/pods.py``)."""

NO_SECRET = 'secret "{}" not found'
"""How pods are told of whose image is pulled with a Secret that is not there (``runtime/troubles.py``)."""

YET = " yet; is that its name?"
"""How a metric is told of that Prometheus does not know, where nothing is refused for it."""

TEMPLATE, SAMPLES = "spec.serving.template.spec", "spec.validation.samples"
_CLAIM, _REMOTE = "pvc://", "https://"
_REQUEST = re.compile(r"\brequest (\d{1,2})(?=: | took |, |; |$)")  # ``runtime/given_samples.py``
_OF_THE_CLUSTER = ("PriorityClass", "RuntimeClass")
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
    ("", "serviceAccountName"): "ServiceAccount",
    ("", "priorityClassName"): "PriorityClass",
    ("", "runtimeClassName"): "RuntimeClass",
}
"""Fields of a pod that name an object, by the field that they are in, which is none for those of the pod itself.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/"""


@dataclass(frozen=True, slots=True)
class Reference:
    """An object, of the rollout's namespace where its kind has one, that ``field`` names; ``value`` is what stands
    there. A pod starts without one that is ``optional``. ``settled``: a version that has come up asks for it,
    whose pods stay as they were made. ``keys`` are those that are asked of it, each with the field that does."""

    kind: str
    name: str
    field: str
    value: str
    optional: bool = False
    settled: bool = False
    keys: tuple[tuple[str, str], ...] = ()

    def missing(self, namespace: str) -> Refusal:
        """That there is none, and the way out."""
        where = "" if self.kind in _OF_THE_CLUSTER else f" in {namespace}"
        words = f"there is no {self.kind} {self.name}{where}; make it{self._otherwise}"
        return Refusal(Reason.REFERENCE_MISSING, f'{self.field} "{self.value}": {words}')

    @property
    def _otherwise(self) -> str:
        return ": a corrected field holds for the next version" if self.settled else ", or correct the field"

    def is_named(self, words: str, namespace: str) -> bool:
        """Whether Kubernetes' words say that there is none."""
        name = re.escape(self.name)
        quoted = rf'"({re.escape(namespace)}/)?{name}" not found'
        return bool(re.search(rf"\b{self.kind} ({quoted}|with name {name} was found)", words, re.IGNORECASE))

    def problem(self, words: str, namespace: str) -> Refusal | None:
        """What Kubernetes' words say of it; None where they speak of something else."""
        if self.is_named(words, namespace):
            return self.missing(namespace)
        kind, name = self.kind, re.escape(self.name)
        found = re.search(rf"couldn't find key (\S+) in {kind} {re.escape(namespace)}/{name}(?![\w.-])", words)
        return self.without(found[1], namespace) if found is not None and self.asks_for(found[1]) else None

    def asks_for(self, key: str) -> bool:
        """Whether a field names this key of it."""
        return key in dict(self.keys)

    def without(self, key: str, namespace: str) -> Refusal:
        """That it is there and this is not in it, and the way out: by the field of the key, where one names it."""
        field, value = (dict(self.keys)[key], key) if self.asks_for(key) else (self.field, self.value)
        said = f"{self.kind} {self.name} in {namespace} has no key {key}; add it{self._otherwise}"
        return Refusal(Reason.REFERENCE_MISSING, f'{field} "{value}": {said}')


def references(spec: Spec) -> Iterator[Reference]:
    """Every object that the spec needs beside it."""
    for _, model in spec.versions():
        yield from _of_model(spec, model.version)
    yield from of_samples(spec.asked_before_traffic.samples, SAMPLES)
    smoke = spec.strategy.chosen.smoke(spec.strategy.settings)
    yield from of_samples(smoke.requests if smoke is not None else None, f"spec.strategy.{spec.strategy.name}.smoke")
    yield from _of_template(pod_of(spec))


def of_pods(spec: Spec, version: str) -> Iterator[Reference]:
    """Those without which a version's pods do not start."""
    samples = spec.asked_before_traffic.samples
    yield from _of_model(spec, version)
    if samples is not None and samples.warm_up_file:
        yield from of_samples(samples, SAMPLES)
    yield from (item for item in _of_template(pod_of(spec)) if not item.optional)


def pod_of(spec: Spec) -> dict[str, Any]:
    """What the template says of the pod."""
    pod = (spec.serving.template or {}).get("spec")
    return pod if isinstance(pod, dict) else {}


def _of_model(spec: Spec, version: str) -> Iterator[Reference]:
    """What its place takes; nothing where the spec does not name the version."""
    field, model = next(((field, item) for field, item in spec.versions() if item.version == version), ("", None))
    if model is not None and model.uri.startswith(_CLAIM):
        claim = model.uri.removeprefix(_CLAIM).partition("/")[0]
        yield Reference("PersistentVolumeClaim", claim, f"{field}.uri", model.uri)
    secret = spec.serving.store_secret
    if model is not None and secret is not None and model.uri.startswith(_REMOTE):
        yield Reference("Secret", secret, "spec.serving.storeSecret", secret)


def of_samples(samples: SampleSet | None, field: str) -> Iterator[Reference]:
    """The requests and the answers that they must get."""
    if samples is not None and samples.config_map is not None:
        yield Reference("ConfigMap", samples.config_map, f"{field}.configMap", samples.config_map)
    golden = samples.golden if samples is not None else None
    if golden is not None and golden.config_map is not None:
        yield Reference("ConfigMap", golden.config_map, f"{field}.golden.configMap", golden.config_map)


def by_field(words: str | None, samples: SampleSet | None, field: str) -> str | None:
    """Why samples could not be sent, by the field that names their ConfigMap, where it is about one."""
    for item in of_samples(samples, field):
        if words is not None and re.match(rf"ConfigMap {re.escape(item.name)}(?![\w.-])", words):
            return f'{item.field} "{item.value}": {words}'
    return words


def by_request(words: str, samples: SampleSet | None, field: str, *, failed: bool = False) -> str:
    """What is said of answers, by the fields of the requests, where the spec has these. Those of a ConfigMap are told
    by their keys; of what ``failed`` it is said whose keys these are."""
    if samples is not None and samples.config_map is not None and failed:
        return f'{words} ({field}.configMap "{samples.config_map}")'
    if samples is None or not samples.requests:
        return words
    return _REQUEST.sub(lambda found: f"{field}.requests[{int(found[1]) - 1}]", words)


def _of_template(pod: dict[str, Any]) -> Iterator[Reference]:
    """Those of the pod template."""
    for path, within, holder, name, value in _fields(pod, TEMPLATE):
        kind = _NAMED_BY.get((within, name))
        if kind is not None:
            keys = tuple(_keys(holder, path.removesuffix(f".{name}")))
            yield Reference(kind, value, path, value, holder.get("optional") is True, keys=keys)


def _keys(holder: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The keys that a variable, or a volume with ``items``, asks of its object, with their fields."""
    if isinstance(holder.get("key"), str):
        yield holder["key"], f"{path}.key"
    items = holder.get("items")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and isinstance(item.get("key"), str):
            yield item["key"], f"{path}.items[{index}].key"


def _fields(part: Any, path: str, within: str = "") -> Iterator[tuple[str, str, dict[str, Any], str, str]]:
    """Every field with a text: where it is, the field that its object is the value or an element of, that object, its
    name and the text."""
    if isinstance(part, list):
        for index, item in enumerate(part):
            yield from _fields(item, f"{path}[{index}]", within)
    elif isinstance(part, dict):
        for name, value in part.items():
            if isinstance(value, str):
                yield f"{path}.{name}", within, part, name, value
            yield from _fields(value, f"{path}.{name}", name)


def images(spec: Spec) -> Iterator[tuple[str, str]]:
    """Every field that names an image, with its value."""
    yield from ((path, value) for path, _, _, name, value in _fields(pod_of(spec), TEMPLATE) if name == "image")
    yield "spec.serving.image", spec.serving.image
