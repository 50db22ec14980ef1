"""A comparer in the cluster: made, found by the mesh, then copies; and the copies end before it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, MODEL_ROLLOUTS, PODS, SERVICES, VIRTUAL_SERVICES
from modelrollout.comparison.compare import Compared
from modelrollout.comparison.copy import Protocol
from modelrollout.comparison.counts import Counts
from modelrollout.core.validate.finding import Verdict
from tests.adapters.test_shadowed import lines
from tests.kubernetes import Kubernetes
from tests.prometheus_server import Scraped
from tests.runtime.stage import Stage, play

pytestmark = pytest.mark.apiserver

Object = dict[str, Any]

OLD, NEW, NAME = "1.0.1", "1.0.2", "fraud-shadow"
SHADOW = {"signature": "Ignore", "shadow": {"percent": 25, "duration": "1s", "minCompared": 100}}


async def loaded(stage: Stage) -> None:
    """The next version is loaded, and its comparer is made."""
    await stage.installed(OLD, validation=SHADOW)
    await stage.submit(NEW, validation=SHADOW)
    await stage.passes(2)
    await stage.pods_ready(NEW)
    await stage.passes(2)


async def started(stage: Stage) -> None:
    """Its pod is ready, as kubelet and controller would say."""
    made = await stage.cluster.get(DEPLOYMENTS, stage.namespace, NAME)
    assert made is not None
    template = made["spec"]["template"]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{NAME}-1", "uid": "1", "controller": True}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{NAME}-1-x",
            "namespace": stage.namespace,
            "labels": {**template["metadata"]["labels"], "pod-template-hash": "1"},
            "ownerReferences": [owner],
        },
    }
    await stage.cluster.create(PODS, {**body, "spec": template["spec"]})
    ready = {**body, "status": {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "10.0.0.9"}}
    await stage.cluster._apply(PODS, ready, "kubelet", "status", True)
    await stage.rolled_out(NAME)


async def mirrored(stage: Stage) -> list[list[Object] | None]:
    """Whither each rule of the live route sends copies."""
    live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, stage.name)
    assert live is not None
    return [rule.get("mirrors") for rule in live["spec"]["http"]]


async def there(stage: Stage) -> list[str]:
    """The kinds of the comparer's objects."""
    found = [(one.plural, await stage.cluster.get(one, stage.namespace, NAME)) for one in (DEPLOYMENTS, SERVICES)]
    return [kind for kind, item in found if item is not None]


async def until(stage: Stage, happened: Callable[[], Awaitable[bool]], passes: int = 8) -> None:
    """Passes, until it has."""
    for _ in range(passes):
        if await happened():
            return
        stage.clock.skipped += 1
        await stage.passes()
    raise AssertionError(await stage.status())


async def ended(stage: Stage) -> bool:
    """Whether nothing is copied. As long as anything is, there is somebody who takes it."""
    if not any(await mirrored(stage)):
        return True
    assert await there(stage) == ["deployments", "services"]
    return False


async def gone(stage: Stage) -> bool:
    """Whether nothing is left of it."""
    return await there(stage) == []


