"""The tables of the suites mab, drift and delay for bench/RESULTS.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.stats.measures import Measure

Cells = Mapping[str, Mapping[str, Mapping[str, Measure]]]  # cell -> rule -> measures
Rows = list[tuple[str, ...]]
LOST = {"regret": "lost, mean", "regretP95": "95 %", "timesLaiRobbins": "x Lai-Robbins", "bestDropped": "best dropped"}
FOLLOWED = {"regret": "lost, mean", "followed": "followed after, median"}
LATE = {"regret": "lost, mean", "timesAtOnce": "x rewards at once"}
HEADS = {"mab": LOST, "drift": FOLLOWED, "delay": LATE}


def bandit_tables(results: Mapping[str, Cells]) -> Iterator[tuple[str, Rows]]:
    """Name and table of each of the suites that was measured."""
    for suite, heads in HEADS.items():
        if suite in results:
            yield suite, rows_of(results[suite], heads)


def rows_of(cells: Cells, heads: Mapping[str, str]) -> Rows:
    """A line for each cell and policy."""
    rows = [
        (name, policy, str(found["regret"]["runs"]), *(shown(found, measure) for measure in heads))
        for name, policies in cells.items()
        for policy, found in policies.items()
    ]
    return [("", "policy", "runs", *heads.values()), *rows]


def shown(found: Mapping[str, Measure], measure: str) -> str:
    """One number; a dash where there is nothing to measure."""
    if measure not in found:
        return "–"
    value = found[measure]["value"]
    if isinstance(value, str):
        return value
    match measure:
        case "bestDropped":
            return f"{100 * value:.2g} %"
        case "followed":
            return f"{value:.0f} s"
        case "timesLaiRobbins" | "timesAtOnce":
            return f"{value:.2f}"
        case _:
            return f"{value:.0f}"
