"""In which splits an arm is judged: like is compared with like, and only there.

Two versions can be compared in a split in which both answer the same people's requests. Previews are for nobody's
evidence. Where an arm shares no split with the control any more (a bake with all requests), it is held against what
the control answered before, in the split that the release is for.
"""

from __future__ import annotations

from modelrollout.api.route import EVERYBODY, MATCHED, Route
from modelrollout.api.status import Trial
from modelrollout.resource.spec import Spec


def audiences(spec: Spec) -> tuple[str, ...]:
    """The splits that a release is for, one after the other: first the requests of ``match``, then everybody's."""
    return (MATCHED, EVERYBODY) if spec.traffic.match else (EVERYBODY,)


def counted(spec: Spec, trial: Trial | None) -> tuple[str, ...]:
    """Every split whose answers are evidence at some time of the trial, the audiences first."""
    shared = [split.name for split in trial.route.splits if split.is_shared] if trial and trial.route else []
    return tuple(dict.fromkeys((*audiences(spec), *spec.segments, *shared)))


def is_of_everybody(spec: Spec) -> bool:
    """Whether what all requests had before a release tells of those in which it is judged."""
    return audiences(spec) == (EVERYBODY,) and not spec.segments


def compared(route: Route | None, version: str, control: str) -> tuple[str, ...]:
    """The splits in which an arm and the control both have a share."""
    splits = route.splits if route is not None else ()
    return tuple(split.name for split in splits if split.share(version) and split.share(control))


def heard(judged: tuple[str, ...], audience: str) -> tuple[str, ...]:
    """Of the splits in which an arm is judged, those whose silence holds a release: those it is for just now."""
    return (audience,) if audience in judged else judged


def judged(route: Route | None, version: str, control: str, audience: str) -> tuple[str, ...]:
    """The splits in which an arm is judged now; none while it has no share that counts."""
    found = compared(route, version, control)
    has_audience = route is not None and route.share(version, audience) > 0
    return (*found, audience) if has_audience and audience not in found else found
