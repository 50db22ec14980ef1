"""A rollout on a real API server, with the operator's own decisions behind it.

The object, its annotation and its status are in the API server, where the command line finds them. What an operator
does between them is done here by ``decide`` on a ``World``: no pods, no mesh, no Prometheus.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from modelrollout.api.base import to_json
from modelrollout.resource.rollout import API_VERSION, COMMAND_ANNOTATION, KIND
from tests.apiserver import ApiServer
from tests.core.world import World

BEAT_SECONDS = 0.1


@dataclass
class Stage:
    """One rollout: the API server that has it, its name, and the world that it is in."""

    server: ApiServer
    namespace: str
    name: str
    world: World
    bad: dict[str, float] | None = None  # share of bad answers, by version

    @property
    def path(self) -> str:
        """The object's."""
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/modelrollouts/{self.name}"

    def create(self) -> Stage:
        """The object as a user applies it, with the status that the world has."""
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": self.world.spec,
        }
        answer = self.server.ask("POST", self.path.rpartition("/")[0], body)
        assert answer.status == 201, answer.message
        unseen = self.world.generation - self.world.status.observed_generation
        self.world.generation = self.read()["metadata"]["generation"]
        observed = self.world.generation - unseen
        self.world.status = self.world.status.model_copy(update={"observed_generation": observed})
        self.write_status()
        return self

    def read(self) -> Any:
        """The object."""
        answer = self.server.ask("GET", self.path)
        assert answer.status == 200, answer.message
        return answer.body

    def edit_model(self, **model: str) -> None:
        """The user edits ``spec.model``."""
        patch = {"spec": {"model": model}}
        answer = self.server.ask("PATCH", self.path, patch, content="application/merge-patch+json")
        assert answer.status == 200, answer.message

    def write_status(self) -> None:
        """The world's status in place of the one that is there, as the operator would write it."""
        body = {**self.read(), "status": to_json(self.world.status)}
        answer = self.server.ask("PUT", f"{self.path}/status", body)
        assert answer.status == 200, answer.message

    def delete(self) -> None:
        """Gone for the operator and for all who watch."""
        assert self.server.ask("DELETE", self.path).status == 200

    def beat(self, seconds: float) -> bool:
        """One pass of the operator, so many of the world's seconds after the last. False when the object is gone."""
        answer = self.server.ask("GET", self.path)
        if answer.status == 404:
            return False
        body = answer.body
        self.world.spec, self.world.generation = body["spec"], body["metadata"]["generation"]
        self.world.command = (body["metadata"].get("annotations") or {}).get(COMMAND_ANNOTATION)
        self.world.requests(int(100 * seconds), self.bad)
        self.world.step(seconds)
        status = to_json(self.world.status)
        if status != body.get("status"):
            # With the resourceVersion that was read: what has been edited meanwhile is seen in the next pass.
            answer = self.server.ask("PUT", f"{self.path}/status", {**body, "status": status})
            assert answer.status in (200, 404, 409), answer.message
        return True

    @contextmanager
    def operated(self, seconds: float = 2.0) -> Iterator[Stage]:
        """An operator passes every ``BEAT_SECONDS`` for as long as the block runs."""
        with passing(lambda: self.beat(seconds)):
            yield self


@contextmanager
def passing(beat: Callable[[], bool]) -> Iterator[None]:
    """An operator in the background, every ``BEAT_SECONDS``, for as long as the block runs and ``beat`` says True."""
    over = threading.Event()

    def run() -> None:
        while beat() and not over.wait(BEAT_SECONDS):
            pass

    thread = threading.Thread(target=run, name="operator")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
