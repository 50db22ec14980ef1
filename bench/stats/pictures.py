"""The pictures of the statistics: every rule on one plot, and every rule in every healthy cell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.stats.measures import Measure, from_json
from bench.stats.product import NAME

QUIET, FAULT = "canary: 10 %, healthy", "canary: 10 %, 5% errors"
LEAST = 0.02  # percent; where a share of 0 is drawn on the logarithmic axis
Cells = Mapping[str, Mapping[str, Mapping[str, Measure]]]
COLOURS = (
    "#cc3311",
    "#0077bb",
    "#33bbee",
    "#009988",
    "#66aa55",
    "#aa7733",
    "#888888",
    "#bbbbbb",
    "#ee3377",
    "#7755aa",
    "#222222",
)


def draw_speed(cells: Cells, path: Path) -> None:
    """Median time to roll back 5 % errors against the share of healthy releases rolled back, a line for each rule."""
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for index, rule in enumerate(cells[QUIET]):
        delay = from_json(cells[FAULT][rule]["delay"]["value"])
        quiet, worst = percent(cells[QUIET][rule]), worst_of(cells, rule)
        colour = COLOURS[index % len(COLOURS)]
        own = rule == NAME
        delay *= 1.0 + 0.012 * index  # so that rules that are equally quick do not hide each other
        axes.plot([quiet, worst], [delay, delay], color=colour, lw=3 if own else 1.3, zorder=3 if own else 2)
        axes.plot(quiet, delay, "o", color=colour, ms=8 if own else 5, zorder=4, label=rule)
        axes.plot(worst, delay, ">", color=colour, ms=8 if own else 5, zorder=4)
    axes.axvline(1.0, color="#555555", lw=0.8, ls="--")
    axes.text(1.05, 800, "1 %: what is promised", fontsize=8, color="#555555")
    axes.set(xscale="log", yscale="log", xlim=(LEAST * 0.8, 130), ylim=(4, 1200))
    axes.set_xticks([LEAST, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"])
    axes.set_yticks([5, 10, 20, 60, 120, 300, 600], ["5", "10", "20", "60", "120", "300", "600"])
    axes.set_xlabel("healthy releases rolled back, %: quiet traffic (dot) to the worst cell (arrow)")
    axes.set_ylabel("5 % errors: seconds to the rollback, median")
    axes.grid(alpha=0.25)
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def percent(measures: Mapping[str, Measure]) -> float:
    """Share of false rollbacks in percent, not below what can be drawn."""
    return max(LEAST, 100.0 * float(measures["rolledBack"]["value"]))


def worst_of(cells: Cells, rule: str) -> float:
    """The most false rollbacks of a rule in any healthy cell."""
    return max(percent(rules[rule]) for rules in cells.values() if "rolledBack" in rules[rule])


def draw_false_rollbacks(cells: Cells, path: Path) -> None:
    """Rules from top to bottom, healthy cells from left to right, the share rolled back as colour and number."""
    rules, names = list(next(iter(cells.values()))), list(cells)
    shares = np.array([[100.0 * cells[name][rule]["rolledBack"]["value"] for name in names] for rule in rules])
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.imshow(np.log10(np.maximum(shares, 0.1)), cmap="RdYlGn_r", aspect="auto", vmin=-1, vmax=2)
    for row, column in np.ndindex(*shares.shape):
        axes.text(
            column,
            row,
            f"{shares[row, column]:.3g}",
            ha="center",
            va="center",
            fontsize=8,
            color=ink(float(shares[row, column])),
        )
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
    axes.set_yticks(range(len(rules)), rules, fontsize=8)
    axes.set_title("healthy releases rolled back, %", fontsize=10, loc="left")
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def ink(share: float) -> str:
    """The colour of a number that can be read on its field."""
    return "white" if share > 20 or share < 0.3 else "black"
