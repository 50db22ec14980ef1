"""In which order a plan goes into the cluster: what is safe for traffic comes first, and the memory before the tale."""

from __future__ import annotations

import json
from dataclasses import replace

import aiohttp
import pytest

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    EVENTS,
    MODEL_ROLLOUTS,
    VIRTUAL_SERVICES,
    ApiError,
    Cluster,
    Conflict,
    Object,
    Resource,
)
from modelrollout.api.match import RequestMatch
from modelrollout.api.route import EVERYBODY, MATCHED, Route, Split
from modelrollout.api.status import Retiring, VersionStatus
from modelrollout.core.observation import SETTLE_SECONDS
from modelrollout.core.plan import DesiredVersion, Event, Plan, Reason, Recovery
from modelrollout.manifests.istio import live_route
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.apply import apply
from modelrollout.runtime.world import Snapshot
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage, play

pytestmark = pytest.mark.apiserver

OLD, NEW = "1.0.1", "1.0.2"


def shares(weights: dict[str, int]) -> Route:
    """Everybody's requests by version; those of weight 0 are deployed and have none."""
    given = {version: weight for version, weight in weights.items() if weight}
    return Route(splits=(Split(name=EVERYBODY, shares=given),))


async def plan(
    stage: Stage,
    weights: dict[str, int],
    *,
    route: Route | None = None,
    splits: tuple[str, ...] = (EVERYBODY,),
    replicas: int = 1,
    events: tuple[Event, ...] = (),
) -> Plan:
    """These versions deployed, and this route: everybody's by weight, or another. The old one is the control."""
    rollout, _ = await seen(stage)
    assert isinstance(rollout.spec, Spec)
    versions = tuple(
        DesiredVersion(name, f"https://models.example.com/{name}.tar.gz", None, replicas, splits) for name in weights
    )
    return Plan(
        status=rollout.status.model_copy(update={"message": f"weights {weights}"}),
        spec=rollout.spec,
        versions=versions,
        route=route or shares(weights),
        recovery=Recovery(OLD),
        events=events,
    )


async def seen(stage: Stage) -> tuple[ModelRollout, Snapshot]:
    snapshot = await stage.world.look(stage.key)
    assert snapshot.rollout is not None
    return ModelRollout.from_json(snapshot.rollout), snapshot


async def settled(stage: Stage, wanted: Plan) -> None:
    """A plan that was carried out long ago: the mesh knows its Services."""
    await carry_out(stage, wanted)
    stage.clock.skipped += 2 * SETTLE_SECONDS


async def carry_out(stage: Stage, wanted: Plan) -> bool:
    snapshot = await stage.world.look(stage.key)
    assert snapshot.rollout is not None
    stage.writes.clear()
    return await apply(ModelRollout.from_json(snapshot.rollout), wanted, snapshot, stage.reconciler.applier)


MOVES: dict[str, tuple[dict[str, int], dict[str, int], list[str]]] = {
    "the first route: when everything stands": (
        {},
        {OLD: 100},
        ["services", "deployments", "virtualservices", "status"],
    ),
    "traffic to the candidate: after its objects": (
        {OLD: 100, NEW: 0},
        {OLD: 90, NEW: 10},
        ["deployments", "deployments", "virtualservices", "status"],
    ),
    "traffic away from it: before anything else": (
        {OLD: 90, NEW: 10},
        {OLD: 100, NEW: 0},
        ["virtualservices", "deployments", "deployments", "status"],
    ),
    "all of it away, after a switch": (
        {OLD: 0, NEW: 100},
        {OLD: 100, NEW: 0},
        ["virtualservices", "deployments", "deployments", "status"],
    ),
    "some of it away": (
        {OLD: 50, NEW: 50},
        {OLD: 90, NEW: 10},
        ["virtualservices", "deployments", "deployments", "status"],
    ),
}


