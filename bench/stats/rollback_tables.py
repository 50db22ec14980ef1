"""The tables of the suites in which rules are compared (canary, low, stress, latency, quiet, scrapes, evidence)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.stats.measures import Measure
from bench.stats.product import NAME

Cells = Mapping[str, Mapping[str, Mapping[str, Measure]]]  # cell -> rule -> measures
Rows = list[tuple[str, ...]]


def worst_cells(cells: Cells) -> str:
    """Where the product has the most false rollbacks, and how many it has elsewhere."""
    shares = sorted((100.0 * rules[NAME]["rolledBack"]["value"], name) for name, rules in cells.items())
    (most, worst), (next_most, _) = shares[-1], shares[-2]
    return (
        f"The worst cell of {NAME} is {worst!r} with {most:.2g} %; in all the others it has at most {next_most:.2g} %."
    )


def healthy(cells: Cells) -> dict[str, Mapping[str, Mapping[str, Measure]]]:
    """The cells in which every rollback is false."""
    return {name: rules for name, rules in cells.items() if "rolledBack" in rules[NAME]}


def faulty(cells: Cells) -> dict[str, Mapping[str, Mapping[str, Measure]]]:
    """The cells in which a rollback is due."""
    return {name: rules for name, rules in cells.items() if "rolledBack" not in rules[NAME]}


def by_rule(cells: Cells, measure: str) -> Rows:
    """A line for each cell, a column for each rule."""
    rules = list(next(iter(cells.values())))
    return [
        ("", *rules),
        *((name, *(shown(found.get(rule, {}), measure) for rule in rules)) for name, found in cells.items()),
    ]


def by_evidence(cells: Cells) -> Rows:
    """A line for each cell of the suite evidence."""
    head = ("", "runs", "promoted", "rolled back", "median", "95 %", "bad answers of the candidate, mean")
    rows = [(name, rules[NAME]) for name, rules in cells.items()]
    return [head, *((name, str(found["delay"]["runs"]), *numbers_of(found)) for name, found in rows)]


def numbers_of(found: Mapping[str, Measure]) -> Iterator[str]:
    """The numbers of one cell of the suite evidence."""
    yield from (f"{100 * found[name]['value']:.3g} %" for name in ("promoted", "rolledBack"))
    times = (found[name]["value"] for name in ("delay", "late"))
    yield from (time if isinstance(time, str) else f"{time:.0f} s" for time in times)
    yield f"{found['badServed']['value']:.1f}"


def shown(measures: Mapping[str, Measure], measure: str) -> str:
    """One number; a dash where the rule has not judged, or every release was over before it could be measured."""
    if measure not in measures:
        return "–"
    found = measures[measure]
    match measure:
        case "rolledBack" | "promoted":
            return f"{100 * found['value']:.3g} %"
        case "delay":
            early = measures["early"]["value"]
            return f"{found['value'] if isinstance(found['value'], str) else round(found['value'])}" + (
                f" ({100 * early:.0f} % too early)" if early >= 0.005 else ""
            )
        case _:
            return f"{found['value']:.0f}"
