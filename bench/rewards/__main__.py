"""``python -m bench.rewards``: 2,000 rewards a second, one by one and in batches, to a real gateway on one core.

The gateway is a process of its own on one processor; the requests come from this one, on the others. Every reward is
another's, so that the memory of duplicates grows as it does in earnest. At the end the counters are compared with what
was acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

from bench.process import processor_seconds
from bench.results import machine, write_section
from bench.rewards.load import send
from bench.rewards.measures import HEAD, Run, accepted
from bench.rewards.running import Running, gateway, operator, until
from modelrollout.api.live import LiveTrial

TRIAL = LiveTrial(
    namespace="prod",
    rollout="fraud",
    first_epoch=1764179753,
    epoch=1764179753,
    versions=("2.4.1186", "2.4.1187"),
    segments=("everybody",),
)
SERIES = re.compile(r"^modelrollout_reward_count_total\{.*\} (\d+)$", re.M)


@click.command()
@click.option("--rate", default=2000, show_default=True, help="Rewards a second.")
@click.option("--seconds", default=60.0, show_default=True, help="Of each load.")
@click.option("--connections", default=50, show_default=True, help="That stay open.")
@click.option("--batch", default=100, show_default=True, help="Rewards in a batch.")
@click.option("--write/--no-write", default=False, help="Write the section of bench/RESULTS.md.")
def main(rate: int, seconds: float, connections: int, batch: int, write: bool) -> None:
    """Measure the reward gateway on this machine."""
    with tempfile.TemporaryDirectory() as folder, operator(TRIAL) as url:
        core = str(min(os.sched_getaffinity(0)))
        with gateway(Path(folder) / "log", "--operator", url, before=("taskset", "-c", core)) as running:
            until(running.is_ready, "the gateway is ready")
            loads = [("one by one", 1), (f"batches of {batch}", batch)]
            runs = [measured(running, title, rate, seconds, connections, size) for title, size in loads]
            counted = sum(map(int, SERIES.findall(running.get("/metrics").text)))
    text = "\n".join([HEAD, *(run.row for run in runs)]) + "\n"
    print(f"{machine()}\n\n{text}")
    if write:
        command = f"python -m bench.rewards --rate {rate} --seconds {seconds:g} --connections {connections}"
        write_section("rewards", "What the reward gateway takes on one core", command, text)
    if counted != sum(run.accepted for run in runs):
        sys.exit(f"{counted} rewards are counted, {sum(run.accepted for run in runs)} were acknowledged")
    sys.exit(0 if all(run.met for run in runs) else 1)


def measured(running: Running, title: str, rate: int, seconds: float, connections: int, size: int) -> Run:
    """One load. ``size`` rewards in each request; with 1 they are no batches."""
    bodies = [body(title, number, size) for number in range(int(rate * seconds / size))]
    host, _, port = running.address.partition(":")
    before = processor_seconds(running.process.pid)
    answers = asyncio.run(send(host, int(port), bodies, rate / size, min(connections, len(bodies))))
    cpu = processor_seconds(running.process.pid) - before
    return Run(title, len(bodies) * size, accepted(answers), seconds, cpu, tuple(answers.seconds))


def body(title: str, number: int, size: int) -> bytes:
    """A request's."""
    rewards = [reward(f"{title.replace(' ', '-')}-{number}-{index}", number + index) for index in range(size)]
    return json.dumps(rewards if size > 1 else rewards[0]).encode()


def reward(request: str, number: int) -> dict[str, object]:
    """One outcome: a third of them good, of both versions in turn."""
    version = TRIAL.versions[number % len(TRIAL.versions)]
    parts: Sequence[object] = (*TRIAL.key, TRIAL.epoch, version, TRIAL.segments[0], int(time.time()), request)
    return {"decision": "/".join(map(str, parts)), "reward": int(number % 3 == 0)}


if __name__ == "__main__":
    main()
