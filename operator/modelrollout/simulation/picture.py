"""The picture of one release: who got the requests, how often each version was wrong, and how the evidence grew.

Needs matplotlib, which the command line does not bring (the extra ``plot``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from modelrollout.api.analysis import Metric
from modelrollout.api.contest_status import ContestStatus
from modelrollout.api.route import EVERYBODY
from modelrollout.api.status import Trial
from modelrollout.core.evidence import Count, rate_interval
from modelrollout.simulation.colours import AGAINST, ARMS, STABLE
from modelrollout.simulation.curves import Curve, curves
from modelrollout.simulation.decisions import Decision
from modelrollout.simulation.picture_marks import draw_limit, mark_moves, mark_spans, mark_times
from modelrollout.simulation.release import Frame
from modelrollout.simulation.scenario import Scenario
from modelrollout.simulation.spans import Span, failing, happened, waits
from modelrollout.simulation.traffic import Traffic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_SEGMENTS = 6  # with panels of their own
PARTS = 1.6  # inches for each panel besides the rates
TITLE_WIDTH = 120  # characters


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
    def end(self) -> float:
        """Seconds from the start to the last pass."""
        return self.frames[-1].time

    @property
    def happened(self) -> list[Span]:
        """What the traffic file let happen, in the order of time."""
        scenario, given = self.scenario, self.scenario.given
        if not isinstance(given, Traffic):
            return []
        faults = failing(given.others, scenario.stable, scenario.candidate, self.end)
        return sorted((*happened(given.events, self.end), *faults), key=lambda span: span.start)

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
    figure.suptitle("\n".join(title_lines(end)), fontsize=10, x=0.01, ha="left")
    for panel, split in zip(axes, story.splits, strict=False):
        draw_weights(panel, story, split)
    for panel, (reward, split) in zip(axes[len(story.splits) :], told, strict=False):
        draw_rewards(panel, story, reward, split)
    for panel, metric in zip(axes[len(story.splits) + len(told) : -1], story.metrics, strict=True):
        draw_rates(panel, story, metric)
    draw_evidence(axes[-1], story)
    mark_times(axes[-1], story.end)
    mark_spans(axes, story.happened, list(waits(story.frames)))
    mark_moves(axes, story.decisions, story.scenario.candidate if len(story.colours) == 2 else None)
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def title_lines(text: str) -> list[str]:
    """The lines of a title; no number is parted from its unit."""
    return wrap(text.replace(" %", "\N{NO-BREAK SPACE}%"), TITLE_WIDTH)


def draw_weights(panel: Axes, story: Story, split: str | None) -> None:
    """Percent that each version gets of the requests of a split."""
    times = [decision.at for decision in story.decisions]
    for version, colour in story.colours.items():
        shares = [decision.weights if split is None else decision.splits.get(split, {}) for decision in story.decisions]
        weights = [item.get(version, 0) for item in shares]
        panel.step([*times, story.end], [*weights, weights[-1]], where="post", color=colour, label=version)
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
    """Share of what the metric counts (bad answers, or what its owner counts as good), of all versions in each bin of
    the release, with its 95 % interval."""
    shown, judged = 1.0, next(item for item in story.scenario.spec.analysis.metrics if item.name == metric)
    for version, bins in rates(story, metric):
        seen = [as_counted(item, judged) for item in bins if item.of.trials]
        bands = [rate_interval(item.of, 0.05) for item in seen]
        colour = story.colours[version]
        for item, band in zip(seen, bands, strict=True):
            share, span = 100 * item.of.rate, (item.start, item.end)
            panel.plot(span, (share, share), color=colour, lw=2, solid_capstyle="butt")
            panel.fill_between(span, 100 * band.low, 100 * band.high, color=colour, alpha=0.2, lw=0)
            shown = max(shown, 1.5 * share)
        middles = [(item.start + item.end) / 2 for item in seen]
        panel.plot(middles, [100 * item.of.rate for item in seen], color=colour, lw=0.8)
    counted = "of the trials" if judged.counts_good else "bad answers"
    panel.set(ylabel=f"{metric},\n{counted}, %", ylim=(0, min(105.0, shown)))
    draw_limit(panel, judged.limit)


@dataclass(frozen=True, slots=True)
class Rate:
    """What one version answered between two times, in seconds."""

    start: float
    end: float
    of: Count


def as_counted(item: Rate, metric: Metric) -> Rate:
    """As the owner of the metric counts."""
    if not metric.counts_good:
        return item
    return replace(item, of=Count(item.of.trials - item.of.bad, item.of.trials))


def rates(story: Story, metric: str) -> Iterator[tuple[str, list[Rate]]]:
    """The lines: stable's, once for each split, and those of the arms."""
    drawn: set[str] = set()
    for curve in curves(story.frames, metric):
        bins = curve.bins()
        if curve.split not in drawn:
            yield story.scenario.stable, [Rate(item.start, item.end, item.stable) for item in bins]
        drawn.add(curve.split)
        yield curve.version, [Rate(item.start, item.end, item.arm) for item in bins]


def draw_evidence(panel: Axes, story: Story) -> None:
    """Evidence against each arm and for it, each with its bound, as factors."""
    alone, top = len(story.scenario.cast.arms) == 1, 3000.0
    against = curves(story.frames, story.metrics[0])  # of all metrics together, so any of them tells it
    for index, curve in enumerate(against):
        label = "that it is worse" if alone else f"that {curve.version} is worse"
        told = any(other.version == curve.version for other in against[:index])
        evidence = [test.evidence for _, test in curve.points]
        colour = AGAINST if alone else story.colours[curve.version]
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
        panel.legend(loc="lower left", fontsize=8, ncols=2)


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
        (last.needed, AGAINST, f"rolled back at {last.needed:g}"),
        (last.proven_needed, STABLE, f"proven at {last.proven_needed:g}"),
    ):
        panel.axhline(bound, color=colour, lw=0.8, ls="--")
        panel.text(0, bound * 1.15, text, color=colour, fontsize=7)
