"""docs/incidents.md has the sentences that people meet: what rollouts say in each phase is looked up there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelrollout.core.observation import LiveRoute, Refusal
from modelrollout.core.plan import Reason
from tests.cli import worlds
from tests.core import phases
from tests.core.phases import NEW
from tests.core.world import GOOD, World
from tests.strategies.test_ab_test import under_test

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "incidents.md").read_text()
OLD, OTHER = "1.0.1", "sha256:" + "b" * 64


def with_analysis(**analysis: Any) -> World:
    """Ten percent of the requests, judged by these settings."""
    world = phases.canary(phases.TEN, phases.FIFTY)
    return world.configure(analysis={**world.spec["analysis"], **analysis}).apply(version=NEW).run(20)


def undecided(policy: str) -> Callable[[], World]:
    """A step that asks for more requests than there are."""
    return lambda: with_analysis(minRequests=1_000_000, maxHold="2m", onTimeout=policy).run(300)


def blind_for_long() -> World:
    world = with_analysis(onBlind="Rollback", maxBlind="1m")
    world.away = "connection refused"
    return world.run(120)


def seen(world: World, version: str, **changes: Any) -> World:
    """A version runs otherwise, and a pass sees it."""
    world.workloads[version] = replace(world.workloads[version], **changes)
    world.autoload = False
    world.step(1)
    return world


def another_digest(world: World, version: str) -> World:
    return seen(world, version, digests=(*world.workloads[version].digests, OTHER))


def edited(world: World, **parts: Any) -> World:
    world.configure(**parts).step(1)
    return world


def named(world: World, version: str, **model: str) -> World:
    world.apply(version=version, **model).step(1)
    return world


def loads_slowly() -> World:
    world = edited(phases.loading(), validation={"infrastructure": {"maxLoadTime": "10s"}})
    return seen(world, NEW, loading_since=world.now - 15, waiting="the model is being loaded")


def unsent() -> World:
    world = phases.canary(phases.TEN).configure(validation={"samples": {"configMap": "samples"}})
    world.probed = replace(GOOD, unsent="ConfigMap samples is missing or empty")
    return world.apply(version=NEW).run(20)


def of_somebody_else() -> World:
    world = phases.at_a_clock()
    world.live_route_override = LiveRoute(None, frozenset(), foreign_owner="VirtualService of Helm")
    return world.run(60)


def unchecked() -> World:
    world = phases.canary(phases.TEN)
    world.refusal = Refusal(Reason.NOT_CHECKED, "the spec could not be checked, trying again: no answer yet")
    return named(world, NEW)


def refused_third() -> World:
    world = phases.at_a_clock()
    world.refusal = Refusal(Reason.FOREIGN_HOST, "fraud.example.com is taken")
    return named(world, "1.2.3").run(60)


def lowered() -> World:
    world = phases.at_a_clock()
    world.command = f"lower {NEW} t 3"
    world.step(1)
    return world


MET: dict[str, tuple[Callable[[], World], str]] = {  # what goes on, and the words that stay the same
    "it begins": (worlds.two_loading, "release of … started"),
    "it is loaded": (phases.loading, "is being fetched and loaded"),
    "no pod is made": (
        lambda: seen(phases.loading(), NEW, waiting="its pods cannot be created: exceeded quota"),
        "its pods cannot be created: ",
    ),
    "the version before drains": (worlds.superseded, "is next"),
    "nobody can check the spec": (unchecked, "the spec could not be checked, trying again: "),
    "a step": (worlds.releasing, "step 1 of 2: "),
    "a clock": (phases.at_a_clock, "step 1 is held for "),
    "no requests": (lambda: phases.at_a_clock().run(60, rate=0), "no request to the candidate since "),
    "a person is asked": (phases.awaiting, "AwaitingApproval"),
    "a person holds it": (phases.paused, "paused by "),
    "a person lowered it": (lowered, "lowered to "),
    "undecided": (undecided("Pause"), "undecided for maxHold "),
    "undecided, and taken back": (undecided("Rollback"), "onTimeout is Rollback"),
    "blind": (phases.blind, "no sample since "),
    "blind for long": (lambda: phases.blind().run(1000, tick=20), "paused after maxBlind "),
    "blind for long, and taken back": (blind_for_long, "and onBlind is Rollback"),
    "smoke requests": (phases.smoking, "smoke requests to green are under way"),
    "a test": (lambda: under_test("1.2.3").run(30), "nothing is decided: "),
    "a bake": (phases.baking, "Baking"),
    "aborted": (worlds.taken_back, "aborted by "),
    "rolled back": (worlds.proven_worse, "was rolled back: "),
    "not fetched": (worlds.unfetched, "it cannot be served: "),
    "slow to load": (loads_slowly, "after its server was started, maxLoadTime is "),
    "not asked": (unsent, "Validating"),
    "not asked for long": (lambda: unsent().run(130), "of being ready: the samples could not be sent: "),
    "another model": (lambda: another_digest(phases.at_a_clock(), NEW), "its model changed at "),
    "another model serves": (
        lambda: another_digest(phases.canary(phases.TEN), OLD),
        "serves another model than the version was released with: ",
    ),
    "stable is gone": (lambda: seen(phases.canary(phases.TEN), OLD, ready=0, waiting="it crashed"), "is ready: "),
    "stable is gone in a release": (
        lambda: seen(phases.at_a_clock(), OLD, ready=0, waiting="it crashed"),
        "of the requests: ",
    ),
    "a lower version": (lambda: named(phases.canary(phases.TEN), "0.9.1"), "which serves, and never served here"),
    "an older run": (lambda: named(phases.canary(phases.TEN), "1.1.0"), "the run is an older one"),
    "a number with other files": (
        lambda: named(phases.canary(phases.TEN), OLD, digest=OTHER),
        "is already known with digest ",
    ),
    "another strategy": (
        lambda: edited(phases.at_a_clock(), strategy={"blueGreen": {}}),
        "spec.strategy: cannot change from ",
    ),
    "somebody else's route": (of_somebody_else, "held: the VirtualService of this name belongs to "),
    "too few requests": (lambda: with_analysis(minRequests=1_000_000).run(40), "held: needs minRequests "),
    "a spec that is refused meanwhile": (refused_third, "now, and cannot be accepted"),
}


@pytest.mark.parametrize(("world", "words"), MET.values(), ids=MET)
def test_what_is_met_is_on_the_page(world: Callable[[], World], words: str) -> None:
    status = world().status
    pattern = ".*".join(map(re.escape, words.split("…")))
    assert re.search(pattern, f"{status.phase.value}: {status.message}"), status.message
    assert words in PAGE


SAID = (  # by code that no world of the core runs
    "the query is wrong, so the release does not begin: ",
    "to compare with",
    "held: stable has no record of ",
    " is already routed by ",
    ": Prometheus refuses ",
    "the uri of a version that serves can only change with its digest: set digest to ",
    "the model's name cannot change; make another ModelRollout for another model",
    "and more since stable's bad answers come in bursts)",
    "Prometheus has no sample of ",
    " of any version: nobody was asked yet, or its labels are others; see ",
    "spec.serving: this installation runs no image ",
    " ended with exit code ",
    " is outside of ",
    " is a base folder with ",
    " is no Service of namespace ",
    " a Service of namespace ",
    ", and the gateway mesh would take its requests from everybody; ",
)


def sources() -> str:
    """All that can say something, with each text that is broken into several lines in one."""
    files = [*sorted((ROOT / "operator").rglob("*.py")), *sorted((ROOT / "charts").rglob("*.yaml"))]
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(file.read_text() for file in files))


SOURCES = sources()


@pytest.mark.parametrize("words", SAID)
def test_what_is_said_elsewhere_is_on_the_page_as_the_code_has_it(words: str) -> None:
    for part in words.split("held: "):  # that is put in front of it
        assert part in SOURCES
    assert words in PAGE


def accepted(world: World) -> str:
    return next(item.status for item in world.status.conditions if item.type == "Accepted")


def test_a_refusal_has_the_phase_invalid_only_at_rest() -> None:
    under_way = edited(phases.at_a_clock(), strategy={"blueGreen": {}})
    assert (under_way.status.phase.value, accepted(under_way)) == ("Progressing", "False")
    at_rest = named(phases.canary(phases.TEN), OLD, digest=OTHER)
    assert (at_rest.status.phase.value, accepted(at_rest)) == ("Invalid", "False")
    assert "the phase stays the release's" in PAGE
