"""wait: which ends it sees, and which exit code each of them has. The statuses are the operator's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelrollout.api.command import Verb
from modelrollout.api.route import EVERYBODY, Route, Split
from modelrollout.api.status import HistoryEntry, Phase
from modelrollout.cli.outcome import Exit, Wanted, describe_wait, outcome
from modelrollout.core.observation import LiveRoute
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import ModelRollout
from tests.cli.worlds import (
    CANDIDATE,
    STABLE,
    THIRD,
    applied,
    approving,
    carried_out,
    first_version,
    gone_on_to_another,
    installed,
    loading,
    one_of_two_aborted,
    one_of_two_paused,
    paused,
    promoted,
    proven_worse,
    quarantined,
    refused,
    refused_by_the_cluster,
    releasing,
    side_by_side,
    superseded,
    taken_back,
    two_loading,
    unfetched,
)
from tests.core.world import World

ITS_OWN = Wanted(CANDIDATE)
COMING = Wanted(CANDIDATE, may_come=True)

NOT_OVER = {
    "the operator has not seen the spec": (lambda: applied(installed()), ITS_OWN),
    "the first version is loaded": (first_version, Wanted(STABLE)),
    "it is being loaded": (loading, ITS_OWN),
    "it has a share of the requests": (releasing, ITS_OWN),
    "a person is asked": (approving, ITS_OWN),
    "a person holds it": (paused, ITS_OWN),
    "the spec does not name it yet": (installed, COMING),
    "another one is released": (gone_on_to_another, Wanted(THIRD)),
    "its share is not reached": (two_loading, COMING),
    "the others of the spec are being loaded": (two_loading, Wanted(None)),
    "another version was refused, while it may come": (refused_by_the_cluster, Wanted(THIRD, may_come=True)),
}


@pytest.mark.parametrize(("world", "wanted"), NOT_OVER.values(), ids=NOT_OVER.keys())
def test_is_not_over(world: Callable[[], World], wanted: Wanted) -> None:
    assert outcome(world().rollout, wanted) is None


OVER = {
    "installed": (installed, Wanted(STABLE), Exit.SERVES, "1.0.1 serves: 1.0.1 serves all requests"),
    "promoted": (promoted, ITS_OWN, Exit.SERVES, "1.1.2 serves"),
    "promoted, waited for by name": (promoted, COMING, Exit.SERVES, "1.1.2 serves"),
    "whatever the spec names": (promoted, Wanted(None), Exit.SERVES, "1.1.2 serves"),
    "it serves, and the next one is released": (releasing, Wanted(STABLE, may_come=True), Exit.SERVES, "1.0.1 serves"),
    "it has its share for good": (side_by_side, COMING, Exit.SERVES, "1.1.2 serves: shares as written: 1.0.1 60 %"),
    "all that the spec names have their shares": (side_by_side, Wanted(None), Exit.SERVES, "1.0.1 serves: shares as"),
    "it has its share though another is held": (one_of_two_paused, COMING, Exit.SERVES, "1.1.2 serves: "),
    "it has its share though another was aborted": (one_of_two_aborted, COMING, Exit.SERVES, "1.1.2 serves: "),
    "it was aborted, and another one has its share": (
        one_of_two_aborted,
        Wanted(THIRD, may_come=True),
        Exit.TAKEN_BACK,
        "1.2.3 is quarantined: Aborted: ",
    ),
    "one of all that the spec names was aborted": (
        one_of_two_aborted,
        Wanted(None),
        Exit.TAKEN_BACK,
        "1.2.3 is quarantined: Aborted: ",
    ),
    "proven worse": (proven_worse, ITS_OWN, Exit.TAKEN_BACK, "1.1.2 is quarantined: EvidenceAgainstCandidate: "),
    "taken back": (taken_back, ITS_OWN, Exit.TAKEN_BACK, "1.1.2 was taken back: aborted by a person"),
    "aborted": (quarantined, ITS_OWN, Exit.TAKEN_BACK, "1.1.2 is quarantined: Aborted: "),
    "superseded": (superseded, ITS_OWN, Exit.TAKEN_BACK, "1.1.2: Superseded: Superseded: the spec names 1.2.3 now"),
    "superseded, waited for by name": (superseded, COMING, Exit.TAKEN_BACK, "1.1.2: Superseded: "),
    "replaced before it began": (superseded, Wanted("1.1.9"), Exit.TAKEN_BACK, "1.1.9 gets no release: the spec names"),
    "the spec is refused": (refused, ITS_OWN, Exit.INVALID, "the spec was refused: spec.model.uri: "),
    "the spec is refused for what the cluster has": (
        refused_by_the_cluster,
        ITS_OWN,
        Exit.INVALID,
        "the spec was refused: fraud.example.com is taken",
    ),
    "there is no model where the spec says": (
        unfetched,
        ITS_OWN,
        Exit.INVALID,
        "1.1.2 was not fetched: it cannot be served: pvc://models/fraud/1.1.2: there is no such folder on the volume "
        "(spec.model.uri); correct spec.model, and it is tried again",
    ),
    "the spec cannot be read, so it may be the one": (refused, Wanted(THIRD, may_come=True), Exit.INVALID, "the spec"),
    "the spec is refused, whatever it names": (refused, Wanted(None), Exit.INVALID, "the spec was refused: "),
}


@pytest.mark.parametrize(("world", "wanted", "code", "sentence"), OVER.values(), ids=OVER.keys())
def test_is_over(world: Callable[[], World], wanted: Wanted, code: Exit, sentence: str) -> None:
    end = outcome(world().rollout, wanted)
    assert end is not None
    assert end.code is code
    assert end.message.startswith(sentence)


def spec_went_back(world: World) -> World:
    applied(world, STABLE)
    return world.run(15.0)


def known(world: World) -> tuple[HistoryEntry, ...]:
    return world.status.history


def test_a_spec_that_goes_back_to_stable_takes_the_release_back() -> None:
    end = outcome(spec_went_back(releasing()).rollout, ITS_OWN)
    assert end is not None
    assert end.code is Exit.TAKEN_BACK
    assert end.message.startswith("1.1.2: Aborted: ReturnedToStable: ")


def test_an_older_release_of_the_same_version_is_not_the_one_that_is_waited_for() -> None:
    world = spec_went_back(releasing())
    again = Wanted(CANDIDATE, known(world), may_come=True)
    assert outcome(world.rollout, again) is None
    applied(world).run(15.0)
    assert outcome(world.rollout, again) is None
    spec_went_back(world)
    assert outcome(world.rollout, again) is not None


def test_a_retry_that_is_on_its_way_is_no_end() -> None:
    world = proven_worse().run(15.0)
    world.command = f"retry {CANDIDATE} t9"
    assert outcome(world.rollout, ITS_OWN) is None
    carried_out(world, Verb.RETRY).run(30.0)
    assert world.weight > 0
    assert outcome(world.rollout, ITS_OWN) is None


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.ABORT_QUARANTINE])
def test_what_the_live_route_still_leads_to_has_not_ended(verb: Verb) -> None:
    world = releasing()
    assert world.route is not None
    refused = LiveRoute(world.route, world.route.versions, recovery=world.recovery, refused="a webhook says no")
    world.live_route_override = refused
    carried_out(world, verb).run(5.0)
    assert outcome(world.rollout, ITS_OWN) is None
    assert "the live route may still lead to 1.1.2: the VirtualService is refused: a" in describe_wait(world.status)
    world.live_route_override = None
    world.step(0.5)
    world.step(0.5)
    end = outcome(world.rollout, ITS_OWN)
    assert end is not None
    assert end.code is Exit.TAKEN_BACK


def test_who_left_long_ago_is_not_in_a_route_that_is_moved_now() -> None:
    """Its pods are kept for their logs, and every later release moves the route."""
    world = carried_out(releasing(), Verb.ABORT_QUARANTINE)
    assert "may still lead to 1.1.2" in describe_wait(world.status), "in the pass in which it leaves"
    world.run(60.0)
    assert [item.version for item in world.status.retiring] == [CANDIDATE]
    world.apply(version="1.2.3")
    moved = 0
    for _ in range(200):
        world.step(0.5)
        world.requests(50)
        said = describe_wait(world.status)
        moved += "the route is being moved" in str(world.status.conditions)
        assert "may still lead to 1.1.2" not in said
    assert moved


def conditions_of(world: World) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition."""
    return {item.type: (item.status, item.reason) for item in world.status.conditions}


