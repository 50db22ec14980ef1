"""What is to be measured of an arm's memory: its servers' containers, and the limit that each of them has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from modelrollout.adapters.memory import Place
from modelrollout.manifests.serving import SERVER_CONTAINER
from modelrollout.runtime.workloads import ready_pods

Object = Mapping[str, Any]
MOST = 3  # pods of a version; they all hold the same model, and samples go to the first
_LETTERS = "kMGTPE"
_UNITS = {letter: Decimal(1000) ** power for power, letter in enumerate(_LETTERS, 1)}
_UNITS |= {f"{letter.upper()}i": Decimal(1024) ** power for power, letter in enumerate(_LETTERS, 1)}
_UNITS |= {"m": Decimal("0.001")}


@dataclass(frozen=True, slots=True)
class Measured:
    """Where, and the limit of each pod's server in bytes; None where it has none."""

    place: Place
    limits: tuple[float | None, ...]


def measured(namespace: str, pods: Sequence[Object], version: str) -> Measured:
    """Of the pods of a version that can answer, those that are asked first."""
    ready = sorted(ready_pods(pods, version), key=lambda pod: str(pod["status"]["podIP"]))[:MOST]
    place = Place(namespace, SERVER_CONTAINER, tuple(str(pod["metadata"]["name"]) for pod in ready))
    return Measured(place, tuple(memory_limit(pod) for pod in ready))


def memory_limit(pod: Object) -> float | None:
    """Of its model server, in bytes."""
    server: Object = next((item for item in pod["spec"]["containers"] if item["name"] == SERVER_CONTAINER), {})
    limit = (server.get("resources", {}).get("limits") or {}).get("memory")
    return bytes_of(str(limit)) if limit is not None else None


def bytes_of(quantity: str) -> float | None:
    """A quantity as the API server writes it: 512Mi, 1G, 1e9. None for what is none, or is not above zero."""
    unit = next((name for name in sorted(_UNITS, key=len, reverse=True) if quantity.endswith(name)), "")
    try:
        found = float(Decimal(quantity.removesuffix(unit)) * _UNITS.get(unit, Decimal(1)))
    except InvalidOperation:
        return None
    return found if found > 0 else None