@pytest.mark.parametrize(("before", "after", "order"), MOVES.values(), ids=MOVES)
def test_the_order_of_writes(
    kubernetes: Kubernetes, before: dict[str, int], after: dict[str, int], order: list[str]
) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        if before:
            await settled(stage, await plan(stage, before))
        await carry_out(stage, await plan(stage, after, replicas=2))
        assert stage.writes == order
        assert await stage.weights() == {
            f"fraud-{name.replace('.', '-')}": weight for name, weight in after.items() if weight
        }

    play(kubernetes, story)


def test_traffic_is_taken_away_although_the_workloads_are_refused(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        await carry_out(stage, await plan(stage, {OLD: 90, NEW: 10}))
        away = await plan(stage, {OLD: 100, NEW: 0})
        assert away.spec is not None
        broken = away.spec.serving.model_copy(update={"template": {"spec": {"noSuchField": True}}})
        wrong = replace(away, spec=away.spec.model_copy(update={"serving": broken}))
        await carry_out(stage, wrong)
        assert await stage.weights() == {"fraud-1-0-1": 100}
        assert {version for (_, version) in stage.reconciler.applier.refused} == {OLD, NEW}

    play(kubernetes, story)


@pytest.mark.parametrize(
    ("weights", "refused"),
    [
        pytest.param({OLD: 50, NEW: 50}, True, id="more traffic only for what was seen"),
        pytest.param({OLD: 100, NEW: 0}, False, id="less traffic whatever has changed"),
    ],
)
def test_a_route_that_has_changed_since_it_was_seen(
    kubernetes: Kubernetes, weights: dict[str, int], refused: bool
) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        await carry_out(stage, await plan(stage, {OLD: 90, NEW: 10}))
        wanted = await plan(stage, weights)
        live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, "fraud")
        assert live is not None
        live["metadata"]["annotations"]["somebody"] = "was here"
        await stage.cluster.replace(VIRTUAL_SERVICES, live)
        if refused:
            with pytest.raises(Conflict):
                await carry_out(stage, wanted)
        else:
            await carry_out(stage, wanted)
        assert (await stage.weights()).get("fraud-1-0-2", 0) == (10 if refused else 0)

    play(kubernetes, story)


TOLD = (Event(Reason.WEIGHT_CHANGED, "1.0.2: 0 % -> 10 %"),)


async def told(stage: Stage) -> list[Object]:
    """The Events about the rollout. The API server posts its own, about Services' addresses, when it is busy."""
    events = await stage.cluster.list(EVENTS, stage.namespace)
    return [item for item in events if item["involvedObject"]["kind"] == "ModelRollout"]


