"""The section of the results of rollbacks by lost answers, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.lost.measures import GOAL, Case, Run
from bench.rollback.measures import percentile

INTRODUCTION = """\
{runs} rollbacks of each kind. Candidate at 20 % of 100 requests/s, scrape interval 2 s, metric errors, alpha 1 %;
latency is not judged. A slow version keeps half of its requests waiting for 160 ms, and callers give up after 100 ms;
where the server hangs (SIGSTOP), after 500 ms. Seconds from the first answer that a caller gave up to what is named, as
`min / p50 / max`; the goal is {goal} s to the route without that version, in every run. Nothing else may want the
machine: where stable's callers give up in bursts as well, that is noise, and it takes longer.
"""
HEAD = (
    "version",
    "route without it in the API server",
    "last lost answer",
    "answers lost",
    "of these after that route",
)


def section(found: Mapping[Case, Sequence[Run]]) -> str:
    """The table."""
    runs = min(len(of_case) for of_case in found.values())
    lines = [INTRODUCTION.format(runs=runs, goal=GOAL), line(HEAD), "|" + "---|" * len(HEAD)]
    return "\n".join([*lines, *(line(cells(case, of_case)) for case, of_case in found.items())]) + "\n"


def cells(case: Case, runs: Sequence[Run]) -> tuple[str, ...]:
    """One line of the table."""
    values: tuple[list[float], ...] = (
        [run.back for run in runs],
        [run.last for run in runs],
        [run.lost for run in runs],
        [run.under_way for run in runs],
    )
    return (case.name, *(shown(each) for each in values))


def shown(values: Sequence[float]) -> str:
    """The least, the middle and the most."""
    return " / ".join(f"{number:.3g}" for number in (min(values), percentile(values, 0.5), max(values)))


def line(cells: Sequence[str]) -> str:
    """A row of the table."""
    return f"| {' | '.join(cells)} |"
