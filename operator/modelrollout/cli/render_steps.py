"""How far a release is: its steps with the present one marked, and the time to the next."""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.api.base import format_duration
from modelrollout.api.rollout import Spec
from modelrollout.api.status import Release, Status
from modelrollout.api.strategy import BlueGreen, Canary, CanaryStep
from modelrollout.cli.text import Line, Span, Style, bar, lasting, line
from modelrollout.core.strategies.canary import all_steps

CLOCK_BAR = 20


def step_lines(status: Status, spec: Spec | None, now: float) -> list[Line]:
    """The steps of the release under way, or nothing when there is none."""
    if status.release is None or spec is None:
        return []
    lasted = lasting(now - status.release.started_at)
    title = line(Span("Steps", Style.TITLE), Span(f"  release began {lasted} ago", Style.FAINT))
    strategy = spec.strategy
    names = canary_names(strategy.canary) if strategy.canary else blue_green_names(strategy.blue_green)
    at = _index(status.release, strategy.blue_green, len(names))
    return [title, *_marked(names, at, status.release, now)]


def canary_names(canary: Canary) -> list[str]:
    """Each step in words, the bake among them."""
    names = [step_name(step) for step in all_steps(canary)]
    return [*names, f"all requests, bake {format_duration(canary.bake)}" if canary.bake else "all requests"]


def step_name(step: CanaryStep) -> str:
    """One step in words."""
    if step.approval is not None:
        return "approval"
    if step.pause is not None:
        return (
            f"pause {format_duration(step.pause.duration)}"
            if step.pause.duration is not None
            else "pause until promote"
        )
    if step.duration is None:
        return f"weight {step.set_weight} % until proven not worse"
    return f"weight {step.set_weight} % for {format_duration(step.duration)}"


def blue_green_names(settings: BlueGreen | None) -> list[str]:
    """What green goes through: smoke requests and approval where wanted, the switch, the bake."""
    if settings is None:
        return []
    smoke = ["smoke requests"] if settings.smoke is not None else []
    approval = ["approval"] if settings.approval else []
    return [*smoke, *approval, f"all requests, bake {format_duration(settings.bake)}"]


def _index(release: Release, blue_green: BlueGreen | None, count: int) -> int:
    """Which of the names is under way; -1: none yet."""
    if release.bake_until is not None:
        return count - 1
    if blue_green is None:
        return min(release.step_index, count - 2)
    if release.ready_at is None:
        return -1
    return 1 if blue_green.smoke is not None and release.smoke_passed and count > 2 else 0


def _marked(names: list[str], at: int, release: Release, now: float) -> Iterator[Line]:
    """One line a step: done, under way with its clock, or still to come."""
    width = max(len(name) for name in names)
    for index, name in enumerate(names):
        text = f"{index + 1}  {name}"
        if index < at:
            yield line(Span("  ✔ ", Style.GOOD), text)
        elif index == at:
            yield line(Span("  ▶ ", Style.WARN), text.ljust(width + 6), *_clock(release, now))
        else:
            yield line(Span(f"  · {text}", Style.FAINT))


def _clock(release: Release, now: float) -> Line:
    """A bar of the time that is over and the time that is left, or what else the step waits for."""
    end = release.bake_until or release.next_step_at
    began = release.weight_since if release.bake_until else release.step_started_at
    if end is not None and began is not None and end > now:
        share = (now - began) / (end - began)
        return (*bar(share, CLOCK_BAR), Span(f"  {lasting(end - now)} left"))
    if release.hold_since is not None:
        return (Span(f"undecided for {lasting(now - release.hold_since)}", Style.WARN),)
    since = release.step_started_at
    return (Span(f"for {lasting(now - since)}", Style.FAINT),) if since is not None else ()
