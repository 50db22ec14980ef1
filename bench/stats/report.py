"""``python -m bench.stats.report out.json``: the sections of bench/RESULTS.md that were measured, and their pictures.

Each suite has a section of its own, so that one that is counted again (it may take an hour) replaces its own figures
and nobody else's. Four of the suites in which the rules of other tools play, too, are one section.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.check import HEAD, cells_of, compare, read_goals
from bench.results import write_section
from bench.stats import shadow
from bench.stats.bandit_pictures import draw_bandits
from bench.stats.bandit_tables import HEADS, estimates, rows_of
from bench.stats.course_pictures import draw_context, draw_delay, draw_drift
from bench.stats.evidence import OTHERS_RUNS
from bench.stats.pictures import draw_false_rollbacks, draw_speed
from bench.stats.rollback_tables import Cells, Rows, by_evidence, by_rule, faulty, healthy, worst_cells

HERE = Path(__file__).parents[1]
PICTURES = HERE / "pictures"
NOTES = Path(__file__).parent / "notes"
ROLLBACK = "rollback"
TITLES = {
    ROLLBACK: "speed against false rollbacks",
    "quiet": "services that hardly fail, and a wide margin",
    "promote": "promotion by evidence",
    "abn": "A/B tests",
    "srm": "the sample ratio",
    "restart": "the operator killed",
    "whole": "whole releases, focused and edited",
    "bake": "after the last step",
    "unseen": "what cannot be seen, or only at the end",
    "scrapes": "scrapes that differ",
    "evidence": "weights that rise by evidence alone",
    "mab": "bandits",
    "drift": "bandits whose rewards change",
    "delay": "bandits whose rewards come late",
    "context": "contextual bandits",
    "ope": "evaluation of other shares",
    "bursts": "rewards that come in bursts",
    "edits": "A/B tests that are edited",
    "late": "rewards that come later than is told",
    "shadow": "answers compared in the shadow",
    "cost": "the cost of a tick",
}
SETTING = (
    "Seed {}, scrapes every 5 s, and where nothing else is said everything by default (alpha 1 %, margin 1.1, floor "
    "0.1 %), releases of half an hour, counts drawn at random, 95 % limits."
)
SUITES = {name: (name,) for name in TITLES} | {ROLLBACK: ("canary", "low", "stress", "latency")}


@click.command()
@click.argument("measured", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(measured: Path) -> None:
    """Write the sections of bench/RESULTS.md, and their pictures, of the suites that were MEASURED."""
    body = json.loads(measured.read_text(encoding="utf-8"))
    for section, suites in SUITES.items():
        if all(suite in body["results"] for suite in suites):
            title = f"Statistics: {TITLES[section]}"
            asked = " ".join((body["command"], *(f"--suite {suite}" for suite in suites)))
            write_section(f"statistics-{section}", title, asked, "\n\n".join(parts(section, body)))
            click.echo(f"{HERE / 'RESULTS.md'}: section {title}")


def parts(section: str, body: Mapping[str, Any]) -> Iterator[str]:
    """The paragraphs, tables and pictures of a section in order."""
    results = {suite: body["results"][suite] for suite in SUITES[section]}
    rows = compare(results, read_goals(HERE / "goals.toml"), quick=body["form"] == "quick")
    yield SETTING.format(body["seed"])
    if goals := [cells_of(row) for row in rows if row.goal.at[0] in results]:
        yield table([HEAD, *goals])
    yield from TABLES.get(section, nothing_more)(results)
    if (notes := NOTES / f"{section}.md").exists():
        yield notes.read_text(encoding="utf-8").strip()


def nothing_more(results: Mapping[str, Cells]) -> Iterator[str]:
    """The goals say it all."""
    return iter(())


def rules_compared(results: Mapping[str, Cells]) -> Iterator[str]:
    """The product beside the rules of other tools."""
    cells = {f"{suite}: {name}": rules for suite, found in results.items() for name, rules in found.items()}
    PICTURES.mkdir(exist_ok=True)
    draw_speed(cells, PICTURES / "statistics-speed.png")
    draw_false_rollbacks(healthy(cells), PICTURES / "statistics-false-rollbacks.png")
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


def beside(suite: str) -> Callable[[Mapping[str, Cells]], Iterator[str]]:
    """The product beside the rules of other tools, in one suite of its own."""
    return lambda results: tables_by_rule(results[suite])


def tables_by_rule(cells: Cells) -> Iterator[str]:
    """False rollbacks, and how soon the others are rolled back."""
    yield "### False rollbacks"
    yield table(by_rule(healthy(cells), "rolledBack"))
    if found := faulty(cells):
        yield "### Seconds from the fault to the rollback, median"
        yield table(by_rule(found, "delay"))


def risen(results: Mapping[str, Cells]) -> Iterator[str]:
    """How long a release takes whose weights rise by evidence alone."""
    yield (
        "`evidence: {}`, everything by default, played through `decide`; seconds from the first share to the end "
        "that is right, and to that of 19 of 20 releases."
    )
    yield table(by_evidence(results["evidence"]))
    yield (
        "Promoted by the rules of other tools, which prove nothing: they raise by the clock, here 5, 10, 25 and 50 % "
        f"in half an hour, whoever they have not rolled back by then. {OTHERS_RUNS} runs."
    )
    yield table(by_rule(results["evidence"], "promoted"))


def raced(results: Mapping[str, Cells]) -> Iterator[str]:
    """What each policy has lost, and how it came to it."""
    PICTURES.mkdir(exist_ok=True)
    draw_bandits(PICTURES / "statistics-bandits.png")
    yield "![what each policy loses over time, and shares that follow a change](pictures/statistics-bandits.png)"
    yield table(rows_of(results["mab"], HEADS["mab"]))


def earned(suite: str) -> Callable[[Mapping[str, Cells]], Iterator[str]]:
    """What each policy of a suite has lost, and over time."""

    def told(results: Mapping[str, Cells]) -> Iterator[str]:
        if suite in DRAWN:
            PICTURES.mkdir(exist_ok=True)
            DRAWN[suite](PICTURES / f"statistics-{suite}.png")
            yield f"![what each policy loses over time, and gives to the best version](pictures/statistics-{suite}.png)"
        yield table(rows_of(results[suite], HEADS[suite]))

    return told


def estimated(results: Mapping[str, Cells]) -> Iterator[str]:
    """How right the estimates for other shares are."""
    yield table(estimates(results["ope"]))


def shadowed(results: Mapping[str, Cells]) -> Iterator[str]:
    """Who fails and who passes, and after how many answers."""
    yield (
        "At most 2 % of the answers may differ (`maxDisagreement: 0.02`), besides those by which the control differs "
        f"from itself; {shadow.HORIZON} answers at most."
    )
    yield table(shadow.rows_of(results["shadow"]))


DRAWN: dict[str, Callable[[Path], None]] = {"drift": draw_drift, "delay": draw_delay, "context": draw_context}
TABLES: Mapping[str, Callable[[Mapping[str, Cells]], Iterator[str]]] = {
    ROLLBACK: rules_compared,
    "quiet": beside("quiet"),
    "scrapes": beside("scrapes"),
    "evidence": risen,
    **{suite: earned(suite) for suite in HEADS},
    "mab": raced,
    "ope": estimated,
    "shadow": shadowed,
}


def table(rows: Sequence[Sequence[str]] | Rows) -> str:
    """Rows as Markdown, the first one as the head."""
    head, *rest = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest])


if __name__ == "__main__":
    main()