def test_nothing_is_told_that_is_not_stored(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        wanted = await plan(stage, {OLD: 100}, events=TOLD)
        snapshot = await stage.world.look(stage.key)
        outdated = ModelRollout.from_json(snapshot.rollout or {})
        live = await stage.cluster.get(MODEL_ROLLOUTS, stage.namespace, "fraud")
        assert live is not None
        live["spec"]["serving"] = {"replicas": 2}
        await stage.cluster.replace(MODEL_ROLLOUTS, live)
        with pytest.raises(Conflict):
            await apply(outdated, wanted, snapshot, stage.reconciler.applier)
        assert await told(stage) == []
        assert "message" not in (await stage.status())

    play(kubernetes, story)


def test_what_is_stored_is_told(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        created = await stage.submit(OLD)
        await carry_out(stage, await plan(stage, {OLD: 100}, events=TOLD))
        (event,) = await told(stage)
        assert (event["reason"], event["message"], event["type"]) == ("WeightChanged", "1.0.2: 0 % -> 10 %", "Normal")
        assert event["involvedObject"]["uid"] == created["metadata"]["uid"]
        assert stage.writes[-2:] == ["status", "events"]

    play(kubernetes, story)


FAULTS: dict[str, tuple[Exception, bool]] = {
    "the connection dropped": (aiohttp.ServerDisconnectedError(), True),
    "no answer in time": (TimeoutError(), True),
    "an API server that is not well": (ApiError(503, "no leader"), True),
    "one that will never take it": (ApiError(403, "the namespace is being terminated"), False),
}


@pytest.mark.parametrize(("fault", "told_later"), FAULTS.values(), ids=FAULTS)
def test_what_could_not_be_told_is_told_by_the_next_pass(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch, fault: Exception, told_later: bool
) -> None:
    """The status says it already, so nobody would say it again; and nothing else of the pass waits for it."""
    faults, create = [fault], Cluster.create

    async def failing(cluster: Cluster, resource: Resource, body: Object) -> Object:
        if resource is EVENTS and faults:
            raise faults.pop()
        return await create(cluster, resource, body)

    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        monkeypatch.setattr(Cluster, "create", failing)
        assert await carry_out(stage, await plan(stage, {OLD: 100}, events=TOLD)) is not told_later
        assert await told(stage) == []
        second = Event(Reason.PROMOTED, "1.0.2 serves")
        assert await carry_out(stage, await plan(stage, {OLD: 100}, events=(second,)))
        assert {event["reason"] for event in await told(stage)} == {"Promoted", *(["WeightChanged"] * told_later)}
        assert await carry_out(stage, await plan(stage, {OLD: 100}))
        assert [event["count"] for event in await told(stage)] == [1] * (1 + told_later), "once"

    play(kubernetes, story)


def test_the_same_once_more_is_counted_up(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        for _ in range(3):
            await carry_out(stage, await plan(stage, {OLD: 100}, events=TOLD))
        (event,) = await told(stage)
        assert event["count"] == 3
        assert event["firstTimestamp"] <= event["lastTimestamp"]
        await carry_out(stage, await plan(stage, {OLD: 100}, events=(replace(TOLD[0], message="other words"),)))
        assert sorted(item["count"] for item in await told(stage)) == [1, 3]

    play(kubernetes, story)


def test_what_has_one_cause_is_one_event_in_its_newest_words(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        for seconds in (10, 20, 30):
            said = Event(Reason.BLIND, f"no sample for {seconds} s", warning=True, cause=NEW)
            await carry_out(stage, await plan(stage, {OLD: 100}, events=(said,)))
        (event,) = await told(stage)
        assert (event["count"], event["message"]) == (3, "no sample for 30 s")

    play(kubernetes, story)


@pytest.mark.parametrize(
    ("weights", "gone"),
    [
        pytest.param({OLD: 100, NEW: 0}, True, id="without traffic"),
        pytest.param({OLD: 90, NEW: 10}, False, id="with traffic"),
    ],
)
def test_only_a_version_without_traffic_is_removed(kubernetes: Kubernetes, weights: dict[str, int], gone: bool) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        await carry_out(stage, await plan(stage, weights))
        kept = replace(await plan(stage, weights), versions=(), remove=(NEW,))
        await carry_out(stage, kept)
        live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, "fraud-1-0-2")
        assert (live is None) is gone
        assert await stage.cluster.get(DEPLOYMENTS, stage.namespace, "fraud-1-0-1") is not None

    play(kubernetes, story)


BETA = (RequestMatch.model_validate({"headers": {"x-beta": {"exact": "yes"}}}),)


def focused(matched: dict[str, int]) -> Route:
    """Some requests by weight, all others to the old version."""
    return Route(splits=(Split(name=MATCHED, shares=matched, who=BETA), *Route.to(OLD).splits))


BOTH = {OLD: 100, NEW: 0}
SPLITS = (EVERYBODY, MATCHED)


def test_each_split_has_services_of_its_own_before_the_route_names_them(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        await carry_out(stage, await plan(stage, BOTH))
        wanted = await plan(stage, BOTH, route=focused({OLD: 90, NEW: 10}), splits=SPLITS)
        assert not await carry_out(stage, wanted), "it is to be tried again"
        assert stage.writes == ["services", "services"], "the mesh does not know them yet"
        assert await stage.weights(MATCHED) == {}
        stage.clock.skipped += SETTLE_SECONDS + 1
        assert await carry_out(stage, wanted)
        assert stage.writes == ["virtualservices"]
        assert await stage.weights(MATCHED) == {"fraud-1-0-1-matched": 90, "fraud-1-0-2-matched": 10}
        assert await stage.weights() == {"fraud-1-0-1": 100}

    play(kubernetes, story)


FOCUSED_MOVES: dict[str, tuple[Route, Route, str]] = {
    "away from some requests": (focused({OLD: 50, NEW: 50}), focused({OLD: 100}), "virtualservices"),
    "away, and their split is gone": (focused({NEW: 100}), Route.to(OLD), "virtualservices"),
    "more of some requests": (focused({OLD: 90, NEW: 10}), focused({OLD: 50, NEW: 50}), "deployments"),
    "from some to everybody": (focused({NEW: 100}), Route.to(NEW), "deployments"),
}


@pytest.mark.parametrize(("before", "after", "first"), FOCUSED_MOVES.values(), ids=FOCUSED_MOVES)
def test_the_order_of_writes_with_splits(kubernetes: Kubernetes, before: Route, after: Route, first: str) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        await settled(stage, await plan(stage, BOTH, route=before, splits=SPLITS))
        await carry_out(stage, await plan(stage, BOTH, route=after, splits=SPLITS, replicas=2))
        assert stage.writes[0] == first
        assert set(stage.writes) <= {"deployments", "virtualservices", "status"}

    play(kubernetes, story)


def test_a_version_that_is_promoted_just_now_is_not_what_takes_the_rest(kubernetes: Kubernetes) -> None:
    """It gains, and somebody else may have decided against it meanwhile."""

    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        await settled(stage, await plan(stage, {OLD: 50, NEW: 50}))
        promoted = replace(await plan(stage, {OLD: 0, NEW: 100}), recovery=Recovery(NEW))
        live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, "fraud")
        assert live is not None
        live["metadata"]["annotations"]["somebody"] = "was here"
        await stage.cluster.replace(VIRTUAL_SERVICES, live)
        with pytest.raises(Conflict):
            await carry_out(stage, promoted)
        assert await stage.weights() == {"fraud-1-0-1": 50, "fraud-1-0-2": 50}

    play(kubernetes, story)


def test_what_a_promotion_is_undone_for_takes_the_rest_at_once(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        promoted = await plan(stage, {OLD: 0, NEW: 100})
        later = stage.clock() + 3600
        kept = Retiring(version=OLD, uri="pvc://m/1", drain_until=later, remove_at=later, reason="Drained")
        status = promoted.status.model_copy(
            update={"stable": VersionStatus(version=NEW, uri="pvc://m/2"), "retiring": (kept,)}
        )
        await settled(stage, replace(promoted, status=status, recovery=Recovery(NEW)))
        await carry_out(stage, await plan(stage, {OLD: 100, NEW: 0}, replicas=2))
        assert stage.writes[0] == "virtualservices"

    play(kubernetes, story)


@pytest.mark.parametrize(
    ("weights", "first"),
    [
        pytest.param({OLD: 100, NEW: 0}, "virtualservices", id="the control alone: at once"),
        pytest.param({OLD: 90, NEW: 10}, "deployments", id="an arm too: in its turn"),
    ],
)
def test_rules_that_somebody_made_are_set_right(kubernetes: Kubernetes, weights: dict[str, int], first: str) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        await settled(stage, await plan(stage, {OLD: 90, NEW: 10}))
        live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, "fraud")
        assert live is not None
        live["spec"]["http"][1]["fault"] = {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}
        await stage.cluster.replace(VIRTUAL_SERVICES, live)
        stage.heard()
        await carry_out(stage, await plan(stage, weights, replicas=2))
        assert stage.writes[0] == first
        live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, "fraud")
        assert live is not None
        assert "fault" not in live["spec"]["http"][1]

    play(kubernetes, story)


def test_services_of_splits_go_at_rest_and_after_the_route(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        await settled(stage, await plan(stage, BOTH, route=focused({OLD: 50, NEW: 50}), splits=SPLITS))
        under_way = await plan(stage, BOTH, route=Route.to(OLD))
        resting = replace(under_way, at_rest=True, versions=under_way.versions[:1])
        await carry_out(stage, replace(resting, route=None))
        assert "services/fraud-1-0-1-matched" in await stage.children(), "the route leads to it"
        await carry_out(stage, resting)
        assert "services/fraud-1-0-1-matched" in await stage.children(), "proxies may go by the route before"
        await carry_out(stage, under_way)
        assert "services/fraud-1-0-1-matched" in await stage.children(), "requests may be on the way"
        await carry_out(stage, resting)
        assert set(await stage.children()) == {
            "deployments/fraud-1-0-1",
            "deployments/fraud-1-0-2",
            "services/fraud-1-0-1",
            "services/fraud-1-0-2",
            "services/fraud-1-0-2-matched",
            "virtualservices/fraud",
        }
        await carry_out(stage, replace(resting, remove=(NEW,)))
        assert set(await stage.children()) == {
            "deployments/fraud-1-0-1",
            "services/fraud-1-0-1",
            "virtualservices/fraud",
        }

    play(kubernetes, story)


def test_a_version_that_a_rule_of_somebodys_leads_to_is_not_removed(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        await carry_out(stage, await plan(stage, BOTH))
        live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, "fraud")
        assert live is not None
        live["spec"]["http"].insert(0, {"route": [{"destination": {"host": "fraud-1-0-2"}}]})
        await stage.cluster.replace(VIRTUAL_SERVICES, live)
        stage.heard()
        gone = replace(await plan(stage, {OLD: 100}), route=None, remove=(NEW,))
        await carry_out(stage, gone)
        assert await stage.cluster.get(DEPLOYMENTS, stage.namespace, "fraud-1-0-2") is not None
        await carry_out(stage, replace(gone, route=Route.to(OLD)))
        assert await stage.cluster.get(DEPLOYMENTS, stage.namespace, "fraud-1-0-2") is None

    play(kubernetes, story)


def test_an_upgrade_of_the_operator_in_the_middle_of_a_release(kubernetes: Kubernetes) -> None:
    """Until 0.1 the rules had other names, and matched requests went to the Services for everybody."""

    async def story(stage: Stage) -> None:
        await stage.submit(OLD)
        route = focused({OLD: 90, NEW: 10})
        await carry_out(stage, await plan(stage, BOTH, route=route))
        live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, "fraud")
        assert live is not None
        text = json.dumps(live["spec"]).replace('"matched', '"weighted').replace('"everybody', '"others')
        live["spec"] = json.loads(text.replace("-matched.", "."))
        await stage.cluster.replace(VIRTUAL_SERVICES, live)
        stage.heard()
        rollout, snapshot = await seen(stage)
        found = live_route(snapshot.virtual_service, rollout)
        assert found is not None
        assert found.route == route
        wanted = await plan(stage, BOTH, route=route, splits=SPLITS)
        for _again in range(2):
            assert not await carry_out(stage, wanted)
            assert "virtualservices" not in stage.writes, "the Services are too new to be named"
        assert await stage.weights("weighted") == {"fraud-1-0-1": 90, "fraud-1-0-2": 10}
        stage.clock.skipped += SETTLE_SECONDS + 1
        assert await carry_out(stage, wanted)
        assert await stage.weights(MATCHED) == {"fraud-1-0-1-matched": 90, "fraud-1-0-2-matched": 10}
        assert await stage.weights("weighted") == {}

    play(kubernetes, story)
