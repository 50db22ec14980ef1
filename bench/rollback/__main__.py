"""``python -m bench.rollback``: a candidate at 20 % turns bad, again and again; how long do users get bad answers?

A candidate that is good (model ``turns_bad``) has 20 % of 100 requests a second. At a moment that has nothing to do
with scrapes or passes, a fifth of its answers turn into errors. What counts is what clients got at the gateway.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click
import numpy as np

from bench.results import write_section
from bench.rollback.measures import Run, measure, percentile
from bench.rollback.report import section
from e2e.cluster.report import say
from e2e.cluster.target import find_target
from e2e.harness.opening import world_of
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.traffic import Clients, Requests
from e2e.installation import MODELS, install
from modelrollout.manifests.serving import SERVER_CONTAINER

MANIFEST = Path(__file__).parent / "rollout.yaml"
SWITCH = "/dev/shm/modelrollout-turn-bad"  # the model is bad while this file is in its server's container
WEIGHT = 20
RATE = 100
GOOD_ANSWERS = 600  # before it turns bad: six seconds at that rate
AFTERMATH = 200  # answers after the rollback, to see that no more bad ones come


@click.command()
@click.option("--runs", default=30, show_default=True, help="How many rollbacks.")
@click.option("--seed", default=1, show_default=True, help="Of the moments at which the model turns bad.")
@click.option("--write/--no-write", default=False, help="Write the section of bench/RESULTS.md.")
def main(runs: int, seed: int, write: bool) -> None:
    """Measure rollbacks on the local cluster (make cluster-up), or on that of KUBECONFIG."""
    target = find_target()
    installation = install(target)
    world = world_of(installation)
    phases = np.random.default_rng(seed).uniform(0.0, 2.0, size=runs)
    with world.namespace("bench-rollback") as namespace:
        rollout = Rollout(world, namespace)
        rollout.apply(MANIFEST, version="1.0.1", model="good")
        rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
        with Clients(target.gateway_url, MODELS / "rows" / "digits.jsonl")(rollout.host, rate=RATE) as requests:
            requests.wait_for_answers(RATE)
            found = [one(rollout, requests, index, float(phase)) for index, phase in enumerate(phases, start=1)]
    print(json.dumps([item.to_json() for item in found]))
    text = section(found)
    print(text)
    if write:
        write_section("rollback", "From fault to the last bad answer", f"python -m bench.rollback --runs {runs}", text)
    sys.exit(0 if met(found) else 1)


def one(rollout: Rollout, requests: Requests, index: int, phase: float) -> Run:
    """One rollback, of a version of its own. ``phase`` in seconds: when within a scrape interval it turns bad."""
    version, began = f"1.1.{index + 1}", time.time()
    rollout.apply(MANIFEST, version=version, model="turns_bad")
    rollout.wait_weight(version, WEIGHT, INSTALL_SECONDS)
    requests.wait_for_answers(GOOD_ANSWERS)
    [pod] = rollout.pods(version)
    time.sleep(phase)
    kubectl = rollout.world.kubectl
    kubectl.run("exec", pod["metadata"]["name"], "-n", rollout.namespace, "-c", SERVER_CONTAINER, "--", "touch", SWITCH)
    rollout.wait_for(lambda seen: has_failed(seen, version), 60, f"{version} is rolled back")
    requests.wait_for_answers(AFTERMATH)
    judged = next(item for item in rollout.status.last_analysis if item.metric == "errors")
    answers = [answer for answer in requests.answers() if answer.at >= began]
    reason = rollout.status.quarantined[-1]
    if (reason.reason, judged.verdict) != ("EvidenceAgainstCandidate", "Fail"):
        raise click.ClickException(f"{version} was rolled back for another reason: {reason.message}")
    run = measure(answers, rollout.routes(), version, judged.last_sample_at or 0.0)
    say(f"run {index}: last bad answer after {run.last_bad:.2f} s, {run.bad_answers} bad answers")
    return run


def has_failed(rollout: Rollout, version: str) -> bool:
    """Whether this version is quarantined."""
    return any(item.version == version for item in rollout.status.quarantined)


def met(runs: list[Run]) -> bool:
    """Whether the goals are met: median at most 5 s and 25 bad answers, p95 at most 8 s, nobody else's failures."""
    times = [run.last_bad for run in runs]
    return (
        percentile(times, 0.5) <= 5.0
        and percentile(times, 0.95) <= 8.0
        and percentile([run.bad_answers for run in runs], 0.5) <= 25
    )


if __name__ == "__main__":
    main()