def test_a_version_whose_route_is_refused_serves_nobody_yet() -> None:
    world = releasing()
    for _ in range(60):
        if world.status.stable is not None and world.status.stable.version == CANDIDATE:
            break
        world.run(5.0)
    assert world.route is not None
    before = Route(splits=(Split(name=EVERYBODY, shares={"1.0.1": 50, CANDIDATE: 50}),))
    refused = LiveRoute(before, before.versions, recovery=world.recovery, refused="a webhook says no")
    world.live_route_override = refused
    world.run(30.0)
    assert (world.status.phase, conditions_of(world)["Ready"]) == (Phase.DEGRADED, ("False", Reason.ROUTE_REFUSED))
    assert outcome(world.rollout, ITS_OWN) is None
    assert "and they go another way: the VirtualService is refused: a webhook says no" in describe_wait(world.status)
    assert world.plans[-1].requeue_after >= 0.5, "nothing can be removed, and nothing new comes of looking all the time"
    world.live_route_override = None
    world.run(10.0)
    end = outcome(world.rollout, ITS_OWN)
    assert end is not None
    assert end.code is Exit.SERVES


def test_an_edit_that_the_operator_has_not_seen_is_no_end() -> None:
    world = promoted()
    world.configure(serving={"replicas": 2})
    assert outcome(world.rollout, ITS_OWN) is None


