"""Pods that have come up stay as they were made.

Another pod template replaces every pod of a Deployment. For the version that serves that would be a release of the
whole fleet which nobody judges: so an edit of ``spec.serving``, and whatever a newer operator would write otherwise,
holds for versions that are still to come up. The template that a Deployment was made with is written down in it and
read from there. Only the model's place may change, because what is in it is known by its digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelrollout.core.plan import DesiredVersion
from modelrollout.core.recipe import made_from
from modelrollout.manifests.meta import Object
from modelrollout.manifests.store_secret import VOLUME
from modelrollout.resource.rollout import GROUP

URI_ANNOTATION = f"{GROUP}/uri"
SETTINGS_ANNOTATION = f"{GROUP}/settings"  # of a Deployment: the hash of the settings that its pods were made with
REPLICAS_ANNOTATION = f"{GROUP}/replicas"  # of a Deployment: the number of pods that was applied, if one was
TEMPLATE_ANNOTATION = f"{GROUP}/template"  # of a Deployment: its pod template as it was applied
MADE_FROM_ANNOTATION = f"{GROUP}/made-from"  # of a pod: the hash of all that it was made from
FETCH_CONTAINER = "fetch"
DIGEST_FLAG = "--digest="
_OF_THE_FETCHER = frozenset({"source", "samples", VOLUME})

Live = Mapping[str, Any]


def kept_template(live: Live | None, version: DesiredVersion, fresh: Object, settings: str) -> Object | None:
    """The template to go on with; None when the pods are to be made from the spec as it is now."""
    if live is None:
        return None
    before = _annotation(live, SETTINGS_ANNOTATION)
    same = (place_of(live), pinned_digest(live)) == (version.uri, version.digest)
    if not version.settled and not (same and before in (None, settings)):
        return None
    template = recorded_template(live)
    if place_of(live) == version.uri:
        return template
    return moved(template, fresh, made_from(before or settings, version.uri, version.digest))


def kept_settings(live: Live | None, version: DesiredVersion, settings: str) -> str:
    """The hash of the settings that the pods have: those of before where the template is kept."""
    before = _annotation(live, SETTINGS_ANNOTATION) if live is not None and version.settled else None
    return before or settings


def recorded_template(live: Live) -> Object:
    """As it was applied; as it is, where an operator that did not write it down made it."""
    try:
        found = json.loads(_annotation(live, TEMPLATE_ANNOTATION) or "")
    except ValueError:
        found = None
    return found if isinstance(found, dict) else _without_nulls(live["spec"]["template"])


def moved(template: Object, fresh: Object, mark: str) -> Object:
    """The same pods with the model from where a fresh template takes it, by the fetcher that knows its arguments."""
    pod, new = template["spec"], fresh["spec"]
    [fetch] = [item for item in new["initContainers"] if item["name"] == FETCH_CONTAINER]
    place = {name: fetch[name] for name in ("image", "imagePullPolicy", "args", "volumeMounts", "securityContext")}
    init = [item | place if item["name"] == FETCH_CONTAINER else item for item in pod.get("initContainers") or []]
    volumes = [item for item in pod.get("volumes") or [] if item["name"] not in _OF_THE_FETCHER]
    volumes += [item for item in new["volumes"] if item["name"] in _OF_THE_FETCHER]
    described = template["metadata"]
    annotations = {**(described.get("annotations") or {}), MADE_FROM_ANNOTATION: mark}
    return {
        **template,
        "metadata": {**described, "annotations": annotations},
        "spec": {**pod, "initContainers": init, "volumes": volumes},
    }


def place_of(live: Live) -> str | None:
    """Where the pods of a live Deployment have their model from."""
    return _annotation(live, URI_ANNOTATION)


def pinned_digest(live: Live) -> str | None:
    """The digest that the fetcher of a live Deployment demands; None where it demands none."""
    pod = live.get("spec", {}).get("template", {}).get("spec", {})
    for container in pod.get("initContainers") or []:
        for flag in container.get("args") or []:
            if container.get("name") == FETCH_CONTAINER and flag.startswith(DIGEST_FLAG):
                return str(flag.removeprefix(DIGEST_FLAG))
    return None


def applied_replicas(live: Live) -> int | None:
    """The number of pods that a live Deployment was applied with; None where that is left to others."""
    found = _annotation(live, REPLICAS_ANNOTATION)
    return int(found) if found is not None and found.isdecimal() else None


def settings_hash(live: Live) -> str | None:
    """Of the settings that the pods of a live Deployment were made with, where it says so."""
    return _annotation(live, SETTINGS_ANNOTATION)


def made_from_mark(template_or_pod: Live) -> str | None:
    """What a pod, or a template, says that it was made from."""
    return _annotation(template_or_pod, MADE_FROM_ANNOTATION)


def _annotation(item: Live, name: str) -> str | None:
    found = (item.get("metadata", {}).get("annotations") or {}).get(name)
    return str(found) if found is not None else None


def _without_nulls(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _without_nulls(item) for key, item in value.items() if item is not None}
        case list():
            return [_without_nulls(item) for item in value]
        case _:
            return value
