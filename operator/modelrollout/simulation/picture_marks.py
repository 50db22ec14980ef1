"""What stands across the panels of a picture: moves, what happened, waits, limits, and the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelrollout.api.base import format_duration
from modelrollout.simulation.colours import BOUND, HAPPENED, WAITED
from modelrollout.simulation.decisions import Decision
from modelrollout.simulation.spans import Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOVES = ("Shift", "Switch", "Promote", "Keep", "Leave", "Rollback")
MOST_MARKS = 30
FAR = 4.0  # times the reach of an axis; a limit beyond that is told and not drawn, or nothing else could be seen
TICKS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)  # seconds between two
MOST_TICKS = 12


def mark_moves(axes: Sequence[Axes], decisions: Sequence[Decision], candidate: str | None) -> None:
    """A line through all panels at each move, with its name on top, and with the share of a lone candidate; not at
    shifts that never end."""
    moves = [decision for decision in decisions if decision.move in MOVES]
    many = len(moves) > MOST_MARKS
    for decision in moves:
        if decision.move != "Shift" or not many:
            for panel in axes:
                panel.axvline(decision.at, color=BOUND, lw=0.7, alpha=0.6)
            share = f" {decision.weights.get(candidate, 0)} %" if candidate is not None else ""
            axes[0].annotate(
                f"{decision.move}{share}", (decision.at, 104), fontsize=7, rotation=30, annotation_clip=False
            )


def mark_spans(axes: Sequence[Axes], happened: Sequence[Span], waits: Sequence[Span]) -> None:
    """What happened is shaded in all panels and named in the second, waits in the first, where the weights stand
    still."""
    for span in happened:
        for panel in axes:
            _shade(panel, span, HAPPENED)
    for span in waits:
        _shade(axes[0], span, WAITED)
    _name(axes[1], happened, 0.97)
    _name(axes[0], waits, 0.75)


def _shade(panel: Axes, span: Span, colour: str) -> None:
    if span.end > span.start:
        panel.axvspan(span.start, span.end, color=colour, alpha=0.3, lw=0, zorder=0)
    else:
        panel.axvline(span.start, color=colour, lw=1.5, zorder=0)


def _name(panel: Axes, spans: Sequence[Span], height: float) -> None:
    """Names from a height of the panel (0 to 1) on, in turn on two lines, so that two beside each other can be read;
    those of the last third end where their span does."""
    _, end = panel.get_xlim()
    for index, span in enumerate(spans):
        late = span.start > 0.7 * end
        place = (span.end if late else span.start, height - 0.13 * (index % 2))
        across, side = panel.get_xaxis_transform(), "right" if late else "left"
        panel.annotate(f" {span.name} ", place, xycoords=across, fontsize=7, ha=side, va="top", color=BOUND)


def draw_limit(panel: Axes, limit: float | None) -> None:
    """An absolute limit of a metric, as a share of bad answers; one that is far away only in words."""
    if limit is None:
        return
    _, top = panel.get_ylim()
    percent, words = 100 * limit, f"limit {100 * limit:g} %"
    if percent > FAR * top:
        panel.text(0.995, 0.95, f"{words}, far above", transform=panel.transAxes, ha="right", va="top", fontsize=7)
        return
    panel.set_ylim(0, max(top, 1.15 * percent))
    panel.axhline(percent, color=BOUND, lw=0.9, ls=":")
    panel.text(0.995, percent, words, transform=panel.get_yaxis_transform(), ha="right", va="bottom", fontsize=7)


def mark_times(panel: Axes, end: float) -> None:
    """The time as people write it, from the start to the end of the release."""
    step = next((step for step in TICKS if end / step <= MOST_TICKS), TICKS[-1])
    ticks = list(range(0, int(end) + 1, step))
    panel.set_xticks(ticks, [format_duration(tick) for tick in ticks])
    panel.set(xlim=(-0.01 * end, 1.01 * end), xlabel="since the start of the release")