def test_copies_are_sent_once_it_is_ready_and_the_mesh_knows_it(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await loaded(stage)
        assert await there(stage) == ["deployments", "services"]
        assert (await stage.status())["phase"] == "Shadowing"
        assert await mirrored(stage) == [None, None]
        await started(stage)
        await stage.later(5)
        host = f"{NAME}.{stage.namespace}.svc.cluster.local"
        assert await mirrored(stage) == [
            [{"destination": {"host": host, "port": {"number": port}}, "percentage": {"value": 25}}]
            for port in (8500, 8501)
        ]
        message = (await stage.status())["message"]
        assert message.startswith(f"{NEW} is in the shadow: Prometheus at http://127.0.0.1:9 cannot be reached")
        stage.writes.clear()
        await stage.passes(3)
        assert set(stage.writes) <= {"status"}, "what is as it should be is left alone"

    play(kubernetes, story)


ENDS: dict[str, Callable[[Stage], Awaitable[Any]]] = {
    "aborted": lambda stage: stage.command("abort"),
    "paused": lambda stage: stage.command("pause"),
    "another version": lambda stage: stage.submit("1.0.3", validation=SHADOW),
    "no shadow any more": lambda stage: stage.submit(NEW, validation={"signature": "Ignore"}),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_copies_end_first_and_it_goes_in_a_later_pass(
    kubernetes: Kubernetes, end: Callable[[Stage], Awaitable[Any]]
) -> None:
    async def story(stage: Stage) -> None:
        await loaded(stage)
        await started(stage)
        await stage.later(5)
        await end(stage)
        await until(stage, lambda: ended(stage))
        assert await there(stage) == ["deployments", "services"], "proxies may still go by the route before"
        await until(stage, lambda: gone(stage))

    play(kubernetes, story)


def test_it_stays_as_long_as_somebody_sends_it_copies(kubernetes: Kubernetes) -> None:
    """The route belongs to somebody else now, who copies on."""

    async def story(stage: Stage) -> None:
        await loaded(stage)
        await started(stage)
        await stage.later(5)
        live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, stage.name)
        assert live is not None
        foreign = {"apiVersion": "v1", "kind": "ConfigMap", "name": "helm", "uid": "u-1", "controller": True}
        live["metadata"] |= {"ownerReferences": [foreign], "labels": {}}
        await stage.cluster.replace(VIRTUAL_SERVICES, live)
        await stage.command("abort")
        await stage.passes(4)
        assert await there(stage) == ["deployments", "services"]

    play(kubernetes, story)


def test_a_hand_on_the_copies_is_taken_off_again(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await loaded(stage)
        await started(stage)
        await stage.later(5)
        before = await mirrored(stage)
        live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, stage.name)
        assert live is not None
        live["spec"]["http"][1]["mirrors"][0]["percentage"]["value"] = 100
        await stage.cluster.replace(VIRTUAL_SERVICES, live)
        stage.heard()
        await stage.passes()
        assert await mirrored(stage) == before

    play(kubernetes, story)


def test_users_are_not_held_up_by_one_that_hangs(kubernetes: Kubernetes) -> None:
    """As long as there is a Service, proxies wait for it with the rest of a large body."""

    async def story(stage: Stage) -> None:
        await loaded(stage)
        await started(stage)
        await stage.later(5)
        assert all(await mirrored(stage))
        await says_that_it_is_ready(stage, False)
        await stage.passes(3)
        assert await mirrored(stage) == [None, None]
        assert await there(stage) == ["deployments"], "it stays away, or the mesh would not know that it had gone"
        message = (await stage.status())["message"]
        assert message.startswith(f"{NEW} is in the shadow: its comparer runs, and is not ready; {NEW} fails at ")
        await says_that_it_is_ready(stage, True)
        await stage.passes()
        assert await there(stage) == ["deployments", "services"]
        await stage.later(5)
        assert all(await mirrored(stage))

    play(kubernetes, story)


async def says_that_it_is_ready(stage: Stage, ready: bool) -> None:
    """What the kubelet says of the comparer's pod, whose process runs all the time."""
    pod = await stage.cluster.get(PODS, stage.namespace, f"{NAME}-1-x")
    assert pod is not None
    running = {"name": "comparer", "ready": ready, "restartCount": 0, "image": "x", "imageID": "x"}
    status = {
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [{**running, "state": {"running": {}}}],
    }
    described = {name: pod["metadata"][name] for name in ("name", "namespace")}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": described, "status": status}
    await stage.cluster._apply(PODS, body, "kubelet", "status", True)
    stage.heard()


def test_other_settings_are_another_comparer(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await loaded(stage)
        await started(stage)
        await stage.later(5)
        edited = {**SHADOW, "shadow": {**SHADOW["shadow"], "percent": 50}}  # type: ignore[dict-item]
        await stage.submit(NEW, validation=edited)
        await stage.passes(3)
        assert await mirrored(stage) == [None, None], "until its pod is of the new settings"
        await stage.rolled_out(NAME)
        await stage.passes(2)
        assert [rule[0]["percentage"]["value"] for rule in await mirrored(stage) if rule] == [50, 50]

    play(kubernetes, story)


def test_what_it_has_counted_lets_the_version_go_on(kubernetes: Kubernetes, scraped: Scraped) -> None:
    async def story(stage: Stage) -> None:
        await loaded(stage)
        await started(stage)
        await stage.later(5)
        scraped.source.lines = lines(await counted(stage))
        await asyncio.to_thread(scraped.wait_for_scrape)
        for _ in range(3):
            await stage.later(3)
        checks = {
            row["check"]: row["verdict"] for row in (await stage.status())["trial"]["arms"][0]["validation"]["checks"]
        }
        assert checks == {"shadow errors": Verdict.PASS, "shadow answers": Verdict.REPORTED}
        assert (await stage.status())["phase"] == "Progressing"
        await until(stage, lambda: gone(stage))
        assert await mirrored(stage) == [None, None]

    play(kubernetes, story, prometheus_url=scraped.url)
    scraped.source.lines = {}


async def counted(stage: Stage) -> Counts:
    """A hundred and twenty answers, of which two differ, by the comparer of now."""
    made = await stage.cluster.get(DEPLOYMENTS, stage.namespace, NAME)
    assert made is not None
    [container] = made["spec"]["template"]["spec"]["containers"]
    trial = next(item.partition("=")[2] for item in container["args"] if item.startswith("--trial="))
    found = Counts({"rollout_namespace": stage.namespace, "rollout": stage.name, "trial": trial}, OLD, [NEW], 0.0)
    for number in range(120):
        found.receive(Protocol.REST)
        found.compare(NEW, Compared((number < 2,)))
    return found


def test_it_belongs_to_its_rollout_alone(kubernetes: Kubernetes) -> None:
    """The garbage collector takes it, though what serves may stay."""

    async def story(stage: Stage) -> None:
        await stage.installed(OLD, validation=SHADOW, deletionPolicy="Orphan")
        await stage.submit(NEW, validation=SHADOW, deletionPolicy="Orphan")
        await stage.passes(2)
        await stage.pods_ready(NEW)
        await stage.passes(2)
        rollout = await stage.cluster.get(MODEL_ROLLOUTS, stage.namespace, stage.name)
        for resource in (DEPLOYMENTS, SERVICES):
            item = await stage.cluster.get(resource, stage.namespace, NAME)
            assert item is not None
            assert rollout is not None
            assert [owner["uid"] for owner in item["metadata"]["ownerReferences"]] == [rollout["metadata"]["uid"]]

    play(kubernetes, story)
