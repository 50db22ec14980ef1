"""One ModelRollout under a watch: apply it, wait for what becomes of it, read what happened to it.

Waiting is for a state of the world and ends as soon as it is there. A wait that does not come true says what the world
was like instead.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from e2e.harness.kubectl import Object
from e2e.harness.manifest import fill
from e2e.harness.route import EVERYBODY, Weights, weights_of
from e2e.harness.watch import State
from e2e.harness.world import World
from e2e.installation import MODELS
from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.status import Phase, Status
from modelrollout.resource.rollout import ModelRollout

Predicate = Callable[["Rollout"], bool]
T = TypeVar("T")

INSTALL_SECONDS = 90.0
RELEASE_SECONDS = 150.0


@dataclass(frozen=True, slots=True)
class Event:
    """One Kubernetes Event about the rollout."""

    reason: str
    message: str
    kind: str  # Normal or Warning


class Rollout:
    """A ModelRollout of a story. What it tells is always the newest state that the watch has brought."""

    def __init__(self, world: World, namespace: str, name: str = "digits") -> None:
        self.world = world
        self.namespace = namespace
        self.name = name

    @property
    def host(self) -> str:
        """What clients call the model by. The story's manifest says the same."""
        return f"{self.name}.{self.namespace}.example"

    def apply(self, manifest: Path, **values: object) -> None:
        """`kubectl apply` of a story's manifest. Returns once the watch has brought what was applied."""
        self.world.kubectl.apply(self.fill(manifest, **values))
        generation = self.world.kubectl.get("modelrollout", self.name, self.namespace)["metadata"]["generation"]
        self._wait(
            lambda: (self.body or {}).get("metadata", {}).get("generation", 0) >= generation,
            10.0,
            "watch sees the spec",
        )

    def prepare(self, manifest: Path, wait_for_pod: str | None = None, **values: object) -> None:
        """Apply what the story needs besides the rollout, and wait until its pod is ready."""
        self.world.kubectl.apply(self.fill(manifest, **values))
        if wait_for_pod is not None:
            pod = f"pod/{wait_for_pod}"
            self.world.kubectl.run("wait", "--for=condition=Ready", pod, "-n", self.namespace, "--timeout=50s")

    def give_smoke_requests(self, config_map: str) -> None:
        """A ConfigMap with the ten request bodies that the test models come with, each under a key of its own."""
        bodies = json.loads((MODELS / "smoke" / "requests.json").read_text())
        data = {f"request-{number}.json": json.dumps(body) for number, body in enumerate(bodies)}
        metadata = {"name": config_map, "namespace": self.namespace}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        self.world.kubectl.apply(json.dumps(body))

    def fill(self, manifest: Path, **values: object) -> str:
        """The manifest as it is applied."""
        return fill(manifest, **(self.world.places(self.namespace) | {"name": self.name} | values))

    @property
    def body(self) -> Object | None:
        """The object as it is in the API server."""
        return self.world.rollouts.latest(self.namespace, self.name)

    @property
    def typed(self) -> ModelRollout:
        """The object in the product's own types."""
        body = self.body
        assert body is not None, f"there is no ModelRollout {self.namespace}/{self.name}"
        return ModelRollout.from_json(body)

    @property
    def status(self) -> Status:
        """Its status."""
        return self.typed.status

    @property
    def current(self) -> bool:
        """Whether the operator has seen the newest spec."""
        return self.body is not None and self.status.observed_generation == self.typed.generation

    def condition(self, kind: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition; Unknown when there is none."""
        found = next((item for item in self.status.conditions if item.type == kind), None)
        return (found.status, found.reason, found.message) if found else ("Unknown", "", "")

    def wait_for(self, predicate: Predicate, timeout: float, says: str, unless: Predicate | None = None) -> None:
        """Until the predicate is true of a state that answers to the newest spec.

        ``timeout`` in seconds, ``says`` what is waited for, ``unless`` what makes further waiting vain.
        Raises AssertionError with the whole state of things.
        """
        self._wait(lambda: self.current and predicate(self), timeout, says, unless)

    def wait_healthy(self, version: str, timeout: float = RELEASE_SECONDS) -> None:
        """Until this version serves all requests and no release is under way."""

        def serves(rollout: Rollout) -> bool:
            status = rollout.status
            return status.phase is Phase.HEALTHY and status.stable is not None and status.stable.version == version

        self.wait_for(serves, timeout, f"{version} serves all requests", unless=failed)

    def wait_weight(self, version: str, weight: int, timeout: float = RELEASE_SECONDS) -> None:
        """Until this version is under trial and has this weight."""

        def has_weight(rollout: Rollout) -> bool:
            arm = rollout.status.arm(version)
            return arm is not None and arm.weight == weight

        self.wait_for(has_weight, timeout, f"{version} has {weight} %", unless=failed)

    def wait_route(self, shares: Weights, timeout: float = 10.0) -> None:
        """Until everybody's requests are shared so. The route is written before the status, but each is watched by
        itself."""
        self.wait_for(lambda seen: seen.route() == shares, timeout, f"everybody's requests are shared by {shares}")

    def stays(self, predicate: Predicate, seconds: float, says: str) -> None:
        """For so long the predicate is true of every state. Raises AssertionError as soon as it is not."""
        deadline = time.monotonic() + seconds
        with self.world.changed:
            while (left := deadline - time.monotonic()) > 0:
                if not predicate(self):
                    raise AssertionError(f"did not stay so for {seconds:.0f} s: {says}\n{self.explain()}")
                self.world.changed.wait(left)

    def _wait(self, predicate: Callable[[], bool], timeout: float, says: str, unless: Predicate | None = None) -> None:
        deadline = time.monotonic() + timeout
        changed = self.world.changed
        with changed:
            while not predicate():
                vain = unless is not None and self.current and unless(self)
                left = deadline - time.monotonic()
                if vain or left <= 0 or not changed.wait(left):
                    if predicate():
                        return
                    why = "the opposite happened" if vain else f"not within {timeout:.0f} s"
                    raise AssertionError(f"waited for: {says}; {why}\n{self.explain()}")

    def explain(self) -> str:
        """Everything that tells why a story went another way."""
        return self.world.explain(self.namespace, self.body)

    def states(self) -> list[State]:
        """Every state of the object since it was made."""
        return self.world.rollouts.states(self.namespace, self.name)

    def statuses(self) -> list[Status]:
        """Every status that was ever written, in order."""
        return [ModelRollout.from_json(state.body).status for state in self.states()]

    def weights(self, version: str) -> list[float]:
        """The weights of a version under trial as the statuses tell them: each change once, in order."""
        arms = [arm for status in self.statuses() if (arm := status.arm(version)) is not None]
        return changes(arm.weight for arm in arms)

    def routes(self, split: str = EVERYBODY) -> list[tuple[float, Weights]]:
        """The weights of a split in the VirtualService: when heard of, percent by version, each change once."""
        found: list[tuple[float, Weights]] = []
        for state in self.world.virtual_services.states(self.namespace, self.name):
            weights = {} if state.gone else weights_of(state.body, split)
            if not found or found[-1][1] != weights:
                found.append((state.at, weights))
        return found

    def route(self, split: str = EVERYBODY) -> Weights:
        """The weights of a split in the VirtualService as they are."""
        routes = self.routes(split)
        return routes[-1][1] if routes else {}

    def times_routed(self, weights: Weights) -> int:
        """How often the route came to have these weights."""
        return sum(seen == weights for _, seen in self.routes())

    def events(self, reason: str | None = None) -> list[Event]:
        """The Events about this rollout, the oldest first; all, or those with a reason."""
        about = f"involvedObject.kind=ModelRollout,involvedObject.name={self.name}"
        found = self.world.kubectl.list("events", self.namespace, fields=about)
        events = [Event(item["reason"], item["message"], item["type"]) for item in found]
        return [event for event in events if reason is None or event.reason == reason]

    def services(self) -> set[str]:
        """The names of the Services that lead to the model servers, all of the rollouts of the namespace."""
        newest = [states[-1] for states in self.world.services.in_namespace(self.namespace)]
        return {state.body["metadata"]["name"] for state in newest if not state.gone}

    def pods(self, version: str) -> list[Object]:
        """The pods of a version that are there now."""
        labels = f"modelrollout.dev/rollout={self.name},modelrollout.dev/version={version}"
        return self.world.kubectl.list("pods", self.namespace, labels)

    def pods_wanted(self, version: str) -> int:
        """How many pods of a version are there and not on their way out."""
        return sum("deletionTimestamp" not in pod["metadata"] for pod in self.pods(version))

    def incarnations(self, version: str) -> dict[str, int]:
        """For each pod of a version its unique id and how often its containers were restarted."""
        return {
            pod["metadata"]["uid"]: sum(item["restartCount"] for item in pod["status"].get("containerStatuses", ()))
            for pod in self.pods(version)
        }

    def told_to_go_at(self, version: str) -> float:
        """When the first pod of a version was told to go: seconds since the epoch, a whole number, rounded down.

        Raises ValueError when none was.
        """
        states = [state for states in self.world.pods.in_namespace(self.namespace) for state in states]
        metadata = [state.body["metadata"] for state in states]
        return min(
            # deletionTimestamp is the time at which the pod is killed at the latest.
            datetime.fromisoformat(item["deletionTimestamp"]).timestamp() - float(item["deletionGracePeriodSeconds"])
            for item in metadata
            if item["labels"].get("modelrollout.dev/version") == version and "deletionTimestamp" in item
        )

    def say(self, *words: str) -> str:
        """The product's own command line: `modelrollout WORDS`. What it printed.

        Raises AssertionError with its words when it ends with an error.
        """
        done = self.ask(*words)
        assert done.returncode == 0, f"`{' '.join(done.args)}` said: {done.stderr or done.stdout}"
        return done.stdout

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same, whatever exit code it ends with."""
        command = [str(Path(sys.executable).with_name("modelrollout")), *words]
        command += ["--namespace", self.namespace, "--kubeconfig", str(self.world.kubectl.kubeconfig)]
        return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def failed(rollout: Rollout) -> bool:
    """Whether the rollout came to rest without what was asked for."""
    return rollout.status.phase in (Phase.DEGRADED, Phase.INVALID)


def verdicts(status: Status) -> tuple[MetricStatus, ...]:
    """What is known of the metrics: of the versions under trial, or of the release that ended last."""
    return tuple(metric for arm in status.arms for metric in arm.metrics) or status.last_analysis


def changes(values: Iterable[T]) -> list[T]:
    """The values without those that are like the one before."""
    return [value for value, _ in groupby(values)]
