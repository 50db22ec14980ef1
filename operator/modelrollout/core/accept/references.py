"""What a spec names that has to be there beside it: ConfigMaps, Secrets and claims of its namespace, and images.

Kubernetes tells of one that is not there as of a pod's trouble, after the pod was made, and in words that know nothing
of the spec. Here they become the field, its value and the way out. The operator itself may not read Secrets or claims:
what it knows of those is what pods and their Events say.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelrollout.api.samples import SampleSet
from modelrollout.api.status import Withheld
from modelrollout.core.observation import Observation, Refusal, Workload
from modelrollout.core.plan import Reason
from modelrollout.core.recipe import is_corrected
from modelrollout.resource.spec import Spec

UNPULLED = 'image "{}" cannot be pulled'
"""How pods are told of whose image is not to be had (``runtime/pods.py``)."""

NO_SECRET = 'secret "{}" not found'
"""How pods are told of whose image is pulled with a Secret that is not there (``runtime/troubles.py``)."""

YET = " yet; is that its name?"
"""How a metric is told of that Prometheus does not know, where nothing is refused for it."""

_ONCE_MENDED = "once it is there say modelrollout retry, or correct the field"
_TEMPLATE, SAMPLES = "spec.serving.template.spec", "spec.validation.samples"
_CLAIM, _REMOTE = "pvc://", "https://"
_KEY_OF_VOLUME = re.compile(r'volume "([^"]+)" : .*references non-existent (config|secret) key: ([\w.-]+)')
_REQUEST = re.compile(r"\brequest (\d{1,2})(?=: | took |, |; |$)")  # ``runtime/given_samples.py``
_NO_SECRET = re.compile("; " + NO_SECRET.format('[^"]+'))
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

    def problem(self, words: str, namespace: str) -> Refusal | None:
        """What Kubernetes' words say of it; None where they speak of something else."""
        kind, name = self.kind, re.escape(self.name)
        quoted = rf'"({re.escape(namespace)}/)?{name}" not found'
        if re.search(rf"\b{kind} ({quoted}|with name {name} was found)", words, re.IGNORECASE):
            return self.missing(namespace)
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
    yield from _of_samples(spec.asked_before_traffic.samples, SAMPLES)
    smoke = spec.strategy.chosen.smoke(spec.strategy.settings)
    yield from _of_samples(smoke.requests if smoke is not None else None, f"spec.strategy.{spec.strategy.name}.smoke")
    yield from _of_template(_pod(spec))


def of_pods(spec: Spec, version: str) -> Iterator[Reference]:
    """Those without which a version's pods do not start."""
    samples = spec.asked_before_traffic.samples
    yield from _of_model(spec, version)
    if samples is not None and samples.warm_up_file:
        yield from _of_samples(samples, SAMPLES)
    yield from (item for item in _of_template(_pod(spec)) if not item.optional)


def _pod(spec: Spec) -> dict[str, Any]:
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


def _of_samples(samples: SampleSet | None, field: str) -> Iterator[Reference]:
    """The requests and the answers that they must get."""
    if samples is not None and samples.config_map is not None:
        yield Reference("ConfigMap", samples.config_map, f"{field}.configMap", samples.config_map)
    golden = samples.golden if samples is not None else None
    if golden is not None and golden.config_map is not None:
        yield Reference("ConfigMap", golden.config_map, f"{field}.golden.configMap", golden.config_map)


def by_field(words: str | None, samples: SampleSet | None, field: str) -> str | None:
    """Why samples could not be sent, by the field that names their ConfigMap, where it is about one."""
    for item in _of_samples(samples, field):
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
    for path, within, holder, name, value in _fields(pod, _TEMPLATE):
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


def in_terms_of_the_spec(spec: Spec, namespace: str, seen: Observation, settled: Container[str] = ()) -> Observation:
    """What keeps pods from starting, by the field of the spec that it comes of, where it comes of one. ``settled`` are
    the versions that have come up."""
    known = {
        version: _told(spec, namespace, workload, settled=version in settled)
        for version, workload in seen.workloads.items()
    }
    return replace(seen, workloads=known)


def told_by(refusal: Refusal | None, seen: Observation) -> Observation:
    """With what a spec is refused for because it is not there: that is missing, too, and told in the same words."""
    if refusal is None or refusal.reason is not Reason.UNKNOWN_METRIC:
        return seen
    others = (item for item in seen.unresolved or () if item.message.removesuffix(YET) not in refusal.message)
    return replace(seen, unresolved=(refusal, *others))


