"""Canary: a growing share of the requests, by the clock, by evidence, or by a person's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelrollout.api.bake import MOST_FOR_CONTROL, watched
from modelrollout.api.base import StatusModel, Timestamp, format_duration
from modelrollout.api.model import Model
from modelrollout.api.route import Route
from modelrollout.strategies.base import ArmView, Move, Outline, SmokeCheck, View
from modelrollout.strategies.canary_settings import Canary, CanaryStep, EvidenceSteps
from modelrollout.strategies.shares import between

BAKE = "bake"
CONTROL_KEEPS = 5  # percent, in the bake: enough to compare with, for nearly the whole of the new version's load


class CanaryMemory(StatusModel):
    """How far a canary is. ``step`` is the place of the step that is held: a weight, and how many waits at it lie
    behind (``10:0`` the step that set 10 %, ``10:1`` the first wait after it)."""

    step: str | None = None
    step_started_at: Timestamp | None = None
    bake_until: Timestamp | None = None
    bake_for: float | None = None  # seconds, when it began
    step_index: int | None = None  # the step by its number, as operators up to 0.1 counted
    approved_step: int | None = None  # the step that had been approved, by its number


@dataclass(frozen=True, slots=True)
class Place:
    """One step and where it stands: the weight in force there and the waits at that weight before it."""

    step: CanaryStep
    weight: int
    waits: int

    @property
    def name(self) -> str:
        """What the memory calls it: stays the same when steps at other weights are edited."""
        return f"{self.weight}:{self.waits}"

    @property
    def content(self) -> str:
        """What a person approves: another wait, or the same one after another, is not meant by that."""
        return f"{self.name} {words(self.step)}"


class CanaryStrategy:
    """The steps of ``spec.strategy.canary``, one after the other."""

    name = "canary"
    title = "a growing share of the requests"
    judges = True
    part_first = True
    competes = False
    settings = Canary
    memory = CanaryMemory

    def models(self, settings: Canary, model: Model) -> tuple[Model, ...]:
        """The spec's model."""
        return (model,)

    def seconds(self, settings: Canary) -> float | None:
        """All the waits and the bake, if every step has a time."""
        waits = [step.pause.duration if step.pause else step.duration for step in settings.steps]
        timed = [wait for wait in waits if wait is not None]
        return settings.bake.duration + sum(timed) if timed and len(timed) == len(waits) else None

    def smoke(self, settings: Canary) -> SmokeCheck | None:
        """None: a canary's first requests are few."""
        return None

    def design(self, settings: Canary) -> None:
        """No reward."""

    def outline(self, settings: Canary, memory: CanaryMemory, arms: Sequence[ArmView]) -> Outline:
        """Each step in words, the bake as the last."""
        found = places(settings)
        names = [words(place.step) for place in found]
        at = len(names) if memory.bake_until is not None else held(found, memory, arms[0].share if arms else 0)
        until, end = bake_ends(settings, memory), settings.bake.words(CONTROL_KEEPS)
        began = until - settings.bake.duration if until is not None else memory.step_started_at
        return Outline((*names, end), at, len(names), began, until)

    def next(self, settings: Canary, view: View[CanaryMemory]) -> Move[CanaryMemory]:
        """The next step once the present one has had its due; after the last all requests, and the bake."""
        arm = view.arms[0]
        until = bake_ends(settings, view.memory)
        if until is not None and arm.share >= 100 - MOST_FOR_CONTROL:
            return bake(settings, view, until)
        found = places(settings)
        index = held(found, view.memory, arm.share)
        view = replace(view, memory=remembered(found, index, view))
        if view.skip:
            return end(settings, view, _skipping(found[max(index, 0) :]))
        waiting = wait(settings, found, index, view) if index >= 0 else None
        return waiting or enter(settings, found, index + 1, view)


def places(settings: Canary) -> tuple[Place, ...]:
    """The steps with their places; ``evidence`` stands for steps without a clock, each held until it is proven."""
    steps = settings.steps
    if settings.evidence is not None:
        steps = tuple(CanaryStep(set_weight=weight) for weight in evidence_weights(settings.evidence))
    found: list[Place] = []
    for step in steps:
        last = found[-1] if found else None
        if step.set_weight is not None:
            found.append(Place(step, step.set_weight, 0))
        else:
            found.append(Place(step, last.weight if last else 0, last.waits + 1 if last else 1))
    return tuple(found)


def evidence_weights(settings: EvidenceSteps) -> list[int]:
    """start, start*factor, ... up to max; each at least one point above the last."""
    weights = [settings.start]
    while weights[-1] < settings.max:
        weights.append(min(settings.max, max(weights[-1] + 1, round(weights[-1] * settings.factor))))
    return weights


def duration_of(step: CanaryStep) -> float | None:
    """Seconds by its clock; None without one."""
    return step.pause.duration if step.pause is not None else step.duration


def words(step: CanaryStep) -> str:
    """One step in words."""
    if step.approval is not None:
        return "approval"
    if step.pause is not None:
        return "pause until promote" if step.pause.duration is None else f"pause {format_duration(step.pause.duration)}"
    if step.duration is None:
        return f"weight {step.set_weight} % until proven not worse"
    return f"weight {step.set_weight} % for {format_duration(step.duration)}"


