"""Whose failure it is. In every phase requests leave a version without ready pods; who is blamed is another question:
the version alone for what its server did twice or said of its model, and nobody while stable fares no better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.observation import Workload
from modelrollout.core.plan import Reason
from tests.core import phases
from tests.core.phases import NEW
from tests.core.world import World

OLD = "1.0.1"
ONCE = "container serving ended with exit code 139: Error; it is started again"
TWICE = "container serving ended with exit code 139: Error"
LOAD_ERROR = "Failed to start server. Error: 1 servable(s) did not become available"

WITH_SHARE: dict[str, Callable[[], World]] = {name: phase for name, (phase, _) in phases.WITH_A_PART.items()}
AT_ZERO: dict[str, Callable[[], World]] = {
    "while it is loaded": phases.loading,
    "before its smoke requests": phases.smoking,
    "before a person lets it begin": lambda: phases.released({"approval": {}}, phases.TEN, seconds=30),
}
EVERYWHERE = WITH_SHARE | AT_ZERO


def edit(world: World, version: str, **changes: object) -> Workload:
    """A version runs otherwise from now on."""
    before = world.workloads[version]
    world.workloads[version] = replace(before, **changes)  # type: ignore[arg-type]
    world.autoload = False
    return before


@pytest.mark.parametrize("phase", EVERYWHERE.values(), ids=EVERYWHERE)
def test_both_servers_die_at_one_moment_and_nobody_is_blamed(phase: Callable[[], World]) -> None:
    """A node is started again."""
    world = phase()
    route = world.live
    before = [edit(world, version, ready=0, waiting=ONCE) for version in (OLD, NEW)]
    for _ in range(20):
        world.step(1)
    assert world.live == route, "nobody would answer anywhere else either"
    assert world.status.withheld == ()
    for version, known in zip((OLD, NEW), before, strict=True):
        world.workloads[version] = replace(known, ready=1)
    world.step(1)
    assert [arm.version for arm in world.status.arms] == [NEW], "it goes on"


@pytest.mark.parametrize("phase", WITH_SHARE.values(), ids=WITH_SHARE)
def test_where_stable_is_back_first_it_gets_the_requests_and_nobody_is_blamed(phase: Callable[[], World]) -> None:
    """Requests are not kept for pods that may take minutes to load, and what happened is said as it was."""
    world = phase()
    stable, _ = [edit(world, version, ready=0, waiting="the model is being loaded") for version in (OLD, NEW)]
    world.step(1)
    world.workloads[OLD] = replace(stable, ready=1)
    world.step(1)
    assert world.live == {OLD: 100}
    assert world.status.quarantined == ()
    [taken] = world.status.taken_back
    assert f"pods of {OLD} were missing as well and are back first, which is no fault of the model" in taken.message


@pytest.mark.parametrize("phase", WITH_SHARE.values(), ids=WITH_SHARE)
def test_while_both_crash_again_and_again_it_is_what_they_share(phase: Callable[[], World]) -> None:
    world = phase()
    edit(world, OLD, ready=0, failure=TWICE)
    edit(world, NEW, ready=0, failure=TWICE)
    for _ in range(20):
        world.step(1)
    assert world.status.withheld == ()
    assert world.status.phase is Phase.DEGRADED


@pytest.mark.parametrize("phase", WITH_SHARE.values(), ids=WITH_SHARE)
def test_while_stable_was_only_moved_a_version_that_crashes_again_and_again_is_to_blame(
    phase: Callable[[], World],
) -> None:
    world = phase()
    edit(world, OLD, ready=0, displaced=True)
    edit(world, NEW, ready=0, failure=TWICE)
    world.step(1)
    assert [item.version for item in world.status.quarantined] == [NEW]


def test_while_stable_crashes_a_fix_that_cannot_be_loaded_is_known_at_once() -> None:
    """Its way out is another fix, and that must not wait."""
    world = phases.loading()
    edit(world, OLD, ready=0, failure=TWICE)
    edit(world, NEW, failure=LOAD_ERROR, of_model=True)
    world.step(1)
    assert [(item.version, item.reason) for item in world.status.quarantined] == [(NEW, Reason.LOAD_FAILED)]


@pytest.mark.parametrize("phase", WITH_SHARE.values(), ids=WITH_SHARE)
def test_once_is_taken_back_and_not_blamed(phase: Callable[[], World]) -> None:
    """Its servers end once and stable's do not: the requests leave at once all the same."""
    world = phase()
    edit(world, NEW, ready=0, waiting=ONCE)
    world.step(0.5)
    assert world.live == {OLD: 100}
    assert world.status.quarantined == ()
    assert [(item.version, item.reason) for item in world.status.taken_back] == [(NEW, Reason.CANDIDATE_LOST)]
    assert ONCE in world.status.taken_back[0].message


@pytest.mark.parametrize("phase", WITH_SHARE.values(), ids=WITH_SHARE)
def test_twice_is_blamed(phase: Callable[[], World]) -> None:
    world = phase()
    edit(world, NEW, ready=0, failure=TWICE)
    world.step(0.5)
    assert world.live == {OLD: 100}
    assert [(item.version, item.reason) for item in world.status.quarantined] == [(NEW, Reason.CANDIDATE_LOST)]


