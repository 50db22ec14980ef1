"""The shadow's section of the results, as Markdown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from bench.shadow.measures import SHARES, Round, interval, is_within_noise

INTRODUCTION = """\
{rounds} rounds of two windows of {seconds:g} s with copies of half of the requests and two without, at {rate:g}
requests/s through the gateway, everything on one machine: gateway, both model servers, comparer, operator and the
clients themselves. Milliseconds as users saw them, counted from when a request was due. What copies add is the mean
over the rounds, with its 95 % interval; "windows alike" is the median by which two windows of one kind differ, without
any cause. Of {answers} answers {failed} failed. Processes that wanted a processor at the end (load average of five
minutes): {load:.1f}, where there are {processors}.
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the comparer needed while it got so many copies a second: MiB and cores."""

    copies: float
    memory: float
    cores: float


def section(rounds: Sequence[Round], cost: Cost, seconds: float, rate: float, seed: int, load: float) -> str:
    """Two tables. ``load`` is what else wanted the processors."""
    windows = [item for known in rounds for item in (*known.shadowed, *known.plain)]
    failed = sum(item.failed for item in windows)
    lines = [
        INTRODUCTION.format(
            rounds=len(rounds),
            seconds=seconds,
            rate=rate,
            answers=sum(item.answers for item in windows),
            failed=failed or "none",
            load=load,
            processors=os.cpu_count(),
        ),
        "| wait | without | with copies | copies add | windows alike | goal |",
        "|---|---|---|---|---|---|",
        *(_row(rounds, place, share, seed) for place, share in enumerate(SHARES)),
        "",
        "| the comparer, of one arm | measured |",
        "|---|---|",
        f"| copies | {cost.copies:.0f} a second |",
        f"| memory, working set | {cost.memory:.0f} MiB |",
        f"| processor | {cost.cores:.2f} cores |",
    ]
    return "\n".join(lines) + "\n"


def _row(rounds: Sequence[Round], place: int, share: float, seed: int) -> str:
    plain = median(item.waits[place] for known in rounds for item in known.plain)
    shadowed = median(item.waits[place] for known in rounds for item in known.shadowed)
    found = [known.difference(place) for known in rounds]
    low, high = interval(found, seed)
    usual = median(value for known in rounds for value in known.noise(place))
    goal = ("within noise: met" if is_within_noise(rounds, seed) else "within noise: missed") if share == 0.99 else ""
    added = f"{fmean(found):+.1f} ({low:+.1f} to {high:+.1f})"
    return f"| p{100 * share:g} | {plain:.1f} | {shadowed:.1f} | {added} | {usual:.1f} | {goal} |"
