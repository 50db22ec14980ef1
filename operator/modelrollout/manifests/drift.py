"""Whether a live object differs from the desired one. Writing what has not changed costs everybody: every write of a
VirtualService wakes istiod, and a write in every pass keeps it awake.

The API server adds defaults and other people's fields, and writes some values in another form (``1024Mi`` becomes
``1Gi``), so the two are never equal as text. An object is as desired when both hold:
 - its annotation holds the hash of the desired object (so nothing that we once wanted is left over), and
 - everything that is desired is found in it (so nobody has changed it since). Lists of named things may hold more
   (a side car that was injected); every other list must have the same length. The rules of a VirtualService are ours
   alone and in order: a rule more, or a field more in one (a fault, a mirror), is a difference.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from modelrollout.manifests.merge import key_of
from modelrollout.manifests.meta import DESIRED_ANNOTATION, Object

_COUNTED = frozenset({"resourceVersion", "generation", "managedFields"})
_OWNED_WHOLE = frozenset({"VirtualService"})
_IDENTITY = frozenset({"apiVersion", "kind"})  # the items of a list come without
_QUANTITY = re.compile(r"^([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$")
_FACTORS = {None: Decimal(1), "m": Decimal("0.001")}
_FACTORS |= {unit: Decimal(1000) ** (index + 1) for index, unit in enumerate("kMGTPE")}
_FACTORS |= {f"{unit}i": Decimal(1024) ** (index + 1) for index, unit in enumerate("KMGTPE")}


def differs(desired: Object, live: Mapping[str, Any] | None) -> bool:
    """Whether the desired object has to be applied. ``desired`` is one that ``meta.marked`` gave."""
    if live is None:
        return True
    annotations = live["metadata"].get("annotations") or {}
    if annotations.get(DESIRED_ANNOTATION) != desired["metadata"]["annotations"][DESIRED_ANNOTATION]:
        return True
    ordered = desired["kind"] in _OWNED_WHOLE
    fields = {name: value for name, value in desired.items() if name not in _IDENTITY}
    # A resource version in it is a condition of the write, and no wish.
    fields["metadata"] = {name: value for name, value in desired["metadata"].items() if name not in _COUNTED}
    if not holds(live, fields, ordered=ordered):
        return True
    return ordered and not holds(desired["spec"]["http"], live["spec"]["http"], ordered=True)


def fingerprint(live: Mapping[str, Any]) -> str:
    """A hash of everything in a live object that people and policies write, and nothing that the API server counts."""
    described = {name: value for name, value in live["metadata"].items() if name not in _COUNTED}
    told = {name: value for name, value in live.items() if name not in ("metadata", "status", *_IDENTITY)}
    return hashlib.sha256(json.dumps([described, told], sort_keys=True).encode()).hexdigest()


def holds(live: Any, desired: Any, *, ordered: bool = False) -> bool:
    """Whether everything desired is found in the live value. ``ordered``: elements of lists by place, not by name."""
    match desired:
        case Mapping():
            live = live if isinstance(live, Mapping) else {}
            return all(holds(live.get(key), value, ordered=ordered) for key, value in desired.items())
        case list():
            return _holds_list(live if isinstance(live, list) else [], desired, ordered)
        case _:
            return _same(live, desired)


def _holds_list(live: Sequence[Any], desired: Sequence[Any], ordered: bool) -> bool:
    key = None if ordered else key_of(desired)
    if key is None or key_of(live) != key:
        pairs = zip(live, desired, strict=False)
        return len(live) == len(desired) and all(holds(found, wanted, ordered=ordered) for found, wanted in pairs)
    by_name = {element[key]: element for element in live}
    return all(holds(by_name.get(element[key]), element) for element in desired)


def _same(live: Any, desired: Any) -> bool:
    """Equal, or both absent (the API server drops empty values), or the same quantity."""
    if live == desired:
        return True
    if not live and not desired:
        return True
    amounts = _amount(live), _amount(desired)
    return amounts[0] is not None and amounts[0] == amounts[1]


def _amount(value: Any) -> Decimal | None:
    found = _QUANTITY.match(str(value)) if isinstance(value, str | int | float) else None
    return Decimal(found[1]) * _FACTORS[found[2]] if found else None
