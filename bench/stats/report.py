"""``python -m bench.stats.report out.json``: the section of bench/RESULTS.md, and its pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.check import HEAD, cells_of, compare, read_goals
from bench.results import write_section
from bench.stats.bandit_tables import bandit_tables
from bench.stats.measures import Measure
from bench.stats.pictures import draw_false_rollbacks, draw_speed
from bench.stats.product import NAME

HERE = Path(__file__).parents[1]
PICTURES = HERE / "pictures"
ROLLBACK_SUITES = ("canary", "low", "stress", "latency")
Cells = Mapping[str, Mapping[str, Mapping[str, Measure]]]  # cell -> rule -> measures


@click.command()
@click.argument("measured", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(measured: Path) -> None:
    """Write the section "Statistics" of bench/RESULTS.md and its pictures from what was MEASURED."""
    body = json.loads(measured.read_text(encoding="utf-8"))
    cells = {f"{suite}: {name}": rules for suite in ROLLBACK_SUITES for name, rules in body["results"][suite].items()}
    PICTURES.mkdir(exist_ok=True)
    draw_speed(cells, PICTURES / "statistics-speed.png")
    draw_false_rollbacks(healthy(cells), PICTURES / "statistics-false-rollbacks.png")
    write_section("statistics", "Statistics", body["command"], "\n\n".join(parts(body, cells)))
    click.echo(f"{HERE / 'RESULTS.md'}: section Statistics")


def parts(body: Mapping[str, Any], cells: Cells) -> Iterator[str]:
    """The paragraphs, tables and pictures in order."""
    yield (
        f"Seed {body['seed']}, {body['machine']['processes']} processes, {body['seconds'] / 60:.0f} minutes beside "
        "other work, scrapes every 5 s, everything by default: alpha 1 %, margin 1.1, floor 0.1 %. Counts are drawn "
        "at random; the product's own classes and the rules of others, re-implemented from their code "
        "(bench/stats/peers.py), get the same ones. Limits are 95 % limits. A release lasts half an hour where "
        "nothing else is said."
    )
    yield "### Goals"
    rows = compare(body["results"], read_goals(HERE / "goals.toml"), quick=body["form"] == "quick")
    yield table([HEAD, *(cells_of(row) for row in rows if row.goal.at[0] in body["results"])])
    if left := sorted({row.goal.at[0] for row in rows} - set(body["results"])):
        yield f"Not measured in this run: the suites {', '.join(left)}."
    yield "### Speed against false rollbacks"
    yield (
        "Each rule from its false rollbacks on quiet traffic (dot: candidate at 10 %) to those in the worst of the "
        "healthy cells (arrow), at the median time that it takes to roll back a candidate with 5 % errors. "
        f"{worst_cells(healthy(cells))}"
    )
    yield "![detection time against false rollbacks](pictures/statistics-speed.png)"
    yield "### False rollbacks of healthy candidates"
    yield "![false rollbacks of each rule in each cell](pictures/statistics-false-rollbacks.png)"
    yield table(by_rule(healthy(cells), "rolledBack"))
    yield "### Seconds from the fault to the rollback, median"
    yield table(by_rule(faulty(cells), "delay"))
    yield "### Bad answers served until the rollback, mean"
    yield table(by_rule(faulty(cells), "badServed"))
    if "evidence" in body["results"]:
        yield "### Weights that rise by evidence alone"
        yield (
            "`evidence: {}`, everything by default, played through `decide`; seconds from the first share to the end "
            "that is right, and to that of 19 of 20 releases."
        )
        yield table(by_evidence(body["results"]["evidence"]))
    for suite, lines in bandit_tables(body["results"]):
        yield f"### Bandits: `{suite}`"
        yield table(lines)
    yield (HERE / "stats" / "notes.md").read_text(encoding="utf-8").strip()


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


def by_rule(cells: Cells, measure: str) -> list[tuple[str, ...]]:
    """A line for each cell, a column for each rule."""
    rules = list(next(iter(cells.values())))
    return [("", *rules), *((name, *(shown(found[rule], measure) for rule in rules)) for name, found in cells.items())]


def by_evidence(cells: Cells) -> list[tuple[str, ...]]:
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
    """One number; a dash where every release was over before it could be measured."""
    if measure not in measures:
        return "–"
    found = measures[measure]
    match measure:
        case "rolledBack":
            return f"{100 * found['value']:.3g} %"
        case "delay":
            early = measures["early"]["value"]
            return f"{found['value'] if isinstance(found['value'], str) else round(found['value'])}" + (
                f" ({100 * early:.0f} % too early)" if early >= 0.005 else ""
            )
        case _:
            return f"{found['value']:.0f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as Markdown, the first one as the head."""
    head, *rest = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest])


if __name__ == "__main__":
    main()
