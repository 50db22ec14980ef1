"""``python -m bench.unfit``: versions that cannot be loaded, and versions that answer wrong; how soon are they out?

Both are what a watch of the API server saw: from the pod whose server ended with an error, or whose version was ready,
to the status in which the version is quarantined. While clients send 100 requests a second.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from bench.results import write_section
from bench.rollback.measures import percentile
from e2e.cluster.report import say
from e2e.cluster.target import find_target
from e2e.harness.kubectl import Object
from e2e.harness.opening import world_of
from e2e.harness.pods import is_ready
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.samples import give_samples
from e2e.harness.traffic import Clients
from e2e.installation import MODELS, install
from e2e.story_30_unfit.test_unfit import BOUND, LIMITS, MANIFEST, is_out
from modelrollout.manifests.serving import SERVER_CONTAINER

GOALS = {"unloadable": 10.0, "permuted": 15.0}
TITLES = {
    "unloadable": "its server ended with an error -> quarantined",
    "permuted": "it was ready -> quarantined by golden answers",
}


@click.command()
@click.option("--runs", default=10, show_default=True, help="How many versions of each kind.")
@click.option("--write/--no-write", default=False, help="Write the section of bench/RESULTS.md.")
def main(runs: int, write: bool) -> None:
    """Measure on the local cluster (make cluster-up), or on that of KUBECONFIG."""
    target = find_target()
    world = world_of(install(target))
    took: dict[str, list[float]] = {model: [] for model in GOALS}
    with world.namespace("bench-unfit") as namespace:
        rollout = Rollout(world, namespace)
        give_samples(rollout)
        rollout.apply(MANIFEST, version="1.0.1", model="good", **LIMITS)
        rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
        with Clients(target.gateway_url, MODELS / "rows" / "digits.jsonl")(rollout.host) as requests:
            for number in range(2, 2 + runs * len(GOALS)):
                model = list(GOALS)[number % len(GOALS)]
                took[model].append(one(rollout, f"1.1.{number}", model))
                say(f"{model}: {took[model][-1]:.2f} s")
        requests.none_failed()
        answered = {answer.version for answer in requests.answers()}
    if answered != {"1.0.1"}:
        raise click.ClickException(f"answers came from {answered}")
    text = section(took, len(requests.answers()))
    print(text)
    if write:
        write_section("unfit", "How soon an unfit version is out", f"python -m bench.unfit --runs {runs}", text)
    sys.exit(0 if all(max(took[model]) <= goal for model, goal in GOALS.items()) else 1)


def one(rollout: Rollout, version: str, model: str) -> float:
    """Seconds from what could be seen of it to its quarantine."""
    rollout.apply(MANIFEST, version=version, model=model, **LIMITS)
    rollout.wait_for(lambda seen: is_out(seen, version), BOUND, f"{version} is quarantined")
    out = next(
        state.at
        for state, status in zip(rollout.states(), rollout.statuses(), strict=True)
        if version in {item.version for item in status.quarantined}
    )
    is_so = has_ended if model == "unloadable" else is_ready
    # Pods are watched by themselves, so that news of them may come later here.
    rollout.wait_for(lambda seen: bool(times(seen, version, is_so)), BOUND, "what was seen of its pod comes here, too")
    return out - min(times(rollout, version, is_so))


def times(rollout: Rollout, version: str, is_so: Callable[[Object], bool]) -> list[float]:
    """When pods of a version were seen so."""
    states = [state for states in rollout.world.pods.in_namespace(rollout.namespace) for state in states]
    own = (state for state in states if state.body["metadata"]["labels"].get("modelrollout.dev/version") == version)
    return [state.at for state in own if is_so(state.body)]


def has_ended(pod: Object) -> bool:
    """Whether its server ended with an error."""
    servers = [item for item in pod["status"].get("containerStatuses", ()) if item["name"] == SERVER_CONTAINER]
    ends = [item[state].get("terminated") for item in servers for state in ("state", "lastState") if item.get(state)]
    return any(end and end["exitCode"] for end in ends)


def section(took: dict[str, list[float]], answers: int) -> str:
    """The table."""
    lines = [
        "By what a watch of the API server saw, in seconds, while clients sent 100 requests/s; none of their "
        f"{answers} answers came from an unfit version. Ten samples by gRPC, each of them twice.",
        "",
        "| what | runs | min | p50 | max | goal |",
        "|---|---|---|---|---|---|",
    ]
    for model, times in took.items():
        shown = " | ".join(f"{number:.2f}" for number in (min(times), percentile(times, 0.5), max(times)))
        lines.append(f"| {TITLES[model]} | {len(times)} | {shown} | <= {GOALS[model]:g} s |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
