"""What is wrong with a partial pod template, as far as Kubernetes' own types tell it: what the API server would refuse.

The types are those of the package ``kubernetes``, which is generated from the API. What only a cluster knows (policies,
quotas, a newer field) is not judged here; the operator tries the whole pod by dry run before it applies anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelrollout.manifests.kept import FETCH_CONTAINER
from modelrollout.manifests.merge import ONE_OF, VOLUME_SOURCES
from modelrollout.manifests.serving import SERVER_CONTAINER
from modelrollout.resource.explain import must_be
from modelrollout.resource.meant import near

FIELD = "spec.serving.template"
OWN_VOLUMES = frozenset({"models", "source"})
QUANTITIES = frozenset({"limits", "requests", "sizeLimit", "divisor", "storage"})
"""Fields whose texts may be written as numbers."""

_SCALARS: Mapping[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
_WORDS = {"str": "a string", "int": "a whole number", "float": "a number", "bool": "true or false"}
_LIST = re.compile(r"List\[(.+)\]")
_MAP = re.compile(r"Dict\[str, (.+)\]")


def template_problems(template: Mapping[str, Any]) -> Iterator[str]:
    """One sentence each, with the path of the field in front."""
    yield from _typed(template, "V1PodTemplateSpec", FIELD)
    spec = template.get("spec")
    if isinstance(spec, Mapping):
        yield from _containers(spec)
        yield from _volumes(spec)


def _typed(value: Any, kind: str, path: str) -> Iterator[str]:
    """Fields and types, all the way down. A null takes a field away, so it may stand anywhere."""
    if value is None or kind in ("object", "datetime"):
        return
    if found := _LIST.fullmatch(kind):
        if not isinstance(value, list):
            yield f"{path}: must be a list (given: {value!r})"
            return
        for index, item in enumerate(value):
            yield from _typed(item, found[1], f"{path}[{index}]")
    elif found := _MAP.fullmatch(kind):
        yield from _map(value, found[1], path)
    elif kind in _SCALARS:
        yield from _scalar(value, kind, path)
    else:
        yield from _object(value, kind, path)


def _map(value: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: must be a map (given: {value!r})"
        return
    for key, item in value.items():
        yield from _typed(item, kind, f"{path}.{key}")


def _scalar(value: Any, kind: str, path: str) -> Iterator[str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "str" and number and QUANTITIES & set(path.split(".")):
        return
    if not isinstance(value, _SCALARS[kind]) or (isinstance(value, bool) and kind != "bool"):
        yield f"{path}: {must_be(_WORDS[kind], value)} (given: {value!r})"


def _object(value: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: must be a map of names to values (given: {value!r})"
        return
    types, names = _fields(kind)
    known = {written: types[name] for name, written in names.items()}
    for key, item in value.items():
        if key not in known:
            field = near(str(key), known)
            way_out = "remove it or correct its name" if field is None else f"did you mean {field}?"
            yield f"{path}.{key}: is no field of a pod; {way_out}"
        else:
            yield from _typed(item, known[key], f"{path}.{key}")
    for group in ONE_OF:
        given = [key for key in value if key in group & known.keys() and value[key] is not None]
        if len(given) > 1:
            yield f"{path}: takes one of {' and '.join(given)}, not both; keep one"


def _fields(kind: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The types of an object's fields, and their names as they are written. The package takes a second to import."""
    from kubernetes import client

    found = getattr(client, kind)
    return found.openapi_types, found.attribute_map


def _containers(spec: Mapping[str, Any]) -> Iterator[str]:
    """What each container needs that is not one of the operator's own, and names that are given twice."""
    volumes = OWN_VOLUMES | {str(item.get("name")) for item in _items(spec, "volumes")}
    for field, own in (("containers", SERVER_CONTAINER), ("initContainers", FETCH_CONTAINER)):
        for index, item in enumerate(_items(spec, field)):
            path = f"{FIELD}.spec.{field}[{index}]"
            if not item.get("name"):
                yield f"{path}.name: is missing; {own} is the operator's own container"
            elif item["name"] != own and not item.get("image"):
                yield f"{path}.image: is missing for container {item['name']}; {own} is the operator's own"
            for number, mount in enumerate(_items(item, "volumeMounts")):
                if mount.get("name") not in volumes:
                    words = f"there is no volume {mount.get('name')!r} in this pod; add it to volumes"
                    yield f"{path}.volumeMounts[{number}].name: {words}"
        yield from _twice(spec, field)


def _volumes(spec: Mapping[str, Any]) -> Iterator[str]:
    for index, item in enumerate(_items(spec, "volumes")):
        path = f"{FIELD}.spec.volumes[{index}]"
        if not item.get("name"):
            yield f"{path}.name: is missing"
        elif item["name"] not in OWN_VOLUMES and not any(item.get(source) is not None for source in VOLUME_SOURCES):
            yield f"{path}: volume {item['name']} has no source; write for example emptyDir: {{}}"
    yield from _twice(spec, "volumes")


def _twice(spec: Mapping[str, Any], field: str) -> Iterator[str]:
    counts = Counter(str(item["name"]) for item in _items(spec, field) if item.get("name"))
    for name, count in counts.items():
        if count > 1:
            yield f"{FIELD}.spec.{field}: {name} is given {count} times; keep one"


def _items(value: Mapping[str, Any], field: str) -> Iterable[Mapping[str, Any]]:
    """The maps of a list, whatever it is."""
    found = value.get(field)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
