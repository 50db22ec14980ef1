"""``python -m bench.stats``: run the suites and write what was measured.

    python -m bench.stats --json out.json && python -m bench.check out.json bench/goals.toml

The same seed gives the same counts for every rule, whatever runs beside it and on however many processors.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from time import time
from typing import Any

import click

from bench.stats import arms, bake, cost, evidence, promote, restart, rollback, scrapes, srm, unseen, whole
from bench.stats.suite import Form, Suite, Task

ALL: Sequence[Suite] = (
    *rollback.suites(),
    promote.SUITE,
    arms.SUITE,
    srm.SUITE,
    restart.SUITE,
    whole.SUITE,
    bake.SUITE,
    unseen.SUITE,
    scrapes.SUITE,
    evidence.SUITE,
    cost.SUITE,
)
NAMES = [suite.name for suite in ALL]


@click.command()
@click.option("--suite", "chosen", multiple=True, type=click.Choice(NAMES), help="Default: all of them.")
@click.option("--seed", default=1, show_default=True, help="Other numbers for another bench.")
@click.option("--runs", type=click.IntRange(min=2), help="Runs of every cell, instead of the cells' own numbers.")
@click.option("--quick", is_flag=True, help="Fewer cells, at most 400 runs each: for every change, not for claims.")
@click.option("--processes", default=2, show_default=True, type=click.IntRange(min=1))
@click.option("--json", "path", required=True, type=click.Path(dir_okay=False, path_type=Path))
def main(chosen: Sequence[str], seed: int, runs: int | None, quick: bool, processes: int, path: Path) -> None:
    """Measure how right and how quick the verdicts are."""
    suites = [suite for suite in ALL if not chosen or suite.name in chosen]
    form, began = Form(seed, runs, quick), time()
    results = measure_all(suites, form, processes)
    body = {
        "command": f"python -m bench.stats {' '.join(sys.argv[1:])}",
        "form": "quick" if quick else "full",
        "seed": seed,
        "machine": machine(processes),
        "seconds": round(time() - began),
        "results": results,
    }
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"{path}: {sum(len(cells) for cells in results.values())} cells in {time() - began:.0f} s")


def measure_all(suites: Sequence[Suite], form: Form, processes: int) -> dict[str, Any]:
    """The measures of each suite. Times are taken when nothing else of the bench runs."""
    work = [(suite.name, task) for suite in suites for task in suite.tasks(form)]
    apart = [item for item in work if item[0] == "cost"]
    raw = run_all([item for item in work if item[0] != "cost"], processes) if len(apart) < len(work) else {}
    raw |= {index + len(raw): (name, task, task.run()) for index, (name, task) in enumerate(apart)}
    ordered = [raw[index] for index in sorted(raw)]
    return {
        suite.name: suite.measure([(task, result) for name, task, result in ordered if name == suite.name])
        for suite in suites
    }


def run_all(work: Sequence[tuple[str, Task]], processes: int) -> dict[int, tuple[str, Task, Any]]:
    """All the tasks, after all else that wants to run; the results by the task's number."""
    done: dict[int, tuple[str, Task, Any]] = {}
    with ProcessPoolExecutor(processes, initializer=os.nice, initargs=(10,)) as pool:
        running = {pool.submit(task.run): (index, name, task) for index, (name, task) in enumerate(work)}
        for future in told(as_completed(running), len(running)):
            index, name, task = running[future]
            done[index] = (name, task, future.result())
    return done


def told(items: Iterator[Any], number: int) -> Iterator[Any]:
    """The same items: a bar on a terminal, a line every tenth part elsewhere."""
    if sys.stderr.isatty():
        with click.progressbar(items, length=number, label="bench.stats", file=sys.stderr) as bar:
            yield from bar
        return
    began = time()
    for index, item in enumerate(items, 1):
        yield item
        if index * 10 // number > (index - 1) * 10 // number:
            click.echo(f"bench.stats: {100 * index // number} % after {time() - began:.0f} s", err=True)


def machine(processes: int) -> dict[str, Any]:
    """Where it ran."""
    return {
        "processors": os.cpu_count(),
        "processes": processes,
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