def _told(spec: Spec, namespace: str, workload: Workload, *, settled: bool) -> Workload:
    words = workload.waiting
    if words is None:
        return workload
    unpulled = _unpulled(spec, words)
    missing = _missing(spec, namespace, workload.version, words, settled=settled)
    if missing is not None:
        told = _NO_SECRET.sub("", unpulled.message if unpulled is not None else words)  # it is what is missing
        return replace(workload, waiting=f"{missing.message}; {told}", misnamed=missing)
    return workload if unpulled is None else replace(workload, waiting=unpulled.message, misnamed=unpulled)


def _unpulled(spec: Spec, words: str) -> Refusal | None:
    """That an image cannot be pulled, by the field that names it."""
    field = next((name for name, value in images(spec) if words.startswith(UNPULLED.format(value))), None)
    return Refusal(Reason.IMAGE_NOT_PULLED, words.replace("image", field, 1)) if field is not None else None


def lacked(spec: Spec, namespace: str, withheld: Withheld) -> Refusal | None:
    """What a version had waited for in vain when it was taken back, while the spec has not been corrected. It may have
    come since, and the version waits for a person's word all the same."""
    if withheld.tried is None or is_corrected(spec, withheld.version, withheld.tried):
        return None
    found, reason = list(_lacked(spec, namespace, withheld)), Reason.REFERENCE_MISSING
    if not found:
        named = (f'{field} "{value}"' for field, value in images(spec))
        pulled = [item for item in named if f"{item} cannot be pulled" in withheld.message]
        found, reason = [f"{item} could not be pulled" for item in pulled[:1]], Reason.IMAGE_NOT_PULLED
    return Refusal(reason, "; ".join([*found, _ONCE_MENDED])) if found else None


def _lacked(spec: Spec, namespace: str, withheld: Withheld) -> Iterator[str]:
    """Each object or key that was not there, by its field."""
    words = withheld.message
    told = (item.missing(namespace) for item in of_pods(spec, withheld.version))
    problems = [item for item in told if item.message in words] or _problems(spec, namespace, withheld.version, words)
    for item in problems:
        what = item.message.rpartition("; ")[0]
        yield what.replace(": there is no ", ": there was no ", 1).replace(" has no key ", " had no key ", 1)
    for sample in _of_samples(spec.asked_before_traffic.samples, SAMPLES):
        if f"ConfigMap {sample.name} is missing or empty" in words:
            yield f'{sample.field} "{sample.value}": ConfigMap {sample.name} in {namespace} was missing or empty'


def _missing(spec: Spec, namespace: str, version: str, words: str, *, settled: bool) -> Refusal | None:
    """All of it as one."""
    problems = _problems(spec, namespace, version, words, settled=settled)
    return replace(problems[0], message="; ".join(item.message for item in problems)) if problems else None


def _problems(spec: Spec, namespace: str, version: str, words: str, *, settled: bool = False) -> list[Refusal]:
    """What of the spec Kubernetes' words say is not there, which a version's pods need: each object by the first field
    that names it."""
    needed = [replace(item, settled=settled) for item in of_pods(spec, version)]
    told = ((item, item.problem(words, namespace)) for item in reversed(needed))
    found = {(item.kind, item.name): problem for item, problem in told if problem is not None}
    return [*reversed(found.values()), *filter(None, [_without_key(needed, spec, namespace, words)])]


def _without_key(needed: Sequence[Reference], spec: Spec, namespace: str, words: str) -> Refusal | None:
    """What a kubelet says of a volume with a key that is not there: the volume and the key. None also where the volume
    is made of several that ask for it, as it does not say which of them."""
    found = _KEY_OF_VOLUME.search(words)
    if found is None:
        return None
    volume, kind, key = found.groups()
    known = enumerate(_pod(spec).get("volumes") or [])
    places = [
        f"{_TEMPLATE}.volumes[{index}]."
        for index, item in known
        if isinstance(item, dict) and item.get("name") == volume
    ]
    sources = [item for item in needed if item.field.startswith(tuple(places))]
    fitting = [item for item in sources if item.kind.lower().startswith(kind)]
    fitting = [item for item in fitting if item.asks_for(key)] or fitting
    return fitting[0].without(key, namespace) if len(fitting) == 1 else None


def images(spec: Spec) -> Iterator[tuple[str, str]]:
    """Every field that names an image, with its value."""
    yield from ((path, value) for path, _, _, name, value in _fields(_pod(spec), _TEMPLATE) if name == "image")
    yield "spec.serving.image", spec.serving.image
