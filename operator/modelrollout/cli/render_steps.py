"""How far a release is: its steps with the present one marked, and the time to the next."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from modelrollout.api.base import StatusModel
from modelrollout.api.status import Status, Trial
from modelrollout.cli.render_route import audience_words
from modelrollout.cli.text import Line, Span, Style, bar, lasting, line
from modelrollout.resource.spec import Spec
from modelrollout.strategies import AnyStrategy, ArmView, Outline

CLOCK_BAR = 20


def step_lines(status: Status, spec: Spec | None, now: float) -> list[Line]:
    """The steps of the release under way, or nothing when there is none. The first version of all has none: it serves
    as soon as it is ready."""
    trial = status.trial
    if trial is None or status.stable is None or spec is None:
        return []
    audience = audience_words(trial)
    about = f"  release began {lasting(now - trial.started_at)} ago" + (f", for {audience} now" if audience else "")
    title = line(Span("Steps", Style.TITLE), Span(about, Style.FAINT))
    return [title, *_marked(outline(spec, trial), trial, now)]


def outline(spec: Spec, trial: Trial) -> Outline:
    """The steps in the strategy's own words."""
    strategy = spec.strategy.chosen
    arms = [
        ArmView(arm.version, arm.weight, ready=arm.ready_at is not None, smoke_passed=arm.smoke.passed)
        for arm in trial.arms
    ]
    return strategy.outline(spec.strategy.settings, memory(strategy, trial), arms)


def memory(strategy: AnyStrategy, trial: Trial) -> StatusModel:
    """What the strategy remembers of the trial; nothing when that cannot be read, as for the operator."""
    kind: type[StatusModel] = strategy.memory
    try:
        return kind.model_validate(trial.memory)
    except ValidationError:
        return kind()


def _marked(steps: Outline, trial: Trial, now: float) -> Iterator[Line]:
    """One line a step: done, under way with its clock, or still to come."""
    width = max((len(name) for name in steps.names), default=0)
    for index, name in enumerate(steps.names):
        text = f"{index + 1}  {name}"
        if index < steps.at:
            yield line(Span("  ✔ ", Style.GOOD), text)
        elif index == steps.at:
            yield line(Span("  ▶ ", Style.WARN), text.ljust(width + 6), *_clock(steps, trial, now))
        else:
            yield line(Span(f"  · {text}", Style.FAINT))


def _clock(steps: Outline, trial: Trial, now: float) -> Line:
    """A bar of the time that is over and the time that is left, or what else the step waits for."""
    stood = trial.stood_still(now)
    began = steps.began + stood if steps.began is not None else None
    end = steps.until + stood if steps.until is not None else trial.next_step_at
    if end is not None and end > now:
        share = (now - began) / (end - began) if began is not None and began < end else 0.0
        return (*bar(share, CLOCK_BAR), Span(f"  {lasting(end - now)} left"))
    if trial.hold_since is not None:
        return (Span(f"undecided for {lasting(now - trial.hold_since)}", Style.WARN),)
    return (Span(f"for {lasting(now - began)}", Style.FAINT),) if began is not None else ()