def held(found: Sequence[Place], memory: CanaryMemory, weight: float) -> int:
    """The index of the step that is held, -1 before the first. Steps that were edited meanwhile never make the weight
    jump: the release goes on from the last step that set a weight up to the present one."""
    index = memory.step_index if memory.step is None else None
    if index is not None and 0 <= index < len(found) and found[index].weight == weight:
        return index
    names = [place.name if place.weight <= weight else "" for place in found]
    if memory.step in names:
        return names.index(memory.step)
    reached = [index for index, place in enumerate(found) if place.waits == 0 and place.weight <= weight]
    return max(reached, default=-1) if weight > 0 or memory.step is not None else -1


def remembered(found: Sequence[Place], index: int, view: View[CanaryMemory]) -> CanaryMemory:
    """The memory with the step that is held in it: after an edit it may be another one, and it may have been lost. Then
    its clock begins now."""
    memory = view.memory
    if index < 0 or memory.step == found[index].name:
        return memory
    return memory.model_copy(
        update={"step": found[index].name, "step_started_at": memory.step_started_at or view.now, "step_index": None}
    )


def enter(settings: Canary, found: Sequence[Place], index: int, view: View[CanaryMemory]) -> Move[CanaryMemory]:
    """The move into a step, or out of the last one."""
    if index == len(found):
        return end(settings, view, "all steps are done")
    place = found[index]
    memory = CanaryMemory(step=place.name, step_started_at=view.now)
    why = f"step {index + 1} of {len(found)}: {words(place.step)}"
    weight = max(place.weight, view.arms[0].share)  # after an edit a wait holds what there is
    duration = duration_of(place.step)
    until = view.now + duration if duration is not None else None
    return Move(between(view.control, {view.arms[0].version: weight}), memory, why, step=place.content, until=until)


def _skipping(left: Sequence[Place]) -> str:
    return f"a person asked for it, and skipped {', '.join(words(place.step) for place in left)}"


def end(settings: Canary, view: View[CanaryMemory], why: str) -> Move[CanaryMemory]:
    """After the last step all requests, watched for a while where that is wanted."""
    arm = view.arms[0].version
    if settings.bake.duration <= 0 or not view.is_last:
        return Move(Route.to(arm), view.memory, why, winner=arm)
    until = view.now + settings.bake.duration
    memory = CanaryMemory(bake_until=until, bake_for=settings.bake.duration)
    kept = settings.bake.control_keeps(CONTROL_KEEPS)
    return Move(between(view.control, {arm: 100 - kept}), memory, why, step=BAKE, until=until, watched=True)


def bake_ends(settings: Canary, memory: CanaryMemory) -> float | None:
    """When the bake is over; None before it."""
    return None if memory.bake_until is None else settings.bake.over_at(memory.bake_until, memory.bake_for)


def bake(settings: Canary, view: View[CanaryMemory], until: float) -> Move[CanaryMemory]:
    """Nearly all requests, watched for a while; then the end."""
    if view.now >= until or view.approved == BAKE:
        return view.stay("the bake is over", winner=view.arms[0].version, step=BAKE, watched=True)
    arm = view.arms[0]
    share = settings.bake.share_now(arm.share)
    why = watched(view.control, 100 - share)
    route = between(view.control, {arm.version: share})
    return Move(route, view.memory, why, step=BAKE, until=until, watched=True)


def wait(settings: Canary, found: Sequence[Place], index: int, view: View[CanaryMemory]) -> Move[CanaryMemory] | None:
    """Why this step is not over yet, or None."""
    place = found[index]
    name, step = f"step {index + 1}", place.step
    approved = view.memory.approved_step
    if view.approved == place.content or (approved is not None and approved >= index):
        return None
    if step.approval is not None:
        why = f"{name} waits for approval: modelrollout promote"
        return view.stay(why, step=place.content, approval=True)
    if step.pause is not None and step.pause.duration is None:
        why = f"{name} is a pause without end: modelrollout promote goes on"
        return view.stay(why, step=place.content, approval=True)
    duration = duration_of(step)
    if duration is None:
        return wait_for_evidence(place, name, next_weight(found, index), view)
    return wait_for_clock(settings, place, name, duration, view)


def next_weight(found: Sequence[Place], index: int) -> int:
    """The share that follows the present one, percent."""
    return next((place.weight for place in found[index:] if place.weight > found[index].weight), 100)


def wait_for_evidence(place: Place, name: str, share: int, view: View[CanaryMemory]) -> Move[CanaryMemory] | None:
    """A step without a time ends when the candidate is proven good enough for the next share; for all requests that is
    to be proven not worse."""
    arm = view.arms[0]
    if arm.proven or (share < 100 and arm.proven_share >= share):
        return None
    claim = "not worse" if share == 100 else f"good enough for {share} %"
    return view.stay(f"{name} is held until the candidate is proven {claim}", step=place.content)


def wait_for_clock(
    settings: Canary, place: Place, name: str, duration: float, view: View[CanaryMemory]
) -> Move[CanaryMemory] | None:
    """A step with a time ends by the clock; or earlier, when proven not worse and ``stepEarly``."""
    step, proven = place.step, view.arms[0].proven
    end = (view.memory.step_started_at or view.now) + duration
    early = proven and settings.step_early and step.pause is None
    if early or view.now >= end:
        return None
    return view.stay(f"{name} is held for {format_duration(duration)}", step=place.content, until=end)