def test_a_rollout_that_nobody_has_seen_is_no_end() -> None:
    rollout = ModelRollout.from_json(
        {"metadata": {"name": "fraud", "namespace": "prod", "uid": "u", "generation": 1}, "spec": World.of("{}").spec}
    )
    assert outcome(rollout, Wanted(None)) is None


def test_a_retry_of_another_that_is_on_its_way_is_no_end() -> None:
    world = one_of_two_aborted()
    world.command = f"retry {THIRD} t9"
    assert outcome(world.rollout, Wanted(None)) is None


def test_a_winner_of_several_leaves_the_others_taken_back() -> None:
    world = promoted()
    ended = {"version": THIRD, "outcome": "NotChosen", "reason": "Promoted", "message": "1.1.2 won"}
    times = {"started_at": world.now, "ended_at": world.now}
    lost = HistoryEntry.model_validate(ended | times)
    world.status = world.status.model_copy(update={"history": (*world.status.history, lost)})
    end = outcome(world.rollout, Wanted(THIRD, may_come=True))
    assert end is not None
    assert (end.code, end.message) == (Exit.TAKEN_BACK, "1.2.3: NotChosen: Promoted: 1.1.2 won")
    assert outcome(world.rollout, ITS_OWN) is not None


def test_progress_is_one_line() -> None:
    assert describe_wait(releasing().status).startswith(
        "Progressing, 1.1.2 at 10 %, step 1/2: 1.1.2 at 10 %: step 1 of 2"
    )
    assert describe_wait(installed().status) == "Healthy: 1.0.1 serves all requests"
    assert describe_wait(side_by_side().status).startswith("Healthy, 1.1.2 at 30 %, 1.2.3 at 10 %, step 1/1: shares as")
