"""Observer: all that observing needs, and how a fault in one place is kept from the others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from modelrollout.runtime.entrances import Entrances
from modelrollout.runtime.inquiry import Inquiries
from modelrollout.runtime.mesh_filters import MeshFilters
from modelrollout.runtime.references import References
from modelrollout.runtime.samples import SampleCache
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.shadowing import Comparisons
from modelrollout.runtime.troubles import Troubles
from modelrollout.runtime.validating import Validations
from modelrollout.runtime.workloads import Refused
from modelrollout.runtime.world import Key

Found = TypeVar("Found")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Observer:
    """What observing needs. ``refused`` holds versions whose objects the API server refused, with its words;
    ``refused_routes`` its words about a rollout's VirtualService; ``confirmed`` the pods whose model server has said
    that the model is there; ``troubles`` reads Events of pods that do not start; ``filters`` are the mesh's."""

    samples: SampleCache
    inquiries: Inquiries
    references: References
    validations: Validations
    smokes: Validations
    comparisons: Comparisons
    settings: Settings
    clock: Callable[[], float]
    refused: dict[tuple[Key, str], Refused]
    refused_routes: dict[Key, str]
    confirmed: dict[Key, set[str]]
    troubles: Troubles
    entrances: Entrances = field(default_factory=Entrances)
    filters: MeshFilters = field(default_factory=MeshFilters)


async def guarded(what: str, asking: Callable[[], Awaitable[Found]], otherwise: Callable[[str], Found]) -> Found:
    """What was seen; or, whatever went wrong, what stands for it: no fault in one place may end the pass."""
    try:
        return await asking()
    except Exception as error:
        log.exception("%s: could not be seen", what)
        return otherwise(str(error) or type(error).__name__)
