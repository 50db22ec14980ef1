"""The picture of versions in the shadow, as they were: from the counters of their comparers that Prometheus scraped.

Three panels: how much each version's answers differ, how its scores are distributed beside those of the version that
serves, and how far apart both are. Nothing in it is played: the requests are those of the story's clients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from modelrollout.api.compared import COMPARED, DIFFERENT, SCORE_BOUNDS, SCORES
from modelrollout.core.validate.score_shift import score_shift
from modelrollout.simulation.colours import AGAINST, ARMS, BOUND, STABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEP = 2.0  # seconds, as this cluster scrapes
BINS = tuple(count / 20 for count in range(21))  # of the picture; the comparer's are finer near 0 and 1
COLOURS = (AGAINST, ARMS[0])  # of the version that fails, and of a candidate


@dataclass(frozen=True, slots=True)
class Shadowed:
    """One version in the shadow: at each second since its first comparison how many answers were compared and differed;
    and the bins of both versions' scores, not cumulated. ``model`` and ``outcome`` for the legend."""

    version: str
    model: str
    outcome: str
    compared: Sequence[tuple[float, float, float]]
    scores: Sequence[tuple[float, Sequence[float], Sequence[float]]]


def read(
    prometheus: str, namespace: str, version: str, control: str, span: tuple[float, float], **words: str
) -> Shadowed:
    """What was scraped of a version's comparer in a span of time (seconds since the epoch)."""
    names = f"{COMPARED}|{DIFFERENT}|{SCORES}_bucket"
    query = f'{{__name__=~"{names}",rollout_namespace="{namespace}"}}'
    asked = {"query": query, "start": str(span[0]), "end": str(span[1]), "step": str(STEP)}
    reply = requests.get(f"{prometheus}/api/v1/query_range", params=asked, timeout=30)
    reply.raise_for_status()
    series = reply.json()["data"]["result"]
    trial = next(item["metric"]["trial"] for item in series if item["metric"].get("version") == version)
    own = [item for item in series if item["metric"]["trial"] == trial]
    times = sorted({float(at) for item in own for at, _ in item["values"]})
    counts = [0.0, *(_at(own, COMPARED, version, at) for at in times)]
    # Prometheus goes on with the last value for a while after the comparer has gone.
    news = [at for at, (before, count) in zip(times, pairwise(counts), strict=True) if count > before]
    return Shadowed(
        version=version,
        compared=[(at - news[0], _at(own, COMPARED, version, at), _at(own, DIFFERENT, version, at)) for at in news],
        scores=[(at - news[0], _bins(own, control, at), _bins(own, version, at)) for at in news],
        model=words["model"],
        outcome=words["outcome"],
    )


def _at(series: Sequence[Mapping[str, Any]], name: str, version: str, at: float, le: str | None = None) -> float:
    """The value of a counter at a time; 0 before its first."""
    for item in series:
        labels = item["metric"]
        if (labels["__name__"], labels.get("version")) == (name, version) and (le is None or labels["le"] == le):
            return next((float(value) for moment, value in item["values"] if float(moment) == at), 0.0)
    return 0.0


def _bins(series: Sequence[Mapping[str, Any]], version: str, at: float) -> list[float]:
    name = f"{SCORES}_bucket"
    own = [item for item in series if (item["metric"]["__name__"], item["metric"].get("version")) == (name, version)]
    ordered = sorted(own, key=lambda item: float(item["metric"]["le"]))
    cumulated = [0.0, *(_at([item], name, version, at) for item in ordered)]
    return [count - before for before, count in pairwise(cumulated)]


def draw(versions: Sequence[Shadowed], control: str, allowed: float, path: Path) -> None:
    """Write the picture as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(3, 1, squeeze=False, gridspec_kw={"height_ratios": [1.2, 1.2, 1.0]})
    panels: list[Axes] = list(grid[:, 0])
    figure.suptitle(
        "In the shadow: copies of half of 100 requests a second, before any user's", fontsize=10, x=0.01, ha="left"
    )
    draw_agreement(panels[0], versions, control, allowed)
    draw_scores(panels[1], versions, control)
    draw_drift(panels[2], versions)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def draw_agreement(panel: Axes, versions: Sequence[Shadowed], control: str, allowed: float) -> None:
    """The part of the answers that differ, by how many were compared."""
    for colour, item in zip(COLOURS, versions, strict=False):
        counts = [count for _, count, _ in item.compared]
        shares = [100 * other / count for _, count, other in item.compared]
        label = f"{item.version}, {item.model}: {shares[-1]:.3g} % of {counts[-1]:.0f}, {item.outcome}"
        panel.plot(counts, shares, color=colour, marker=".", ms=5, lw=1.2, label=label)
    panel.axhline(100 * allowed, color=BOUND, lw=0.8, ls=":", label=f"maxDisagreement {100 * allowed:g} %")
    panel.set(xlabel="answers compared", ylabel=f"differ from {control}'s, %", ylim=(-4, 104))
    panel.legend(loc="center right", fontsize=8)


def draw_scores(panel: Axes, versions: Sequence[Shadowed], control: str) -> None:
    """The highest score of each row, side by side."""
    width = (BINS[1] - BINS[0]) / (len(versions) + 1.5)
    last = versions[-1].scores[-1]
    known = [(control, STABLE, last[1])]
    known += [(item.version, colour, item.scores[-1][2]) for colour, item in zip(COLOURS, versions, strict=False)]
    for place, (version, colour, bins) in enumerate(known):
        shares = shares_of(bins)
        at = [left + (place + 0.75) * width for left in BINS[:-1]]
        panel.bar(at, [100 * share for share in shares], width=width, color=colour, label=version)
    panel.set(xlabel="score of the class that is answered", ylabel="part of the answers, %", xlim=(0, 1))
    panel.legend(loc="upper left", fontsize=8)


def shares_of(bins: Sequence[float]) -> list[float]:
    """The comparer's bins as those of the picture."""
    total, shares = sum(bins) or 1.0, [0.0] * (len(BINS) - 1)
    for upper, count in zip((*SCORE_BOUNDS, float("inf")), bins, strict=True):
        place = next((place for place, right in enumerate(BINS[1:]) if upper <= right + 1e-9), len(shares) - 1)
        shares[place] += count / total
    return shares


def draw_drift(panel: Axes, versions: Sequence[Shadowed]) -> None:
    """The population stability index, with what equal versions have of it by chance."""
    for colour, item in zip(COLOURS, versions, strict=False):
        found = [(at, score_shift(control, arm)) for at, control, arm in item.scores]
        points = [(at, shift.index, shift.noise) for at, shift in found if shift is not None]
        panel.plot([at for at, _, _ in points], [index for _, index, _ in points], color=colour, label=item.version)
        panel.plot([at for at, _, _ in points], [noise for _, _, noise in points], color=colour, lw=0.8, ls=":")
    panel.set(xlabel="seconds in the shadow", ylabel="drift of the scores (PSI)", yscale="log")
    panel.text(
        0.99,
        0.93,
        "dotted: what equal versions stay below",
        transform=panel.transAxes,
        ha="right",
        va="top",
        fontsize=8,
    )
    panel.legend(loc="center right", fontsize=8)
