"""``python -m bench.shadow``: do users wait longer while half of their requests are copied? What does that cost?

With copies and without, turn and turn about: `pause` ends them, `resume` brings a new comparer. So both kinds share
whatever else the machine does.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

from bench.results import write_section
from bench.shadow.measures import Round, Window, is_within_noise
from bench.shadow.report import Cost, section
from e2e.cluster.report import say
from e2e.cluster.target import find_target
from e2e.harness.kubectl import Object
from e2e.harness.opening import world_of
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.traffic import Clients, Requests
from e2e.installation import MODELS, install
from modelrollout.api.status import Phase

MANIFEST = Path(__file__).parent / "rollout.yaml"
BOUND = 90.0  # seconds: the comparer is started, and seen by Prometheus
SETTLED = 3.0  # seconds after a change, which are in no window
MIB = 1024 * 1024
# Of the container's own control group, of either kind; by programs that need hardly anything themselves.
READ = """cd /sys/fs/cgroup
if [ -e cpu.stat ]; then
  sed -n 's/^usage_usec /usage /p' cpu.stat
  echo memory $(cat memory.current); sed -n 's/^inactive_file /idle /p' memory.stat
else
  echo usage $(($(cat cpuacct/cpuacct.usage) / 1000))
  echo memory $(cat memory/memory.usage_in_bytes); sed -n 's/^total_inactive_file /idle /p' memory/memory.stat
fi"""


@click.command()
@click.option("--rounds", default=8, show_default=True, help="How often both are measured.")
@click.option("--seconds", default=15.0, show_default=True, help="Of one window.")
@click.option("--rate", default=100.0, show_default=True, help="Requests a second.")
@click.option("--seed", default=1, show_default=True, help="Of the intervals.")
@click.option("--write/--no-write", default=False, help="Write the section of bench/RESULTS.md.")
def main(rounds: int, seconds: float, rate: float, seed: int, write: bool) -> None:
    """Measure on the local cluster (make cluster-up), or on that of KUBECONFIG."""
    target = find_target()
    world = world_of(install(target))
    with world.namespace("bench-shadow") as namespace:
        rollout = Rollout(world, namespace)
        rollout.apply(MANIFEST, version="1.0.1", model="good", percent=50)
        rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
        with Clients(target.gateway_url, MODELS / "rows" / "digits.jsonl")(rollout.host, rate=rate) as requests:
            rollout.apply(MANIFEST, version="1.1.2", model="retrained", percent=50)
            rollout.wait_for(lambda seen: seen.status.phase is Phase.SHADOWING, INSTALL_SECONDS, "it is in the shadow")
            found = [one(rollout, requests, seconds) for _ in range(rounds)]
            cost = cost_of(rollout, seconds)
    text = section(found, cost, seconds, rate, seed, os.getloadavg()[1])
    print(text)
    if write:
        command = f"python -m bench.shadow --rounds {rounds} --seconds {seconds:g}"
        write_section("shadow", "What the shadow costs", command, text)
    sys.exit(0 if is_within_noise(found, seed) else 1)


def one(rollout: Rollout, requests: Requests, seconds: float) -> Round:
    """Two windows with copies, two without; then copies again."""
    rollout.wait_for(lambda seen: is_compared(seen), BOUND, "its answers are compared")
    shadowed = windows(requests, seconds)
    rollout.say("pause", rollout.name)
    rollout.wait_for(lambda seen: not comparers(seen), BOUND, "the comparer is gone")
    plain = windows(requests, seconds)
    rollout.say("resume", rollout.name)
    found = Round(shadowed, plain)
    say(
        f"p99 with copies {shadowed[0].waits[1]:.1f} {shadowed[1].waits[1]:.1f} ms, without {plain[0].waits[1]:.1f} "
        f"{plain[1].waits[1]:.1f} ms"
    )
    return found


def windows(requests: Requests, seconds: float) -> tuple[Window, Window]:
    """One after the other."""
    time.sleep(SETTLED)
    began = time.time()
    time.sleep(2 * seconds + 1)  # the last ones were answered by then
    answers = requests.answers()
    middle = began + seconds
    return Window.of(answers, began, middle), Window.of(answers, middle, middle + seconds)


def cost_of(rollout: Rollout, seconds: float) -> Cost:
    """Of the comparer, when it gets a copy of every request: by its own control group."""
    rollout.apply(MANIFEST, version="1.1.2", model="retrained", percent=100)
    rollout.wait_for(lambda seen: is_compared(seen, 1000), BOUND, "a thousand answers are compared")
    [pod] = comparers(rollout)
    before, began, compared = used(rollout, pod), time.monotonic(), counted(rollout)
    time.sleep(2 * seconds)
    after, took = used(rollout, pod), time.monotonic() - began
    cores = (after["usage_usec"] - before["usage_usec"]) / 1e6 / took
    return Cost((counted(rollout) - compared) / took, after["memory"] / MIB, cores)


def used(rollout: Rollout, pod: Object) -> Mapping[str, float]:
    """Microseconds of processor since its start, and bytes of memory as the kubelet counts them."""
    name, kubectl = pod["metadata"]["name"], rollout.world.kubectl
    said = kubectl.run("exec", name, "-n", rollout.namespace, "--", "sh", "-c", READ).split()
    usage, memory, idle = (float(said[said.index(word) + 1]) for word in ("usage", "memory", "idle"))
    return {"memory": memory - idle, "usage_usec": usage}


def is_compared(rollout: Rollout, least: int = 1) -> bool:
    """Whether so many answers of it were compared by the comparer that there is."""
    return rollout.status.phase is Phase.SHADOWING and counted(rollout) >= least


def counted(rollout: Rollout) -> float:
    """How many answers were compared."""
    trial = rollout.status.trial
    return trial.arms[0].shadow.compared if trial is not None else 0.0


def comparers(rollout: Rollout) -> list[Object]:
    """The pods that compare answers."""
    labels = "modelrollout.dev/component=comparer"
    return rollout.world.kubectl.list("pods", rollout.namespace, labels=labels)


if __name__ == "__main__":
    main()
