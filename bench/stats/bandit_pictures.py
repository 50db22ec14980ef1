"""The picture of the bandits: what each policy loses over time, and how the shares follow rewards that change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.stats import drift, mab
from bench.stats.bandits import RATES, Scenario, batches_of
from bench.stats.pictures import COLOURS
from bench.stats.policies import PEERS, Policy
from bench.stats.product import NAME
from bench.stats.traffic import Floats, generator

RUNS = 20  # of each policy; a line is their mean
SHOWN = {NAME: mab.OURS[NAME], **PEERS}
CHANGE = next(iter(drift.SCENARIOS))


def draw_bandits(path: Path, *, runs: int = RUNS, requests: int = 100_000) -> None:
    """Left the successes lost so far, a line for each policy; right the shares of one run whose rates change."""
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    losses, shares = figure.subplots(1, 2)
    scenario = replace(mab.SCENARIOS["1e5 requests"], requests=requests)
    found = {name: lost(scenario, name, policy, runs) for name, policy in SHOWN.items()}
    draw_lines(losses, found, scenario.seconds, "six versions of 2 to 6 %")
    losses.set(ylabel="successes lost so far, mean")
    losses.legend(fontsize=8)
    draw_shares(shares, replace(drift.SCENARIOS[CHANGE], requests=4 * requests))
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def lost(scenario: Scenario, name: str, policy: Policy, runs: int) -> Floats:
    """Successes lost up to the end of each batch, the mean of some runs; shape (batches,)."""
    each = [
        [batch.lost for batch in batches_of(scenario, policy, generator(1, "picture", name, run))]
        for run in range(runs)
    ]
    mean: Floats = np.cumsum(np.mean(each, axis=0))
    return mean


def draw_lines(axes: Axes, found: Mapping[str, Floats], seconds: float, title: str) -> None:
    """A line for each policy from batch to batch, so many seconds apart; the first, which is ours, thick."""
    for index, (name, line) in enumerate(found.items()):
        times = seconds / 60.0 * np.arange(1, len(line) + 1)
        axes.plot(times, line, color=COLOURS[index], lw=1.3 if index else 3, zorder=2 if index else 3, label=name)
    axes.set(xlim=(0, times[-1]), ylim=(0, None), xlabel="minutes at 100 requests/s")
    axes.set_title(title, fontsize=10, loc="left")
    axes.grid(alpha=0.25)


def draw_shares(axes: Axes, scenario: Scenario) -> None:
    """The shares of the product in one run, stacked; the rates change at half time."""
    policy = scenario.policies[NAME]
    history = np.array([batch.shares for batch in batches_of(scenario, policy, generator(1, "picture of shares"))])
    times = scenario.seconds / 60.0 * np.arange(len(history))
    later = scenario.later or scenario.rates
    names = [f"{100 * before:g} %, later {100 * after:g} %" for before, after in zip(RATES, later, strict=True)]
    axes.stackplot(times, 100.0 * history.T, labels=names, colors=COLOURS, alpha=0.85)
    axes.axvline(times[len(times) // 2], color="#222222", lw=1, ls="--")
    axes.set(xlim=(0, times[-1]), ylim=(0, 100), xlabel="minutes at 100 requests/s", ylabel="shares, %")
    axes.set_title("one run with a half life; two versions change places", fontsize=10, loc="left")
    axes.legend(fontsize=8, loc="lower left")
