"""The picture of one release: who got the requests, how often each version was wrong, and how the evidence grew.

Needs matplotlib, which the command line does not bring (the extra ``plot``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelrollout.api.status import MetricStatus
from modelrollout.core.evidence import Count, rate_interval
from modelrollout.simulation.decisions import Decision
from modelrollout.simulation.release import Frame
from modelrollout.simulation.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STABLE, CANDIDATE, BOUND = "#4477aa", "#ee6677", "#555555"
PARTS = 1.6  # inches for each panel besides the rates
STRETCH = 6  # samples in one point of the rates: enough answers for a narrow band, few enough to see a change
MOVES = ("Shift", "Switch", "Promote", "Rollback")


@dataclass(frozen=True, slots=True)
class Story:
    """What the picture shows: all passes of a release, and those that decided something."""

    scenario: Scenario
    frames: tuple[Frame, ...]
    decisions: tuple[Decision, ...]


def draw(story: Story, path: Path) -> None:
    """Write the picture as a PNG; the same release gives the same bytes. Raises ImportError without matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = [metric.name for metric in story.scenario.spec.analysis.metrics]
    heights = [1.0, *[1.3] * len(metrics), 1.5]
    figure = Figure(figsize=(10, PARTS * sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    axes: list[Axes] = list(grid[:, 0])
    model = story.scenario.spec.model
    figure.suptitle(
        f"{model.name} {model.version}: {story.decisions[-1].reason.split(';')[0]}", fontsize=10, x=0.01, ha="left"
    )
    draw_weights(axes[0], story)
    for panel, metric in zip(axes[1:-1], metrics, strict=True):
        draw_rates(panel, story, metric)
    draw_evidence(axes[-1], story)
    mark_moves(axes, story)
    axes[-1].set_xlabel("seconds since the start of the release")
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def draw_weights(panel: Axes, story: Story) -> None:
    """Percent of the requests that each version gets."""
    times = [decision.at for decision in story.decisions]
    end = story.frames[-1].time
    for version, colour in ((story.scenario.stable, STABLE), (story.scenario.candidate, CANDIDATE)):
        weights = [decision.weights[version] for decision in story.decisions]
        panel.step([*times, end], [*weights, weights[-1]], where="post", color=colour, label=version)
    panel.set(ylabel="weight, %", ylim=(-5, 105))
    panel.legend(loc="center left", fontsize=8)


def draw_rates(panel: Axes, story: Story, metric: str) -> None:
    """Share of bad answers of both versions in each stretch of the release, with its 95 % interval."""
    tops = [1.0]
    for role, colour in (("stable", STABLE), ("candidate", CANDIDATE)):
        seen = [(time, count) for time, count in stretches(story, metric, role) if count.trials]
        bands = [rate_interval(count, 0.05) for _, count in seen]
        times, rates = [time for time, _ in seen], [100 * count.rate for _, count in seen]
        panel.plot(times, rates, color=colour, marker=".", ms=4)
        low, high = [100 * band.low for band in bands], [100 * band.high for band in bands]
        panel.fill_between(times, low, high, color=colour, alpha=0.2, lw=0)
        tops += [1.5 * rate for rate in rates]
    panel.set(ylabel=f"{metric},\nbad answers, %", ylim=(0, min(105.0, max(tops))))


def stretches(story: Story, metric: str, role: str) -> Iterator[tuple[float, Count]]:
    """What one version answered in each STRETCH of samples; ``time`` in the middle of it."""
    before, began, samples = Count(0, 0), 0.0, 0
    totals = [(time, count_of(item, role)) for time, item in of_metric(story, metric)]
    for index, (time, total) in enumerate(totals):
        samples += index == 0 or total.trials > totals[index - 1][1].trials
        if samples == STRETCH or index == len(totals) - 1:
            yield (began + time) / 2, Count(total.bad - before.bad, total.trials - before.trials)
            before, began, samples = total, time, 0


def draw_evidence(panel: Axes, story: Story) -> None:
    """Evidence against the candidate and for it, each with its bound, as factors."""
    metrics = [metric.name for metric in story.scenario.spec.analysis.metrics]
    whole = [(time, item) for time, item in of_metric(story, metrics[0])]
    times = [time for time, _ in whole]
    panel.plot(times, [item.evidence for _, item in whole], color=CANDIDATE, label="that it is worse")
    for index, metric in enumerate(metrics):
        proofs = [(time, item.proven) for time, item in of_metric(story, metric)]
        label = "that it is not" if len(metrics) == 1 else f"that it is not, by {metric}"
        style = ("-", "--", ":", "-.")[index % 4]
        panel.plot([t for t, _ in proofs], [value for _, value in proofs], color=STABLE, ls=style, label=label)
    if whole:
        last = whole[-1][1]
        for bound, colour, text in (
            (last.needed, CANDIDATE, f"rolled back at {last.needed:g}"),
            (last.proven_needed, STABLE, f"proven at {last.proven_needed:g}"),
        ):
            panel.axhline(bound, color=colour, lw=0.8, ls="--")
            panel.text(0, bound * 1.15, text, color=colour, fontsize=7)
    top = max([3000.0, *(3.0 * max(item.evidence, item.proven) for _, item in whole)])
    panel.set(ylabel="evidence", yscale="log", ylim=(0.05, top))
    panel.legend(loc="lower left", fontsize=8)


def mark_moves(axes: Sequence[Axes], story: Story) -> None:
    """A line through all panels at each move, with its name on top."""
    for decision in story.decisions:
        if decision.move in MOVES:
            for panel in axes:
                panel.axvline(decision.at, color=BOUND, lw=0.7, alpha=0.6)
            share = decision.weights[story.scenario.candidate]
            axes[0].annotate(
                f"{decision.move} {share} %", (decision.at, 104), fontsize=7, rotation=30, annotation_clip=False
            )


def of_metric(story: Story, metric: str) -> Iterator[tuple[float, MetricStatus]]:
    """The verdicts of one metric, one for each pass in which the candidate had requests to count."""
    for frame in story.frames:
        for item in frame.status.analysis:
            if item.metric == metric and item.evidence > 0:
                yield frame.time, item


def count_of(item: MetricStatus, role: str) -> Count:
    """The totals of one version."""
    side = item.stable if role == "stable" else item.candidate
    return Count(side.bad, side.requests)
