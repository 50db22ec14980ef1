"""The demo: three versions of a model of handwritten digits, 100 requests a second, and a picture of what happened.

Run by ``make demo`` once the cluster is up. It leaves the cluster and the rollout there to be looked at.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.client import Answer
from e2e.cluster.report import ClusterError, say
from e2e.cluster.target import Target, find_target
from e2e.demo.picture import Recording, draw
from e2e.harness.kubectl import Kubectl
from e2e.harness.opening import kubectl_of, world_of
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout, verdicts
from e2e.harness.traffic import Clients
from e2e.harness.world import World
from e2e.installation import MODELS, install
from modelrollout.api.status import Phase, Status

HERE = Path(__file__).parent
MANIFEST = HERE / "rollout.yaml"
PICTURE = HERE.parent.parent / "build" / "demo" / "rollback.png"
DEMO = "modelrollout-demo"
RATE = 100  # requests a second
BEFOREHAND = 5.0  # seconds shown before the first request to the bad version
AFTERMATH = 8.0  # seconds shown after the rollback


def main() -> int:
    """0 when the good version was promoted and the bad one rolled back."""
    try:
        target = find_target()
        tell(target)
    except (ClusterError, AssertionError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def tell(target: Target) -> None:
    """The demo itself."""
    installation = install(target)
    kubectl = kubectl_of(target)
    world = world_of(installation)
    rollout = fresh(kubectl, world)
    clients = Clients(target.gateway_url, MODELS / "rows" / "digits.jsonl")

    title("1. The first version")
    with narrated(rollout):
        rollout.apply(MANIFEST, version="1.0.1", model="good")
        rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
    with clients(rollout.host, rate=RATE) as requests:
        say(f"clients send {RATE} requests a second to http://{rollout.host} from now on")
        requests.wait_for_answers(300)
        title("2. A better version: a canary of 10 %, 50 %, then all requests, watched")
        with narrated(rollout):
            rollout.apply(MANIFEST, version="1.1.2", model="better")
            rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
        say(summary(requests.answers()))
        title("3. A version that fails on a fifth of the images")
        began = time.time()
        with narrated(rollout):
            rollout.apply(MANIFEST, version="1.2.3", model="failing")
            rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "1.2.3 is out of traffic")
            requests.wait_for_answers(int(RATE * AFTERMATH))
        recording = record(rollout, requests.answers(), began)
    say(summary(recording.answers))
    say(verdict(recording))
    draw(recording, PICTURE)
    closing(target, rollout)


def fresh(kubectl: Kubectl, world: World) -> Rollout:
    """The demo's rollout in its namespace, without the remains of an earlier demo."""
    kubectl.run("delete", "namespace", DEMO, "--ignore-not-found", "--timeout=50s")
    kubectl.run("create", "namespace", DEMO)
    return Rollout(world, DEMO)


@contextmanager
def narrated(rollout: Rollout) -> Iterator[None]:
    """Prints one line for everything that becomes different in the status, while the block runs."""
    from threading import Event, Thread

    over = Event()
    thread = Thread(target=narrate, args=(rollout, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        time.sleep(0.3)  # the last status may still be on its way through the watch
        over.set()
        thread.join()


def narrate(rollout: Rollout, over: object) -> None:
    """Follows the rollout until told that it is over."""
    from threading import Event

    assert isinstance(over, Event)
    told: list[str] = []
    while not over.wait(0.2):
        if rollout.body is None:
            continue
        for line in lines(rollout.status):
            if line not in told:
                told.append(line)
                say(line)


def lines(status: Status) -> list[str]:
    """What is worth a line: phase, weight, sentence."""
    share = f"{status.weights:>3} %" if status.weights is not None else "     "
    said = status.message if status.phase is not Phase.PROGRESSING else status.message.split(";")[0]
    return [f"{status.phase.value:<12} {share}  {said}"]


def record(rollout: Rollout, answers: list[Answer], began: float) -> Recording:
    """What is needed for the picture of the last release."""
    left = [(at, route) for at, route in rollout.routes() if at >= began]
    shown_from = max(began, left[0][0] - BEFOREHAND)
    rolled_back = next(
        (at for (at, route), (_, before) in zip(left[1:], left, strict=False) if len(route) < len(before)), None
    )
    evidence = [
        (state.at, item.evidence, item.needed)
        for state, status in zip(rollout.states(), rollout.statuses(), strict=True)
        for item in verdicts(status)[:1]
        if state.at >= began and item.candidate.requests and status.phase is not Phase.HEALTHY
    ]
    return Recording(
        title=f"digits 1.2.3: {rollout.status.quarantined[-1].message.split(';')[0]}",
        stable="1.1.2",
        candidate="1.2.3",
        began=shown_from,
        ended=time.time(),
        answers=[answer for answer in answers if answer.at >= began],
        routes=[(shown_from, {"1.1.2": 100}), *left],
        evidence=evidence,
        rolled_back=rolled_back,
    )


def summary(answers: object) -> str:
    """How many requests, and how many of them failed."""
    assert isinstance(answers, list)
    failed = sum(answer.failed for answer in answers)
    return f"{len(answers)} requests so far in this part, {failed} failed"


def verdict(recording: Recording) -> str:
    """How long the bad answers lasted."""
    bad = [answer.at for answer in recording.answers if answer.failed]
    if not bad:
        return "no bad answer was served"
    return f"bad answers: {len(bad)}, all within {max(bad) - min(bad):.1f} s; the rest went to 1.1.2, which serves on"


def title(text: str) -> None:
    """A line between the parts."""
    print(f"\n== {text}", flush=True)


def closing(target: Target, rollout: Rollout) -> None:
    """What it looks like now, and what one can do next."""
    title("What a person sees")
    program = Path(sys.executable).parent / "modelrollout"
    command = [str(program), "get", rollout.name, "-n", rollout.namespace, "--kubeconfig", str(target.kubeconfig)]
    subprocess.run(command, check=True)
    title("The picture, and what is next")
    print(f"  {PICTURE.relative_to(Path.cwd()) if PICTURE.is_relative_to(Path.cwd()) else PICTURE}")
    print(f"  export KUBECONFIG={target.kubeconfig}")
    print(f"  .venv/bin/modelrollout get {rollout.name} -n {rollout.namespace} --watch")
    print("  make cluster-down    removes the cluster and all that belongs to it")


if __name__ == "__main__":
    sys.exit(main())
