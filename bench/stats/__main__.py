"""``python -m bench.stats``: run the suites and write what was measured.

    python -m bench.stats --json out.json && python -m bench.check out.json bench/goals.toml

The same seed gives the same counts for every rule, whatever runs beside it and on however many processors. All of it
takes hours: ``--resume`` goes on with the file of a run that was broken off, in the middle of a suite, too.
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

from bench.stats import (
    arms,
    bake,
    bursts,
    context,
    cost,
    delay,
    drift,
    edits,
    evidence,
    late,
    mab,
    ope,
    promote,
    restart,
    rollback,
    scrapes,
    shadow,
    srm,
    unseen,
    whole,
)
from bench.stats.parts import Parts
from bench.stats.suite import Form, Suite, Task

ALL: Sequence[Suite] = (
    *rollback.suites(),
    promote.SUITE,
    arms.SUITE,
    bursts.SUITE,
    edits.SUITE,
    late.SUITE,
    srm.SUITE,
    restart.SUITE,
    whole.SUITE,
    bake.SUITE,
    unseen.SUITE,
    scrapes.SUITE,
    evidence.SUITE,
    mab.SUITE,
    drift.SUITE,
    delay.SUITE,
    context.SUITE,
    ope.SUITE,
    shadow.SUITE,
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
@click.option("--resume", is_flag=True, help="Keep what an earlier run has measured, and measure what is left.")
def main(
    chosen: Sequence[str], seed: int, runs: int | None, quick: bool, processes: int, path: Path, resume: bool
) -> None:
    """Measure how right and how quick the verdicts are. The file is written after each suite."""
    form, began = Form(seed, runs, quick), time()
    body = begun(path, form) if resume and path.exists() else empty(form)
    before, parts = body["seconds"], Parts.beside(path) if resume else None
    for suite in ALL:
        if suite.name in body["results"] or (chosen and suite.name not in chosen):
            continue
        body["results"][suite.name] = measured(suite, form, processes, parts)
        body |= {"machine": machine(processes), "seconds": before + round(time() - began)}
        path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if parts is not None:
            parts.forget()
    click.echo(f"{path}: {sum(len(cells) for cells in body['results'].values())} cells in {body['seconds']} s")


def empty(form: Form) -> dict[str, Any]:
    """Nothing measured yet."""
    asked = [
        f"--{name} {value}" for name, value in (("seed", form.seed), ("runs", form.runs)) if value not in (1, None)
    ]
    command = " ".join(["python -m bench.stats", *(["--quick"] if form.quick else []), *asked])
    name = "quick" if form.quick else "full"
    return {"command": command, "form": name, "seed": form.seed, "runs": form.runs, "seconds": 0, "results": {}}


def begun(path: Path, form: Form) -> dict[str, Any]:
    """What an earlier run has measured. Raises UsageError when that was another bench."""
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if body["command"] != empty(form)["command"]:
        raise click.UsageError(f"{path} is of `{body['command']}`, and not of this bench: name another file")
    return body


def measured(suite: Suite, form: Form, processes: int, parts: Parts | None = None) -> dict[str, Any]:
    """The measures of a suite. Where they are times, nothing else of the bench runs, and nothing is kept."""
    tasks = suite.tasks(form)
    click.echo(f"bench.stats: {suite.name}", err=True)
    raw = [task.run() for task in tasks] if suite is cost.SUITE else run_all(tasks, processes, parts)
    return dict(suite.measure(list(zip(tasks, raw, strict=True))))


def run_all(tasks: Sequence[Task], processes: int, parts: Parts | None = None) -> list[Any]:
    """The results of all the tasks, in their order; they run after all else that wants to. Each is kept in ``parts`` as
    soon as it is there, and what is there already is not run again."""
    done = parts.of(tasks) if parts is not None else {}
    left = [(index, task) for index, task in enumerate(tasks) if index not in done]
    with ProcessPoolExecutor(processes, initializer=os.nice, initargs=(10,)) as pool:
        running = {pool.submit(task.run): (index, task) for index, task in left}
        for future in told(as_completed(running), len(running)):
            index, task = running[future]
            done[index] = future.result()
            if parts is not None:
                parts.add(task, done[index])
    return [done[index] for index in range(len(tasks))]


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
