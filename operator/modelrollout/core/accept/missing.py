"""What keeps pods from starting, which Kubernetes tells in words that know nothing of the spec: as the field, its value
and the way out (``references``)."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from modelrollout.api.status import Withheld
from modelrollout.core.accept.references import (
    NO_SECRET,
    SAMPLES,
    TEMPLATE,
    UNPULLED,
    YET,
    Reference,
    images,
    of_pods,
    of_samples,
    pod_of,
)
from modelrollout.core.observation import Observation, Refusal, Workload
from modelrollout.core.plan import Reason
from modelrollout.core.recipe import is_corrected
from modelrollout.resource.spec import Spec

_ONCE_MENDED = "once it is there say modelrollout retry, or correct the field"
_FETCHED_AGAIN = "correct the field; or mend what is there, and say modelrollout retry"
_KEY_OF_VOLUME = re.compile(r'volume "([^"]+)" : .*references non-existent (config|secret) key: ([\w.-]+)')
_NO_SECRET = re.compile("; " + NO_SECRET.format('[^"]+'))


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
        objects = list(of_pods(spec, workload.version))
        parts = [part for part in told.split("; ") if not any(item.is_named(part, namespace) for item in objects)]
        return replace(workload, waiting="; ".join([missing.message, *parts]), misnamed=missing)
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
    if not found and withheld.reason == Reason.FETCH_FAILED:
        return Refusal(Reason.FETCH_FAILED, f"{_unfetched(spec, withheld)}; {_FETCHED_AGAIN}")
    return Refusal(reason, "; ".join([*found, _ONCE_MENDED])) if found else None


def _unfetched(spec: Spec, withheld: Withheld) -> str:
    """That its model could not be fetched, by the field that says where it is."""
    words = withheld.message.removeprefix("it cannot be served: ").replace(" (spec.model.uri)", "")
    for field, model in spec.versions():
        if model.version == withheld.version:
            return f'{field}.uri "{model.uri}": {words.removeprefix(f"{model.uri}: ")}'
    return words


def _lacked(spec: Spec, namespace: str, withheld: Withheld) -> Iterator[str]:
    """Each object or key that was not there, by its field."""
    words = withheld.message
    told = (item.missing(namespace) for item in of_pods(spec, withheld.version))
    problems = [item for item in told if item.message in words] or _problems(spec, namespace, withheld.version, words)
    for item in problems:
        what = item.message.rpartition("; ")[0]
        yield what.replace(": there is no ", ": there was no ", 1).replace(" has no key ", " had no key ", 1)
    for sample in of_samples(spec.asked_before_traffic.samples, SAMPLES):
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
    known = enumerate(pod_of(spec).get("volumes") or [])
    places = [
        f"{TEMPLATE}.volumes[{index}]."
        for index, item in known
        if isinstance(item, dict) and item.get("name") == volume
    ]
    sources = [item for item in needed if item.field.startswith(tuple(places))]
    fitting = [item for item in sources if item.kind.lower().startswith(kind)]
    fitting = [item for item in fitting if item.asks_for(key)] or fitting
    return fitting[0].without(key, namespace) if len(fitting) == 1 else None
