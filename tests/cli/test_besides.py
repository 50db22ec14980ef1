"""What is told beside the sentence of a rollout, by ``get`` and at the end of ``wait``: a rollout may be Healthy, and
nobody can resolve its host, or what somebody edited holds for no pod that there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelrollout.cli.besides import besides
from modelrollout.cli.outcome import Exit, Wanted, outcome
from modelrollout.cli.render_alerts import alerts
from modelrollout.cli.text import plain
from modelrollout.cli.view import View
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from tests.cli.worlds import CANDIDATE, STABLE, installed, loading, unfetched
from tests.core import phases
from tests.core.world import World

NO_SERVICE = "spec.traffic.hosts: there is no Service fraud in prod, so callers in the mesh cannot resolve that host"


def without_a_service() -> World:
    """Found when the spec was accepted."""
    world = installed()
    world.unresolved = (Refusal(Reason.HOST_WITHOUT_SERVICE, NO_SERVICE),)
    world.configure().step(1)
    return world


def with_another_image() -> World:
    """Its pods stay as they were made."""
    world = installed()
    seen = world.workloads[STABLE]
    world.configure(serving={**world.spec["serving"], "image": "tensorflow/serving:9"})
    world.workloads[STABLE] = replace(seen, settings="0" * 16)
    world.step(1)
    return world


def with_an_image_that_is_not_there() -> World:
    """The sentence of the rollout says it."""
    world = loading()
    words = 'image "tensorflow/serving:2.19.1" cannot be pulled: not found'
    world.workloads["1.1.2"] = replace(world.workloads["1.1.2"], waiting=words)
    world.step(1)
    return world


TOLD: dict[str, tuple[Callable[[], World], list[str]]] = {
    "nothing": (installed, []),
    "a host that nobody resolves": (without_a_service, [NO_SERVICE]),
    "an edit for the next version": (with_another_image, [f"the pods of {STABLE} stay as they were made: "]),
    "what the sentence says already": (with_an_image_that_is_not_there, []),
}


@pytest.mark.parametrize(("world", "told"), TOLD.values(), ids=TOLD)
def test_what_is_told(world: Callable[[], World], told: list[str]) -> None:
    found = list(besides(world().status))
    assert len(found) == len(told)
    assert all(words.startswith(begins) for words, begins in zip(found, told, strict=True))


@pytest.mark.parametrize("world", [without_a_service, with_another_image], ids=["host", "edit"])
def test_who_looks_and_who_waits_is_told(world: Callable[[], World]) -> None:
    rollout = world().rollout
    words = next(besides(rollout.status))
    assert f"! {words}" in [plain(content) for content in alerts(View(rollout, 0.0, ()))]
    end = outcome(rollout, Wanted(STABLE))
    assert end is not None
    assert end.code is Exit.SERVES
    assert end.message == f"{STABLE} serves: {STABLE} serves all requests; {words}"


def slow() -> World:
    """It had its time, and that may be corrected, too."""
    world = loading()
    changes = {"waiting": "the model is being loaded", "at_work_since": world.now}
    world.workloads[CANDIDATE] = replace(world.workloads[CANDIDATE], **changes)  # type: ignore[arg-type]
    return world.run(1000, tick=10)


@pytest.mark.parametrize("given", [unfetched, slow])
def test_what_a_correction_alone_tries_again_is_not_said_to_be_quarantined(given: Callable[[], World]) -> None:
    """The sentence says that it is tried again, and the line under it said that it is not."""
    world = given()
    [failed] = world.status.quarantined
    assert failed.tried is not None
    told = [plain(one) for one in alerts(View(world.rollout, world.now))]
    assert [one for one in told if "a corrected spec is tried again" in one]
    assert not [one for one in told if "quarantined" in one]
    end = outcome(world.rollout, Wanted(CANDIDATE))
    assert end is not None
    assert end.message.endswith("and it is tried again")


def test_what_holds_a_release_names_the_command_as_it_is_typed() -> None:
    world = phases.at_a_clock()
    world.command = f"lower {phases.NEW} t1 5"
    world.step(1)
    told = [plain(one) for one in alerts(View(world.rollout, world.now))]
    assert any("modelrollout resume fraud -n prod goes on" in line for line in told), told
