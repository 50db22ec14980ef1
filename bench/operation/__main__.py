"""``python -m bench.operation``: start, memory, image and writes of the operator with ten rollouts.

Writes are counted by the operator and compared with what a watch sees: the API server reports only writes that
changed something, so a difference would be writes that changed nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import click

from bench.operation.process import OperatorProcess
from bench.results import write_section
from e2e.cluster import images
from e2e.cluster.report import run, say
from e2e.cluster.target import find_target
from e2e.harness.kubectl import Kubectl
from e2e.harness.opening import kubectl_of, world_of
from e2e.harness.operator_pods import OperatorPods
from e2e.harness.rollout import Rollout
from e2e.harness.traffic import Clients
from e2e.installation import MODELS, NAMESPACE, OPERATOR_IMAGE, TAG, install

MANIFEST = Path(__file__).parent / "rollout.yaml"
PATIENCE = 300.0  # seconds for ten model servers at once
Row = tuple[str, str, str]


@click.command()
@click.option("--rollouts", default=10, show_default=True)
@click.option("--minutes", default=1.0, show_default=True, help="How long each state is watched.")
@click.option("--write/--no-write", default=False, help="Write the section of bench/RESULTS.md.")
def main(rollouts: int, minutes: float, write: bool) -> None:
    """Measure the operator on the local cluster."""
    target = find_target()
    installation = install(target)
    kubectl = kubectl_of(target)
    pods = OperatorPods(kubectl, installation)
    world = world_of(installation)
    rows: list[Row] = [("image, its own layers over the base", f"{own_layers():.0f} MB", "<= 250 MB")]
    rows += [("process start -> ready", start(kubectl, pods), "<= 3 s")]
    with world.namespace("bench-operation") as namespace, ExitStack() as stack:
        everyone = [Rollout(world, namespace, f"digits-{index}") for index in range(rollouts)]
        release(everyone, "1.0.1", "good")
        for rollout in everyone:
            rollout.wait_healthy("1.0.1", PATIENCE)
        process = OperatorProcess.of(kubectl, pods)
        say(f"{rollouts} rollouts are healthy; watching the idle operator")
        rows += watched(process, everyone, minutes, f"idle, {rollouts} rollouts healthy")
        rows += [(f"resident memory, idle with {rollouts} rollouts", f"{process.resident:.0f} MiB", "<= 100 MiB")]
        release(everyone, "1.1.2", "better")
        for rollout in everyone:
            rollout.wait_weight("1.1.2", 20, PATIENCE)
        rows += watched(process, everyone, minutes, f"{rollouts} rollouts releasing, no requests")
        clients = Clients(target.gateway_url, MODELS / "rows" / "digits.jsonl")
        for rollout in everyone:
            stack.enter_context(clients(rollout.host, rate=5))
        rows += watched(process, everyone, minutes, f"{rollouts} rollouts releasing, 5 requests/s each")
        rows += [(f"resident memory, {rollouts} rollouts releasing", f"{process.resident:.0f} MiB", "")]
    text = section(rows)
    print(text)
    if write:
        write_section("operation", "What the operator costs", "python -m bench.operation", text)
    sys.exit(0)


def release(everyone: list[Rollout], version: str, model: str) -> None:
    """Apply a version of all rollouts."""
    for rollout in everyone:
        rollout.apply(MANIFEST, version=version, model=model)


def start(kubectl: Kubectl, pods: OperatorPods, times: int = 5) -> str:
    """Median and maximum of the time from the start of the process until it is ready."""
    found = []
    for _ in range(times):
        kubectl.run("delete", "pod", "-n", NAMESPACE, *pods.names(), "--wait=true")
        found.append(next_process(kubectl, pods).ready_after())
        pods.wait_ready()
    return f"median {sorted(found)[len(found) // 2]:.1f} s, max {max(found):.1f} s of {times}"


def next_process(kubectl: Kubectl, pods: OperatorPods, patience: float = 60.0) -> OperatorProcess:
    """The operator's process as soon as there is one."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return OperatorProcess.of(kubectl, pods)
        except (AssertionError, ValueError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def own_layers() -> float:
    """Megabytes of the image above its base."""
    sizes = []
    for name in (f"{OPERATOR_IMAGE}:{TAG}", images.PYTHON_IMAGE):
        listed = json.loads(run([*images.buildah("images", "--json", name)]))
        sizes.append(size_in_mb(str(listed[0]["size"])))
    return sizes[0] - sizes[1]


def size_in_mb(words: str) -> float:
    """``378 MB`` -> 378."""
    number, unit = words.split()
    return float(number) * {"KB": 0.001, "MB": 1.0, "GB": 1000.0}[unit]


def watched(process: OperatorProcess, everyone: list[Rollout], minutes: float, title: str) -> list[Row]:
    """Writes in a while, by kind, and how many of the status writes changed a status."""
    before, since = process.writes(), time.time()
    time.sleep(60 * minutes)
    after, until = process.writes(), time.time()
    wrote = Counter(after) - Counter(before)
    changed = sum(since <= state.at <= until for rollout in everyone for state in rollout.states())
    per_minute = {name: count / minutes for name, count in wrote.items()}
    words = ", ".join(f"{count:.0f} {name}" for name, count in sorted(per_minute.items())) or "none"
    return [
        (f"writes in a minute: {title}", words, "none that changes nothing"),
        (f"changes of ModelRollouts that a watch saw: {title}", f"{changed / minutes:.0f}", "as many as status writes"),
    ]


def section(rows: list[Row]) -> str:
    """The table."""
    lines = ["| what | measured | goal |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {measured} | {goal} |" for what, measured, goal in rows)]) + "\n"


if __name__ == "__main__":
    main()
