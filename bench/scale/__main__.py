"""``python -m bench.scale``: what hundreds of releases and thousands of rollouts cost, and how fast each is seen.

One run takes a quarter of an hour for 500 releasing, and half an hour more for 5,000 at rest.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bench.results import write_section
from bench.scale.client import Client, client, for_each
from bench.scale.manifests import name_of
from bench.scale.measures import ERRORS, fault, gone, watch
from bench.scale.operator import Operator
from bench.scale.report import MANY, RELEASING, Row, cost_rows, fault_rows, table
from bench.scale.stage import SCRAPE, Stage, create, phases, release, stage, wait
from e2e.cluster.report import say

Act = Callable[[Client, int], Awaitable[object]]

OLD, NEW = "1.0.0", "1.0.1"
PATIENCE = 3600.0
QUIET = 300  # writes in ten seconds: those of 500 releases, whose evidence is stored now and then, and a few more


@click.command()
@click.option("--releasing", default=500, show_default=True, help="Rollouts that release at one time.")
@click.option(
    "--idle",
    default=5000,
    show_default=True,
    help="Rollouts at rest besides, with those of the burst; 0: that part is left out.",
)
@click.option("--faults", default=10, show_default=True, help="Versions that begin to fail, one after the other.")
@click.option("--seconds", default=90.0, show_default=True, help="How long each state is watched.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where logs are kept. Left out: nowhere.")
@click.option("--write/--no-write", default=False, help="Write the section of bench/RESULTS.md.")
def main(releasing: int, idle: int, faults: int, seconds: float, folder: Path | None, write: bool) -> None:
    """Measure the operator with many rollouts."""
    with _folder(folder) as place, stage(place) as found:
        rows = list(_run(found, releasing, idle, faults, seconds))
    text = table(rows)
    print(text)
    if write:
        options = f"--releasing {releasing} --idle {idle} --faults {faults} --seconds {seconds:g}"
        write_section("scale", "Many rollouts", f"python -m bench.scale {options}", text)


def _run(found: Stage, releasing: int, idle: int, faults: int, seconds: float) -> Iterator[Row]:
    """The states, one after the other."""
    with found.operator() as operator:
        _install(found, range(releasing))
        yield from _busy(found, operator, releasing, faults, seconds, f"{releasing} releasing")
        yield from _burst(found, releasing)
    if idle > releasing:
        with found.operator() as operator:
            _install(found, range(releasing * 2, releasing + idle))  # those of the burst are at rest as well
            wait("the last writes about their routes", lambda: operator.writes_in(10.0) < QUIET, PATIENCE)
            yield f"{idle + releasing} rollouts, after these installs: memory", f"{operator.memory():.0f} MiB", ""
        with found.operator() as operator:  # what thousands of installs in a row leave is not what it needs
            wait("the first look", lambda: operator.looked_at() >= idle + releasing, PATIENCE)
            time.sleep(60)  # what a start leaves to be written
            yield from _busy(found, operator, 0, faults, seconds, f"{idle + releasing} rollouts, {releasing} releasing")
    idle = max(idle, releasing)
    failing = sorted(_in(found, "Progressing"))[0]
    found.break_version(failing, NEW, ERRORS)
    time.sleep(4 * SCRAPE)  # what the new process finds
    with found.operator() as operator:
        yield from _start(found, operator, idle + releasing, failing)
        yield from _page(operator)


def _install(found: Stage, numbers: range) -> None:
    """Rollouts whose first version serves."""
    say(f"{len(numbers)} rollouts are created")
    names = {name_of(number) for number in numbers}
    _for_each(found, numbers, lambda api, number: create(api, number, OLD))
    took = wait("installs", lambda: names <= _in(found, "Healthy"), PATIENCE)
    say(f"they are healthy after {took:.0f} s")


def _busy(found: Stage, operator: Operator, count: int, faults: int, seconds: float, title: str) -> Iterator[Row]:
    """Releases under way: what they cost, and how long a fault keeps its traffic."""
    if count:
        say(f"{count} of them are released")
        _for_each(found, range(count), lambda api, number: release(api, number, NEW))
        took = wait("releases", lambda: len(_in(found, "Progressing")) >= count, PATIENCE)
        say(f"all have traffic after {took:.0f} s")
        time.sleep(60)  # the first evidence
    yield from cost_rows(title, watch(found, operator, seconds), RELEASING if count else MANY)
    under_way = sorted(_in(found, "Progressing"))
    chosen = under_way[:: max(1, len(under_way) // faults)][:faults] if faults else []
    times = []
    for number, name in enumerate(chosen):
        # A route changes just after a scrape, and the next fault would always begin there.
        time.sleep(number * SCRAPE / len(chosen))
        times.append(fault(found, name, NEW))
        say(f"{name} had no requests after {times[-1]:.1f} s")
    yield from fault_rows(title, times)


def _burst(found: Stage, releasing: int) -> Iterator[Row]:
    """As many new rollouts as releases at once, while a version begins to fail."""
    say(f"{releasing} more rollouts are created at once")
    name = sorted(_in(found, "Progressing"))[-1]
    numbers = range(releasing, releasing * 2)
    _for_each(found, numbers, lambda api, number: create(api, number, OLD), at_once=24)
    yield from fault_rows(f"{releasing} specs changed at once", [fault(found, name, NEW)])
    names = {name_of(number) for number in numbers}
    took = wait("the burst", lambda: names <= _in(found, "Healthy"), PATIENCE)
    yield f"{releasing} specs changed at once: all healthy", f"{took:.0f} s", ""


def _start(found: Stage, operator: Operator, count: int, failing: str) -> Iterator[Row]:
    """A new process, with everything there already, and a version that fails since before its start."""
    wait("the first look", lambda: operator.looked_at() >= count, PATIENCE)
    yield f"start with {count}: all looked at", f"{time.time() - operator.started:.0f} s", "<= 60 s"
    took = gone(found, failing, NEW, operator.started)
    yield f"start with {count}: weight 0 for one that had been failing", f"{took:.1f} s", "<= 5 s"
    yield f"start with {count}: memory, the most", f"{operator.memory('VmHWM'):.0f} MiB", ""


def _page(operator: Operator) -> Iterator[Row]:
    begun = time.monotonic()
    size = len(operator.page())
    yield "/metrics: size", f"{size / 1e6:.1f} MB", "<= 2 MB"
    yield "/metrics: time", f"{time.monotonic() - begun:.2f} s", "<= 0.3 s"


def _in(found: Stage, phase: str) -> set[str]:
    return {name for name, its in phases(found.server).items() if its == phase}


def _for_each(found: Stage, numbers: range, act: Act, at_once: int = 6) -> None:
    async def all_of_them() -> None:
        async with client(found.server.kubeconfig, at_once) as api:
            await for_each(numbers, lambda number: act(api, number), at_once)

    asyncio.run(all_of_them())


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


if __name__ == "__main__":
    main()
