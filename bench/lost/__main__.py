"""``python -m bench.lost``: a version owes its callers answers; how long until it has no requests any more?

Nothing is answered wrongly here, and latency is not judged: callers give up, and what is left of that is all that the
operator has. Either the version is slower than its callers wait, from its first request on, or its server hangs
(SIGSTOP) in the middle of a step, at a moment that has nothing to do with scrapes or passes. It has been up for ten
seconds before it gets its first request: on two cores the start of a server costs stable's callers answers, too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import click
import numpy as np

from bench.lost.measures import Case, Run, measure, met
from bench.lost.report import section
from bench.results import write_section
from e2e.cluster.report import say
from e2e.cluster.target import find_target
from e2e.harness import pods
from e2e.harness.opening import world_of
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.traffic import Clients, Requests
from e2e.harness.world import World
from e2e.installation import MODELS, install

MANIFEST = Path(__file__).parent / "rollout.yaml"
WEIGHT = 20
GOOD_ANSWERS = 300  # before a server hangs: three seconds
AFTERMATH = 100  # answers after the rollback, so that those that were under way have been given up, too
CASES = (
    Case("slower than its callers wait, REST", hangs=False, grpc=False, patience=0.1),
    Case("slower than its callers' deadline, gRPC", hangs=False, grpc=True, patience=0.1),
    Case("its server hangs, REST", hangs=True, grpc=False, patience=0.5),
    Case("its server hangs, gRPC", hangs=True, grpc=True, patience=0.5),
)


@click.command()
@click.option("--runs", default=5, show_default=True, help="How many rollbacks of each kind.")
@click.option("--seed", default=1, show_default=True, help="Of the moments at which a server hangs.")
@click.option("--write/--no-write", default=False, help="Write the section of bench/RESULTS.md.")
def main(runs: int, seed: int, write: bool) -> None:
    """Measure rollbacks by lost answers on the local cluster (make cluster-up)."""
    target = find_target()
    if not target.local:
        raise click.ClickException("a process of a cluster elsewhere is not ours to stop")
    world = world_of(install(target))
    clients = Clients(target.gateway_url, MODELS / "rows" / "digits.jsonl")
    rng = np.random.default_rng(seed)
    found = {case: list(measured(world, clients, case, rng.uniform(0.0, 2.0, size=runs).tolist())) for case in CASES}
    print(json.dumps({case.name: [run.to_json() for run in all_runs] for case, all_runs in found.items()}))
    print(text := section(found))
    if write:
        write_section("lost", "From the first lost answer to no requests", f"python -m bench.lost --runs {runs}", text)
    sys.exit(0 if met(found) else 1)


def measured(world: World, clients: Clients, case: Case, phases: Sequence[float]) -> Iterator[Run]:
    """The rollbacks of one kind, in a namespace of their own. ``phases`` in seconds: when within a scrape interval a
    server hangs."""
    with world.namespace("bench-lost") as namespace:
        rollout = Rollout(world, namespace)
        rollout.apply(MANIFEST, version="1.0.1", model="good")
        rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
        with clients(rollout.host, grpc=case.grpc, timeout=case.patience) as requests:
            for number, phase in enumerate(phases, start=1):
                run = one(rollout, requests, case, f"1.1.{number + 1}", phase)
                say(f"{case.name}: no requests {run.back:.2f} s after the first lost answer, {run.lost} lost")
                yield run


def one(rollout: Rollout, requests: Requests, case: Case, version: str, phase: float) -> Run:
    """One rollback."""
    began = time.time()
    rollout.apply(MANIFEST, version=version, model="better" if case.hangs else "slow")
    if case.hangs:
        rollout.wait_weight(version, WEIGHT, INSTALL_SECONDS)
        requests.wait_for_answers(GOOD_ANSWERS)
        time.sleep(phase)
        began = time.time()
    with pods.hung(rollout.pods(version)[0]) if case.hangs else nullcontext():
        rollout.wait_for(lambda seen: has_failed(seen, version), INSTALL_SECONDS, f"{version} is rolled back")
        rollout.wait_route({"1.0.1": 100})
    requests.wait_for_answers(AFTERMATH)
    reason = rollout.status.quarantined[-1]
    if reason.reason != "EvidenceAgainstCandidate":
        raise click.ClickException(f"{version} was rolled back for another reason: {reason.message}")
    return measure(requests.answers(), rollout.routes(), version, began)


def has_failed(rollout: Rollout, version: str) -> bool:
    """Whether this version is quarantined."""
    return any(item.version == version for item in rollout.status.quarantined)


if __name__ == "__main__":
    main()
