"""Rollouts in the situations that the command line meets, made by the operator's own decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import yaml

from modelrollout.api.command import Verb
from modelrollout.api.status import Phase
from modelrollout.cli.request import prepare
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World

APPROVAL = CANARY.replace("{setWeight: 50, for: 30s}", "{approval: {}}, {setWeight: 50, for: 30s}")
STABLE, CANDIDATE, THIRD = "1.0.1", "1.1.2", "1.2.3"
SIDE_BY_SIDE: dict[str, Any] = {
    "split": {
        "weight": 60,
        "versions": [
            {"version": CANDIDATE, "uri": "pvc://models/fraud/2", "weight": 30},
            {"version": THIRD, "uri": "pvc://models/fraud/3", "weight": 10},
        ],
    }
}
"""A strategy with two versions beside the stable one."""


def first_version() -> World:
    """The first version of all is being loaded."""
    world = World.of(CANARY)
    world.autoload = False
    world.step()
    world.step(1.0)
    return world


def first_version_paused() -> World:
    """The first version of all has come up, and a person holds it."""
    world = carried_out(first_version(), Verb.PAUSE)
    world.autoload = True
    return world.run(30.0)


def installed() -> World:
    """The first version serves."""
    return World.of(CANARY).installed()


def applied(world: World, version: str = CANDIDATE) -> World:
    """The spec names another version; the operator has not seen it yet."""
    return world.apply(version=version, uri=f"pvc://models/fraud/{version}")


def loading() -> World:
    """The candidate is being loaded."""
    world = installed()
    world.autoload = False
    applied(world).step(1.0)
    world.step(1.0)
    return world


def releasing() -> World:
    """The candidate has 10 % of the requests."""
    return applied(installed()).run(15.0)


def approving() -> World:
    """The candidate has 10 %, and a person is asked."""
    return applied(World.of(APPROVAL).installed()).run(60.0)


def baking() -> World:
    """The candidate has nearly all requests and is watched."""
    baked = CANARY.replace("for: 30s}]}}", "for: 30s}], bake: 5m}}")
    world = applied(World.of(baked).installed()).run(120.0)
    assert world.status.phase is Phase.BAKING
    return world


def paused() -> World:
    """A person holds the candidate at 10 %."""
    return carried_out(releasing(), Verb.PAUSE)


def paused_above_an_approval() -> World:
    """A person holds the candidate at 10 %, where another person is asked."""
    return carried_out(approving(), Verb.PAUSE)


def quarantined() -> World:
    """The candidate was aborted, held to blame, and has drained."""
    return carried_out(releasing(), Verb.ABORT_QUARANTINE).run(15.0)


def taken_back() -> World:
    """The candidate was aborted and has drained."""
    return carried_out(releasing(), Verb.ABORT).run(15.0)


def kept_before() -> World:
    """The candidate was promoted, and the version before is kept."""
    world = installed().configure(rollback={"keepPrevious": "1h"})
    return applied(world).run(120.0)


def proven_worse() -> World:
    """The candidate was rolled back by the evidence."""
    return releasing().run(20.0, bad={CANDIDATE: 0.5})


def promoted() -> World:
    """The candidate serves all requests, and the live route is seen to be so."""
    world = carried_out(releasing(), Verb.PROMOTE_FULL)
    world.step(0.5)
    return world


def two_loading() -> World:
    """Two versions are being loaded, to serve beside the stable one."""
    world = World(spec=yaml.safe_load(CANARY) | {"strategy": SIDE_BY_SIDE})
    while world.status.stable is None:
        world.step(2.0)
    world.autoload = False
    world.step(2.0)
    return world


def side_by_side() -> World:
    """Two versions serve beside the stable one, for good."""
    return World(spec=yaml.safe_load(CANARY) | {"strategy": SIDE_BY_SIDE}).installed().run(30.0)


def one_of_two_paused() -> World:
    """A person holds the second of them."""
    return carried_out(side_by_side(), Verb.PAUSE, version=THIRD)


def one_of_two_aborted() -> World:
    """The second of them was aborted and quarantined."""
    world = carried_out(side_by_side(), Verb.ABORT_QUARANTINE, version=THIRD)
    world.step(0.5)
    return world


def gone_on_to_another() -> World:
    """The spec names a third version after the candidate was aborted."""
    return applied(quarantined(), THIRD)


def superseded() -> World:
    """The spec named a third version in the middle of the release, and the operator has seen it."""
    world = applied(releasing(), THIRD)
    world.step(1.0)
    world.step(0.5)
    return world


def refused() -> World:
    """The spec names a candidate with an unknown scheme, and the operator has seen it."""
    world = installed().apply(version=CANDIDATE, uri="ftp://models/fraud/2")
    world.step(1.0)
    return world


def refused_by_the_cluster() -> World:
    """The spec names a candidate and a host that somebody else has, and the operator has seen it."""
    world = applied(installed())
    world.refusal = Refusal(Reason.HOST_TAKEN, "fraud.example.com is taken")
    world.step(1.0)
    return world


def unfetched() -> World:
    """There is no model where the spec has the candidate's."""
    world = loading()
    words = "pvc://models/fraud/1.1.2: there is no such folder on the volume (spec.model.uri)"
    world.workloads[CANDIDATE] = replace(world.workloads[CANDIDATE], failure=words, of_model=True, unfetched=True)
    world.step(1.0)
    world.step(0.5)
    return world


def carried_out(world: World, verb: Verb, note: str = "", version: str | None = None) -> World:
    """The world after a command."""
    world.command = prepare(verb, world.rollout, "t1", note, version).render()
    world.step(1.0)
    return world
