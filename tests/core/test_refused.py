"""What the API server does not take (a quota, a policy, a template that is not valid, an object of somebody else's) is
the cluster's or the spec's, and never a version's: it is told with the way out, and tried again by itself."""

from __future__ import annotations

from dataclasses import replace

from modelrollout.api.status import Phase
from modelrollout.core.observation import Workload
from modelrollout.core.plan import Reason
from tests.core import phases
from tests.core.phases import NEW
from tests.core.world import CANARY, World

OLD = "1.0.1"
WORDS = "the API server refuses its objects: deployments.apps is forbidden: exceeded quota: models"
WAY_OUT = "mend that in the cluster, or correct the spec: it is tried again by itself"


def refused(world: World) -> World:
    """The next version's objects are, from the first try on."""
    world.workloads[NEW] = Workload(NEW, 1, 0, waiting=WORDS, refused=True)
    world.step(0.5)
    return world


def taken(world: World) -> World:
    """Somebody has mended it."""
    world.workloads.pop(NEW, None)
    world.autoload = True
    return world.run(15)


def test_it_is_told_with_the_way_out_while_it_is_waited_for() -> None:
    world = refused(phases.loading())
    assert (world.status.phase, world.status.message) == (Phase.PENDING, f"{NEW} cannot be made: {WORDS}; {WAY_OUT}")
    assert world.live == {OLD: 100}


def test_mended_in_the_cluster_the_release_goes_on() -> None:
    world = taken(refused(phases.loading()).run(60))
    assert world.live == {OLD: 90, NEW: 10}
    assert world.status.withheld == ()


def test_for_longer_than_load_timeout_it_is_taken_back_and_nobody_is_blamed() -> None:
    world = refused(phases.loading()).run(130)
    assert world.status.quarantined == ()
    assert [(item.version, item.reason) for item in world.status.taken_back] == [(NEW, Reason.OBJECT_REFUSED)]
    assert world.status.message.startswith(f"{NEW} was not released: not ready within loadTimeout 2m: {WORDS}")
    assert f"Correct spec.model or spec.serving, and {NEW} is tried again" in world.status.message
    assert [item.version for item in world.status.identities] == [OLD], "it never was anything"


def test_after_that_a_correction_of_the_spec_needs_no_further_word() -> None:
    world = refused(phases.loading()).run(130)
    world.workloads.pop(NEW, None)
    world.run(60)
    assert world.status.trial is None
    world.configure(serving={"resources": {"limits": {"memory": "1Gi"}}, "drain": "10s", "loadTimeout": "2m"})
    assert taken(world).live == {OLD: 90, NEW: 10}


def test_an_edit_of_what_serves_that_is_refused_is_progressing_and_then_degraded() -> None:
    world = World.of(CANARY).installed()
    known = world.workloads[OLD]
    world.workloads[OLD] = replace(known, refused=True, waiting=WORDS)
    world.autoload = False
    world.step(1)
    said = f"{OLD} serves all requests; it is not as the spec has it: {WORDS}; {WAY_OUT}"
    assert (world.status.phase, world.status.message) == (Phase.PROGRESSING, said)
    world.run(130)
    assert (world.status.phase, world.status.message) == (Phase.DEGRADED, f"{said}; for longer than loadTimeout 2m")
    world.workloads[OLD] = known
    assert world.step(1).status.phase is Phase.HEALTHY


def test_a_version_that_has_requests_keeps_them_and_gets_no_more() -> None:
    """Pods that it needs for a larger share are not taken, for example."""
    world = phases.at_a_clock()
    world.workloads[NEW] = replace(world.workloads[NEW], refused=True, waiting=WORDS)
    world.autoload = False
    world.run(120)
    assert world.live == {OLD: 90, NEW: 10}
    assert world.status.withheld == ()
    assert WORDS in world.status.message
