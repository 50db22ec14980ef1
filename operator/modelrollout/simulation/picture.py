"""The picture of one release: who got the requests, how often each version was wrong, and how the evidence grew.

Needs matplotlib, which the command line does not bring (the extra ``plot``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from modelrollout.api.route import EVERYBODY
from modelrollout.api.status import ContestStatus, Trial
from modelrollout.core.evidence import Count, rate_interval
from modelrollout.simulation.curves import Curve, curves
from modelrollout.simulation.decisions import Decision
from modelrollout.simulation.release import Frame
from modelrollout.simulation.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STABLE, BOUND = "#4477aa", "#555555"
ARMS = ("#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#cc7711", "#999999")
MOST_SEGMENTS = 6  # with panels of their own
MOST_MARKS = 30
PARTS = 1.6  # inches for each panel besides the rates
TITLE_WIDTH = 120  # characters
MOVES = ("Shift", "Switch", "Promote", "Keep", "Leave", "Rollback")


@dataclass(frozen=True, slots=True)
class Story:
    """What the picture shows: all passes of a release, and those that decided something."""

    scenario: Scenario
    frames: tuple[Frame, ...]
    decisions: tuple[Decision, ...]

    @property
    def metrics(self) -> list[str]:
        """What is judged."""
        return [metric.name for metric in self.scenario.spec.analysis.guardrails]

    @property
    def rewards(self) -> list[str]:
        """What the versions compete by, if they do."""
        return [metric.name for metric in self.scenario.spec.analysis.rewards]

    @property
    def splits(self) -> list[str | None]:
        """Whose requests have panels of their own: those of each segment and all others, the first few of them; None:
        those that the release is for at the time."""
        segments = list(self.scenario.spec.segments)
        return [*segments[: MOST_SEGMENTS - 1], EVERYBODY] if segments else [None]

    @property
    def colours(self) -> Mapping[str, str]:
        """By version, stable first."""
        cast = self.scenario.cast
        return {cast.stable: STABLE} | {arm: ARMS[index % len(ARMS)] for index, arm in enumerate(cast.arms)}


def draw(story: Story, path: Path) -> None:
    """Write the picture as a PNG; the same release gives the same bytes. Raises ImportError without matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    told = [(reward, split) for split in story.splits for reward in story.rewards]
    heights = [*[1.0] * len(story.splits), *[1.3] * (len(told) + len(story.metrics)), 1.5]
    figure = Figure(figsize=(10, PARTS * sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    axes: list[Axes] = list(grid[:, 0])
    model = story.scenario.spec.model
    end = f"{model.name} {model.version}: {story.decisions[-1].reason.split(';')[0]}"
    figure.suptitle("\n".join(wrap(end, TITLE_WIDTH)), fontsize=10, x=0.01, ha="left")
    for panel, split in zip(axes, story.splits, strict=False):
        draw_weights(panel, story, split)
    for panel, (reward, split) in zip(axes[len(story.splits) :], told, strict=False):
        draw_rewards(panel, story, reward, split)
    for panel, metric in zip(axes[len(story.splits) + len(told) : -1], story.metrics, strict=True):
        draw_rates(panel, story, metric)
    draw_evidence(axes[-1], story)
    mark_moves(axes, story)
    axes[-1].set_xlabel("seconds since the start of the release")
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def draw_weights(panel: Axes, story: Story, split: str | None) -> None:
    """Percent that each version gets of the requests of a split."""
    times = [decision.at for decision in story.decisions]
    end = story.frames[-1].time
    for version, colour in story.colours.items():
        shares = [decision.weights if split is None else decision.splits.get(split, {}) for decision in story.decisions]
        weights = [item.get(version, 0) for item in shares]
        panel.step([*times, end], [*weights, weights[-1]], where="post", color=colour, label=version)
    panel.set(ylabel=f"{whose(split)}weight, %", ylim=(-5, 105))
    panel.legend(loc="center left", fontsize=8)


def whose(split: str | None) -> str:
    """The first line of a label, where there are several splits."""
    return "" if split is None else f"{split}:\n"


def draw_rewards(panel: Axes, story: Story, reward: str, split: str | None) -> None:
    """What each version has earned so far, with its interval, in percent of its requests of a split."""
    trials = [(frame.time, frame.status.trial) for frame in story.frames if frame.status.trial is not None]
    seen = [(at, contest_in(trial, split)) for at, trial in trials]
    sums = any(contest.largest is not None for _, contest in seen if contest is not None)
    unit, words = (1.0, "for each request") if sums else (100.0, "rewarded, %")
    for version, colour in story.colours.items():
        points = [
            (at, item)
            for at, contest in seen
            for item in (contest.versions if contest is not None else ())
            if item.version == version and item.requests
        ]
        times = [at for at, _ in points]
        panel.plot(times, [unit * (item.rate or 0.0) for _, item in points], color=colour)
        low, high = [unit * item.low for _, item in points], [unit * item.high for _, item in points]
        panel.fill_between(times, low, high, color=colour, alpha=0.15, lw=0)
    late = [contest for _, contest in seen[len(seen) // 2 :] if contest is not None]  # the first rates are anything
    every = [unit * item.rate for contest in late for item in contest.versions if item.rate] or [0.01]
    panel.set(ylabel=f"{whose(split)}{reward},\n{words}", ylim=(0.5 * min(every), 1.25 * max(every)))


def contest_in(trial: Trial, split: str | None) -> ContestStatus | None:
    """Who earns more among the requests of a split."""
    return next((item for item in trial.segments if item.split == split), trial.contest)


def draw_rates(panel: Axes, story: Story, metric: str) -> None:
    """Share of bad answers of all versions in each stretch of the release, with its 95 % interval."""
    top = 1.0
    for version, counts in rates(story, metric):
        seen = [(time, count) for time, count in counts if count.trials]
        bands = [rate_interval(count, 0.05) for _, count in seen]
        times, shares = [time for time, _ in seen], [100 * count.rate for _, count in seen]
        colour = story.colours[version]
        panel.plot(times, shares, color=colour, marker=".", ms=4)
        low, high = [100 * band.low for band in bands], [100 * band.high for band in bands]
        panel.fill_between(times, low, high, color=colour, alpha=0.2, lw=0)
        top = max([top, *(1.5 * share for share in shares)])
    panel.set(ylabel=f"{metric},\nbad answers, %", ylim=(0, min(105.0, top)))


def rates(story: Story, metric: str) -> Iterator[tuple[str, Iterator[tuple[float, Count]]]]:
    """The lines: stable's, once for each split, and those of the arms."""
    drawn: set[str] = set()
    for curve in curves(story.frames, metric):
        if curve.split not in drawn:
            yield story.scenario.stable, curve.of_stable()
        drawn.add(curve.split)
        yield curve.version, curve.of_arm()


def draw_evidence(panel: Axes, story: Story) -> None:
    """Evidence against each arm and for it, each with its bound, as factors."""
    alone, top = len(story.scenario.cast.arms) == 1, 3000.0
    against = curves(story.frames, story.metrics[0])  # of all metrics together, so any of them tells it
    for index, curve in enumerate(against):
        label = "that it is worse" if alone else f"that {curve.version} is worse"
        told = any(other.version == curve.version for other in against[:index])
        evidence = [test.evidence for _, test in curve.points]
        colour = story.colours[curve.version]
        panel.plot([at for at, _ in curve.points], evidence, color=colour, label=None if told else label)
        top = max([top, *(3.0 * max(test.evidence, test.proven) for _, test in curve.points)])
    for index, metric in enumerate(story.metrics):
        label = "that it is not" if len(story.metrics) == 1 else f"that it is not, by {metric}"
        for number, curve in enumerate(curves(story.frames, metric)):
            colour = STABLE if alone else story.colours[curve.version]
            draw_proof(panel, curve, colour, ("-", "--", ":", "-.")[index % 4], None if number else label)
    draw_bounds(panel, against)
    panel.set(ylabel="evidence", yscale="log", ylim=(0.05, top))
    if against:
        panel.legend(loc="lower left", fontsize=8)


def draw_proof(panel: Axes, curve: Curve, colour: str, style: str, label: str | None) -> None:
    """Evidence that an arm is not worse, by one metric."""
    times, proofs = [time for time, _ in curve.points], [test.proven for _, test in curve.points]
    panel.plot(times, proofs, color=colour, ls=style, label=label)


def draw_bounds(panel: Axes, against: Sequence[Curve]) -> None:
    """Where evidence decides."""
    points = [point for curve in against for point in curve.points]
    if not points:
        return
    _, last = max(points, key=lambda point: point[0])
    for bound, colour, text in (
        (last.needed, ARMS[0], f"rolled back at {last.needed:g}"),
        (last.proven_needed, STABLE, f"proven at {last.proven_needed:g}"),
    ):
        panel.axhline(bound, color=colour, lw=0.8, ls="--")
        panel.text(0, bound * 1.15, text, color=colour, fontsize=7)


def mark_moves(axes: Sequence[Axes], story: Story) -> None:
    """A line through all panels at each move, with its name on top; not at shifts that never end."""
    moves = [decision for decision in story.decisions if decision.move in MOVES]
    many = len(moves) > MOST_MARKS
    for decision in moves:
        if decision.move != "Shift" or not many:
            for panel in axes:
                panel.axvline(decision.at, color=BOUND, lw=0.7, alpha=0.6)
            share = f" {decision.weights.get(story.scenario.candidate, 0)} %" if len(story.colours) == 2 else ""
            axes[0].annotate(
                f"{decision.move}{share}", (decision.at, 104), fontsize=7, rotation=30, annotation_clip=False
            )
