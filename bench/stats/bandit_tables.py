"""The tables of the suites abn, mab, drift, delay, context and ope for bench/RESULTS.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.stats.measures import Measure

Cells = Mapping[str, Mapping[str, Mapping[str, Measure]]]  # cell -> rule -> measures
Rows = list[tuple[str, ...]]
NAMED = {"wrong": "wrong", "delay": "the right one after, median"}
LOST = {"regret": "lost, mean", "regretP95": "95 %", "timesLaiRobbins": "x Lai-Robbins", "bestDropped": "best dropped"}
FOLLOWED = {"regret": "lost, mean", "followed": "followed after, median"}
LATE = {"regret": "lost, mean", "timesAtOnce": "x nobody dropped, at once", "bestDropped": "best dropped"}
SEGMENTS = {"regret": "lost, mean", "timesEqual": "x equal split", "timesGlobal": "x one for everybody"}
HEADS = {"abn": NAMED, "mab": LOST, "drift": FOLLOWED, "delay": LATE, "context": SEGMENTS}


def estimates(cells: Cells) -> Rows:
    """A line for each cell and estimate: how often its interval was ever wrong, and at the end its error and width."""
    rows = [
        (cell, name.removeprefix("missed: "), str(one["runs"]), f"{100 * one['value']:.2g} %", *ends(found, name))
        for cell, rules in cells.items()
        for found in rules.values()
        for name, one in found.items()
        if name.startswith("missed: ")
    ]
    return [("", "estimate", "runs", "ever missed", "error at the end", "width"), *rows]


def ends(found: Mapping[str, Measure], name: str) -> Iterator[str]:
    """Error and width of one estimate, in rewards for each 10,000 requests."""
    yield from (f"{1e4 * found[name.replace('missed', kind)]['value']:.1f}" for kind in ("error", "width"))


def rows_of(cells: Cells, heads: Mapping[str, str]) -> Rows:
    """A line for each cell and policy."""
    rows = [
        (name, policy, str(next(iter(found.values()))["runs"]), *(shown(found, measure) for measure in heads))
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
        case "bestDropped" | "wrong":
            return f"{100 * value:.2g} %"
        case "followed" | "delay":
            return f"{value:.0f} s"
        case "timesLaiRobbins" | "timesAtOnce" | "timesEqual" | "timesGlobal":
            return f"{value:.2f}"
        case _:
            return f"{value:.0f}"
