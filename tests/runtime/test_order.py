"""In which order a plan goes into the cluster: what is safe for traffic comes first, and the memory before the tale."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    EVENTS,
    MODEL_ROLLOUTS,
    VIRTUAL_SERVICES,
    Cluster,
    Conflict,
    Object,
)
from modelrollout.api.resource import ModelRollout
from modelrollout.api.rollout import Spec
from modelrollout.core.plan import DesiredVersion, Event, Plan, Reason, Route
from modelrollout.runtime.apply import apply
from modelrollout.runtime.world import Snapshot
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage, set_up

pytestmark = pytest.mark.apiserver

OLD, NEW = "1.0.1", "1.0.2"


def play(kubernetes: Kubernetes, story: Callable[[Stage], Awaitable[None]]) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        async with set_up(cluster, namespace) as stage:
            await story(stage)

    kubernetes.run(body)


async def plan(stage: Stage, weights: dict[str, int], *, replicas: int = 1, events: tuple[Event, ...] = ()) -> Plan:
    """Both versions deployed, and this route."""
    rollout, _ = await seen(stage)
    assert isinstance(rollout.spec, Spec)
    versions = tuple(
        DesiredVersion(name, f"https://models.example.com/{name}.tar.gz", None, replicas) for name in weights
    )
    return Plan(
        status=rollout.status.model_copy(update={"message": f"weights {weights}"}),
        spec=rollout.spec,
        versions=versions,
        route=Route(OLD, weights),
        events=events,
    )


async def seen(stage: Stage) -> tuple[ModelRollout, Snapshot]:
    snapshot = await stage.world.look(stage.key)
    assert snapshot.rollout is not None
    return ModelRollout.from_json(snapshot.rollout), snapshot


async def carry_out(stage: Stage, wanted: Plan) -> bool:
    snapshot = await stage.world.look(stage.key)
    assert snapshot.rollout is not None
    stage.writes.clear()
    return await apply(ModelRollout.from_json(snapshot.rollout), wanted, snapshot, stage.reconciler.hands)


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
            await carry_out(stage, await plan(stage, before))
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
        assert {version for (_, version) in stage.reconciler.hands.refused} == {OLD, NEW}

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
            await apply(outdated, wanted, snapshot, stage.reconciler.hands)
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
