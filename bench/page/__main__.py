"""``python -m bench.page``: the operator's ``/metrics`` with thousands of rollouts, beside that of prometheus_client.

The library is no dependency: where it is installed, a collector of it renders the very same families, and is measured
too. Both render in a thread, as the operator does, while a task looks by how much the event loop is late. The least of
all runs is what the machine gives to one that has it for itself; the middle has whatever else ran in it.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import click

from bench.results import write_section
from modelrollout.api.status import Status
from modelrollout.runtime.telemetry import Telemetry

RUNS = 15
_LOOKS_EVERY = 0.002  # seconds
_COUNTED = {"requests": 100_000, "bad": 12}
_METRICS = [
    {"metric": name, "split": "everybody", "candidate": _COUNTED, "stable": _COUNTED, "verdict": "Undecided"}
    for name in ("errors", "latency")
]
_STABLE = {"version": "1.0.1", "uri": "u", "weight": 90}
_ARM = {"version": "1.0.2", "uri": "u", "weight": 10, "metrics": _METRICS}
_TRIAL = {"strategy": "canary", "startedAt": 0.0, "alpha": {"total": 0.01, "left": 0.0087}}
RESTS = Status.model_validate({"phase": "Healthy", "stable": {**_STABLE, "weight": 100}})
RELEASES = Status.model_validate({"phase": "Progressing", "stable": _STABLE, "trial": {**_TRIAL, "arms": [_ARM]}})


def telemetry_of(rollouts: int, releasing: int) -> Telemetry:
    """Of an operator that looks after so many rollouts; ``releasing`` are of those under trial."""
    telemetry = Telemetry()
    for number in range(rollouts):
        telemetry.saw((f"team-{number % 50}", f"model-{number:05d}"), RELEASES if number < releasing else RESTS)
    return telemetry


def by_client(telemetry: Telemetry) -> Callable[[], str] | None:
    """The same page by prometheus_client; None where it is not installed."""
    try:
        client: Any = importlib.import_module("prometheus_client")
    except ImportError:
        return None

    class Families:
        def collect(self) -> Iterator[Any]:
            for name, kind, text, rows in telemetry.families():
                family = client.Metric(name.removesuffix("_total"), text, kind)
                for own, labels, value in rows:
                    family.add_sample(own or name, dict(labels), value)
                yield family

    registry = client.CollectorRegistry()
    registry.register(Families())
    return lambda: str(client.generate_latest(registry), "utf-8")


async def measured(render: Callable[[], str]) -> tuple[float, float, float, float]:
    """Megabytes; seconds; seconds of processor time; and the longest that the loop was late, seconds."""
    loop, late = asyncio.get_running_loop(), [0.0]

    async def look() -> None:
        while True:
            due = loop.time() + _LOOKS_EVERY
            await asyncio.sleep(_LOOKS_EVERY)
            late.append(loop.time() - due)

    looking = asyncio.create_task(look())
    begun, used = time.perf_counter(), time.process_time()
    text = await asyncio.to_thread(render)
    took, spent = time.perf_counter() - begun, time.process_time() - used
    looking.cancel()
    return len(text) / 1e6, took, spent, max(late)


@click.command()
@click.option("--rollouts", default=5000, show_default=True)
@click.option("--releasing", default=500, show_default=True, help="Of them under trial, by two metrics.")
@click.option("--write/--no-write", default=False, help="Write the section of bench/RESULTS.md.")
def main(rollouts: int, releasing: int, write: bool) -> None:
    """Measure the page."""
    telemetry = telemetry_of(rollouts, releasing)
    pages = {"by hand": telemetry.render, "by prometheus_client": by_client(telemetry)}
    lines = [
        "| | size | time: least, middle | processor time, least | loop late: least, middle |",
        "|---|---|---|---|---|",
    ]
    for name, render in pages.items():
        if render is None:
            click.echo("prometheus_client is not installed, and not measured")
            continue
        size, took, spent, late = (sorted(found) for found in zip(*_runs(render), strict=True))
        lines.append(
            f"| {name} | {size[0]:.2f} MB | {took[0]:.3f} s, {took[RUNS // 2]:.3f} s | {spent[0]:.3f} s "
            f"| {1e3 * late[0]:.0f} ms, {1e3 * late[RUNS // 2]:.0f} ms |"
        )
    lines.append("| goal | <= 2 MB | <= 0.3 s | | <= 20 ms |")
    lines += ["", f"The least and the middle of {RUNS} runs, beside whatever else the machine did."]
    click.echo("\n".join(lines))
    if write:
        command = f"python -m bench.page --rollouts {rollouts} --releasing {releasing}"
        write_section(
            "page", f"/metrics of {rollouts} rollouts, {releasing} of them releasing", command, "\n".join(lines)
        )


def _runs(render: Callable[[], str]) -> Iterator[tuple[float, float, float, float]]:
    for _ in range(RUNS):
        yield asyncio.run(measured(render))


if __name__ == "__main__":
    main()
