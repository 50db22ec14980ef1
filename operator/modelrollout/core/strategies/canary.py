"""Canary: a growing share of the requests, by the clock, by evidence, or by a person's word."""

from __future__ import annotations

from itertools import takewhile

from modelrollout.api.base import format_duration
from modelrollout.api.rollout import Strategy as StrategySpec
from modelrollout.api.status import Release
from modelrollout.api.strategy import Canary, CanaryStep, EvidenceSteps, Header
from modelrollout.core.strategies.base import Enter, Hold, Move, Position, Switch


class CanaryStrategy:
    """The steps of ``spec.strategy.canary``, one after the other."""

    def next(self, position: Position) -> Move:
        """The next step once the present one has had its due, the switch after the last."""
        steps = all_steps(_canary(position.spec))
        index = resume_at(steps, position.release, position.weight)
        held = None if index < 0 else hold(steps[index], index, position)
        return held if held is not None else enter(steps, index + 1)

    def bake(self, spec: StrategySpec) -> float:
        """Seconds."""
        return _canary(spec).bake

    def steps(self, spec: StrategySpec) -> int:
        """The number of steps, evidence steps counted as they will come."""
        return len(all_steps(_canary(spec)))

    def preview(self, spec: StrategySpec) -> Header | None:
        """None: a canary's first requests are its preview."""
        return None

    def wants_smoke(self, spec: StrategySpec, release: Release, weight: int) -> bool:
        """Never."""
        return False


def all_steps(canary: Canary) -> tuple[CanaryStep, ...]:
    """The steps as written, or those that ``evidence`` stands for: no clock, each held until it is proven."""
    if canary.evidence is None:
        return canary.steps
    return tuple(CanaryStep(set_weight=weight) for weight in evidence_weights(canary.evidence))


def evidence_weights(settings: EvidenceSteps) -> list[int]:
    """start, start*factor, ... up to max; each at least one point above the last."""
    weights = [settings.start]
    while weights[-1] < settings.max:
        weights.append(min(settings.max, max(weights[-1] + 1, round(weights[-1] * settings.factor))))
    return weights


def resume_at(steps: tuple[CanaryStep, ...], release: Release, weight: int) -> int:
    """The index of the step that is being held. Steps that were edited meanwhile never make the weight jump: the
    release goes on from the last step whose weight has been reached."""
    index = release.step_index
    if index < len(steps) and index >= 0 and weight_at(steps, index) == weight:
        return index
    if index < 0 and weight == 0:
        return -1
    reached = takewhile(lambda pair: (pair[1].set_weight or 0) <= weight, enumerate(steps))
    return max((i for i, _ in reached), default=-1)


def weight_at(steps: tuple[CanaryStep, ...], index: int) -> int:
    """The weight in force at a step: its own, or the last one set before it."""
    return next((step.set_weight for step in reversed(steps[: index + 1]) if step.set_weight is not None), 0)


def enter(steps: tuple[CanaryStep, ...], index: int) -> Move:
    """The move into a step, or the switch when there is none left."""
    if index >= len(steps):
        return Switch("all steps are done")
    step = steps[index]
    what = f"setWeight {step.set_weight}" if step.set_weight is not None else "approval" if step.approval else "pause"
    return Enter(index, step.set_weight, f"step {index + 1} of {len(steps)}: {what}")


def hold(step: CanaryStep, index: int, position: Position) -> Hold | None:
    """Why this step is not over yet, or None."""
    name = f"step {index + 1}"
    approved = position.release.approved_step
    if approved is not None and approved >= index:
        return None
    if step.approval is not None:
        return Hold(f"{name} waits for approval: modelrollout promote", approval=True)
    if step.pause is not None and step.pause.duration is None:
        return Hold(f"{name} is a pause without end: modelrollout promote goes on", approval=True)
    return hold_by_clock_or_evidence(step, name, position)


def hold_by_clock_or_evidence(step: CanaryStep, name: str, position: Position) -> Hold | None:
    """A step with a time ends by the clock (or earlier, when proven and ``stepEarly``); one without when proven."""
    duration = step.pause.duration if step.pause is not None else step.duration
    proven = position.assessment.proven
    if duration is None:
        return None if proven else Hold(f"{name} is held until the candidate is proven not worse")
    end = (position.release.step_started_at or position.now) + duration
    early = proven and _canary(position.spec).step_early and step.pause is None
    if early or position.now >= end:
        return None
    return Hold(f"{name} is held for {format_duration(duration)}", until=end)


def _canary(spec: StrategySpec) -> Canary:
    assert spec.canary is not None
    return spec.canary
