"""The picture of a release as it was: from the clients' own answers, the VirtualService and the statuses written.

Nothing in it is computed anew: the answers are those that clients got at the gateway, the weights those that the API
server reported, the evidence what the operator wrote into the status.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.client import Answer
from modelrollout.simulation.colours import AGAINST as FAILED
from modelrollout.simulation.colours import ARMS, BOUND, STABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CANDIDATE = ARMS[0]


@dataclass(frozen=True, slots=True)
class Recording:
    """What one release was. Times in seconds since the epoch, ``evidence`` as (time, against, needed)."""

    title: str
    stable: str
    candidate: str
    began: float
    ended: float
    answers: Sequence[Answer]
    routes: Sequence[tuple[float, Mapping[str, int]]]
    evidence: Sequence[tuple[float, float, float]]
    rolled_back: float | None = None


def draw(recording: Recording, path: Path) -> None:
    """Write the picture as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(3, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": [1.0, 1.4, 1.2]})
    panels: list[Axes] = list(grid[:, 0])
    figure.suptitle(recording.title, fontsize=10, x=0.01, ha="left")
    draw_weights(panels[0], recording)
    draw_answers(panels[1], recording)
    draw_evidence(panels[2], recording)
    for panel in panels:
        if recording.rolled_back is not None:
            panel.axvline(recording.rolled_back - recording.began, color=BOUND, lw=0.8, ls="--")
    panels[2].set_xlabel("seconds")
    panels[0].set_xlim(0, recording.ended - recording.began)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def draw_weights(panel: Axes, recording: Recording) -> None:
    """The weights in the VirtualService."""
    times = [max(0.0, at - recording.began) for at, _ in recording.routes] + [recording.ended - recording.began]
    for version, colour in ((recording.stable, STABLE), (recording.candidate, CANDIDATE)):
        weights = [route.get(version, 0) for _, route in recording.routes]
        panel.step(times, [*weights, weights[-1]], where="post", color=colour, label=version)
    panel.set(ylabel="weight, %", ylim=(-5, 105))
    panel.legend(loc="center left", fontsize=8)


def draw_answers(panel: Axes, recording: Recording) -> None:
    """What the candidate answered in each second, and what failed, whoever answered it."""
    seconds = list(per_second(recording))
    at = [index + 0.5 for index in range(len(seconds))]
    good = [answers.get(recording.candidate, 0) for answers, _ in seconds]
    failed = [bad for _, bad in seconds]
    panel.bar(at, good, width=0.9, color=CANDIDATE, label=f"good answers by {recording.candidate}")
    panel.bar(at, failed, width=0.9, bottom=good, color=FAILED, label=f"failed answers ({sum(failed)} in all)")
    panel.set(ylabel="answers in a second")
    panel.legend(loc="upper left", fontsize=8)


def per_second(recording: Recording) -> Iterator[tuple[dict[str, int], int]]:
    """Good answers by version, and failed ones, in each second of the release."""
    length = int(recording.ended - recording.began) + 1
    good: list[dict[str, int]] = [{} for _ in range(length)]
    bad = [0] * length
    for answer in recording.answers:
        index = int(answer.at - recording.began)
        if not 0 <= index < length:
            continue
        if answer.failed:
            bad[index] += 1
        elif answer.version is not None:
            good[index][answer.version] = good[index].get(answer.version, 0) + 1
    yield from zip(good, bad, strict=True)


def draw_evidence(panel: Axes, recording: Recording) -> None:
    """The evidence against the candidate, with its bound."""
    points = [(at - recording.began, against) for at, against, _ in recording.evidence]
    panel.step([at for at, _ in points], [value for _, value in points], where="post", color=FAILED, marker=".", ms=5)
    if recording.evidence:
        needed = recording.evidence[-1][2]
        panel.axhline(needed, color=BOUND, lw=0.8, ls=":")
        panel.text(0.5, needed * 1.2, f"rolled back at {needed:g}", fontsize=8, color=BOUND)
    panel.set(ylabel="evidence against it", yscale="log")
    panel.margins(y=0.15)