@pytest.mark.parametrize("phase", EVERYWHERE.values(), ids=EVERYWHERE)
def test_one_of_several_pods_that_restarts_once_is_waited_for(phase: Callable[[], World]) -> None:
    world = phase()
    route = world.live
    edit(world, NEW, desired=3, ready=2, waiting=ONCE)
    for _ in range(5):
        world.step(1)
    assert world.status.withheld == ()
    assert world.live == route


def test_a_store_that_is_away_when_a_pod_moves_is_no_fault_of_a_version_that_came_up() -> None:
    world = phases.released({"approval": {}}, phases.TEN, seconds=30)
    edit(world, NEW, ready=0, failure="connection refused", of_model=True, unfetched=True)
    world.run(1200)
    assert world.status.withheld == ()
    assert "connection refused" in world.status.message


def out_of_time(**seen: object) -> World:
    """Not ready within loadTimeout, and this is what is seen of it."""
    world = phases.loading()
    edit(world, NEW, **seen)
    return world.run(130)


def test_no_node_with_room_is_no_fault_of_the_version() -> None:
    world = out_of_time(waiting="no node for it: 0/3 nodes are available: 3 Insufficient memory")
    assert world.status.quarantined == ()
    assert [(item.version, item.reason) for item in world.status.taken_back] == [(NEW, Reason.LOAD_TIMEOUT)]
    assert world.status.message.startswith(
        f"{NEW} was not released: not ready within loadTimeout 2m: no node for it: 0/3 nodes are available"
    )
    assert f"Correct spec.model or spec.serving, and {NEW} is tried again" in world.status.message


def test_a_correction_of_the_spec_needs_no_further_word() -> None:
    """An image that does not exist, for example."""
    world = out_of_time(waiting="container serving: ImagePullBackOff: not found")
    world.run(60)
    assert world.status.trial is None
    world.workloads.pop(NEW, None)
    world.autoload = True
    world.configure(serving={"image": "tensorflow/serving:9", "drain": "10s", "loadTimeout": "2m"}).run(5)
    assert [arm.version for arm in world.status.arms] == [NEW]
    assert world.run(300).status.phase is Phase.HEALTHY


NUMBERS: dict[str, dict[str, object]] = {  # of spec.serving, which replace no pod, and are the way out all the same
    "more time": {"loadTimeout": "10m"},
    "fewer pods": {"replicas": 1},
}


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("refused", [False, True], ids=["no node", "refused"])
def test_time_and_number_of_pods_are_a_correction_too(numbers: dict[str, object], refused: bool) -> None:
    world = phases.loading()
    before: dict[str, object] = {"drain": "10s", "loadTimeout": "2m", "replicas": 3}
    world.configure(serving=before).step(1)
    world.workloads[NEW] = replace(world.workloads[NEW], waiting="no node for it", refused=refused)
    world.run(130)
    assert [item.version for item in world.status.taken_back] == [NEW]
    world.workloads.pop(NEW, None)
    world.run(20)
    assert world.status.trial is None, "nothing was corrected"
    world.configure(serving={**before, "drain": "20s"}).run(5)
    assert world.status.trial is None, "that is said of versions that leave"
    world.configure(serving={**before, **numbers}).run(5)
    assert [arm.version for arm in world.status.arms] == [NEW]


def test_what_could_not_be_fetched_is_not_there_for_more_pods_either() -> None:
    """Somebody scales at night, and no release shall begin by it."""
    world = phases.loading()
    edit(world, NEW, failure="there is no such folder", of_model=True, unfetched=True)
    world.step(1)
    world.workloads.pop(NEW, None)
    world.configure(serving={"drain": "10s", "loadTimeout": "2m", "replicas": 5}).run(10)
    assert world.status.trial is None


def test_a_model_that_loads_for_too_long_is() -> None:
    world = out_of_time(waiting="the model is being loaded", at_work_since=0.0)
    assert [(item.version, item.reason) for item in world.status.quarantined] == [(NEW, Reason.LOAD_TIMEOUT)]


def test_the_time_to_load_begins_when_there_is_a_node() -> None:
    """One that had to be started first has taken nothing of it."""
    world = phases.loading()
    edit(world, NEW, waiting="no node for it")
    world.run(110)
    edit(world, NEW, waiting="the model is being loaded", at_work_since=world.now)
    world.run(110)
    assert world.status.withheld == ()
    world.run(20)
    assert [item.reason for item in world.status.quarantined] == [Reason.LOAD_TIMEOUT]


def test_a_server_that_was_told_something_wrong_is_put_right_by_the_spec() -> None:
    """An argument that it does not know is no fault of the model, as the spec alone can tell."""
    world = phases.loading()
    edit(world, NEW, failure="container serving ended with exit code 1: unknown argument: --nosuchflag=1")
    for _ in range(3):
        world.step(1)
    assert [(item.version, item.reason) for item in world.status.quarantined] == [(NEW, Reason.LOAD_FAILED)]
    world.run(120)
    assert world.status.message.endswith(
        f"Fix the model as a new version. Or correct spec.serving, and {NEW} is tried again; or mend it in the "
        "cluster, and say modelrollout retry fraud -n prod"
    )
    world.workloads.pop(NEW, None)
    world.autoload = True
    world.configure(analysis={"minRequests": 31}).run(10)
    assert not world.status.arms, "what is none of the server's business is no correction"
    world.configure(serving={"args": []}).run(10)
    assert not world.status.arms, "nor is what comes to the same"
    world.configure(serving={"args": ["--enable_batching"]}).run(10)
    assert [arm.version for arm in world.status.arms] == [NEW], "no further word is needed"
