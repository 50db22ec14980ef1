"""Whole passes on a real API server: what is in the cluster after them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, EVENTS, MODEL_ROLLOUTS, SERVICES, VIRTUAL_SERVICES
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage, play

pytestmark = pytest.mark.apiserver


def test_a_first_version_is_installed_and_then_routed(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit("1.0.1")
        await stage.passes(2)
        assert await stage.weights() == {}, "nothing can answer yet"
        await stage.pods_ready("1.0.1")
        await stage.passes()
        await stage.later(5)
        assert await stage.weights() == {"fraud-1-0-1": 100}
        status = await stage.status()
        assert (status["phase"], status["stable"]["version"], status["stable"]["ready"]) == ("Healthy", "1.0.1", "1/1")
        assert set(await stage.children()) == {
            "deployments/fraud-1-0-1",
            "services/fraud-1-0-1",
            "virtualservices/fraud",
        }

    play(kubernetes, story)


def test_passes_that_change_nothing_write_nothing(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        before = await stage.children()
        stage.writes.clear()
        for _ in range(5):
            stage.heard()  # everything is read anew, as after a restart
            await stage.passes(2)
        assert stage.writes == []
        assert await stage.children() == before

    play(kubernetes, story)


def test_nothing_is_written_while_a_release_waits(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        await stage.submit("1.0.2")
        await stage.passes(3)
        await stage.reconciler.observer.samples.poll()  # Prometheus' first answer may be late: that is a change
        await stage.passes()
        stage.writes.clear()
        await stage.passes(5)
        assert stage.writes == []
        assert await stage.weights() == {"fraud-1-0-1": 100}

    play(kubernetes, story)


async def edit_route(stage: Stage) -> None:
    live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, stage.name)
    assert live is not None
    live["spec"]["http"] = [{"route": [{"destination": {"host": "elsewhere"}}]}]
    await stage.cluster.replace(VIRTUAL_SERVICES, live)


async def replace_route(stage: Stage) -> None:
    """As ``kubectl replace`` from a file of one's own: no label, no annotation, no owner."""
    live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, stage.name)
    assert live is not None
    kept = {key: live["metadata"][key] for key in ("name", "namespace", "resourceVersion")}
    body = {**live, "metadata": kept}
    body["spec"]["http"] = [{"route": [{"destination": {"host": "elsewhere"}}]}]
    await stage.cluster.replace(VIRTUAL_SERVICES, body)


async def take_label_off_route(stage: Stage) -> None:
    live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, stage.name)
    assert live is not None
    del live["metadata"]["labels"]
    await stage.cluster.replace(VIRTUAL_SERVICES, live)


def delete(resource: Any, name: str) -> Callable[[Stage], Awaitable[None]]:
    async def edit(stage: Stage) -> None:
        live = await stage.cluster.get(resource, stage.namespace, name)
        assert live is not None
        await stage.cluster.delete(resource, stage.namespace, name, live["metadata"]["uid"])

    return edit


async def scale(stage: Stage) -> None:
    live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, "fraud-1-0-1")
    assert live is not None
    live["spec"]["replicas"] = 0
    await stage.cluster.replace(DEPLOYMENTS, live)


HAND_EDITS: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "route edited": edit_route,
    "route replaced": replace_route,
    "label taken off the route": take_label_off_route,
    "route deleted": delete(VIRTUAL_SERVICES, "fraud"),
    "service deleted": delete(SERVICES, "fraud-1-0-1"),
    "scaled to nothing": scale,
}


@pytest.mark.parametrize("edit", HAND_EDITS.values(), ids=HAND_EDITS)
def test_what_others_change_is_restored(kubernetes: Kubernetes, edit: Callable[[Stage], Awaitable[None]]) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed(serving={"replicas": 1})
        names = set(await stage.children())
        await edit(stage)
        stage.heard()
        await stage.passes()
        assert await stage.weights() == {"fraud-1-0-1": 100}
        assert set(await stage.children()) == names
        live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, "fraud-1-0-1")
        assert live is not None
        assert live["spec"]["replicas"] == 1

    play(kubernetes, story)


REFUSALS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a host that another rollout routes": (
        {"traffic": {"hosts": ["taken.example.com"], "gateways": ["ingress/public"]}},
        "HostTaken",
        "taken.example.com is already routed by ModelRollout",
    ),
    "a folder of a node outside of the root": (
        {"model": {"name": "fraud", "version": "1.0.2", "uri": "file:///etc/models"}},
        "FileRootNotAllowed",
        "file:///etc/models is outside of /srv/models",
    ),
}


@pytest.mark.parametrize("watched", [False, True], ids=["", "watched"])
@pytest.mark.parametrize(("spec", "reason", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_spec_that_cannot_be_accepted_leaves_stable_alone(
    kubernetes: Kubernetes, spec: dict[str, Any], reason: str, words: str, watched: bool
) -> None:
    async def story(stage: Stage) -> None:
        await take_host(stage, "taken.example.com")
        await stage.installed()
        if watched:
            for item in await stage.cluster.list(VIRTUAL_SERVICES):
                described = item["metadata"]
                stage.world.saw((described["namespace"], described["name"]), VIRTUAL_SERVICES, item)
            stage.world.all_listed()
        before = await stage.children()
        await stage.submit("1.0.2", **spec)
        await stage.passes(2)
        accepted = next(item for item in (await stage.status())["conditions"] if item["type"] == "Accepted")
        assert (accepted["status"], accepted["reason"]) == ("False", reason)
        assert words in accepted["message"]
        assert await stage.children() == before
        await release_host(stage)

    play(kubernetes, story)


async def take_host(stage: Stage, host: str) -> None:
    """Another rollout's route, at the same gateway."""
    await stage.cluster.apply(
        VIRTUAL_SERVICES,
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {
                "name": "other",
                "namespace": stage.namespace,
                "labels": {"modelrollout.dev/rollout": "other"},
            },
            "spec": {"hosts": [host], "gateways": ["ingress/public"]},
        },
        "test",
    )


async def release_host(stage: Stage) -> None:
    await delete(VIRTUAL_SERVICES, "other")(stage)


def test_somebody_elses_route_of_our_name_is_left_alone(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        theirs = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "fraud", "namespace": stage.namespace},
            "spec": {"hosts": ["elsewhere"]},
        }
        await stage.cluster.apply(VIRTUAL_SERVICES, theirs, "kubectl")
        await stage.submit()
        await stage.passes(2)
        live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, "fraud")
        assert live is not None
        assert live["spec"] == {"hosts": ["elsewhere"]}
        status = await stage.status()
        assert status["phase"] == "Invalid"
        assert "there is a VirtualService fraud that belongs to somebody else" in status["message"]

    play(kubernetes, story)


def test_somebody_elses_workload_of_our_name_is_not_taken_over(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        theirs = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "fraud-1-0-1", "namespace": stage.namespace},
            "spec": {"selector": {"app": "theirs"}, "ports": [{"name": "http", "port": 8501, "targetPort": 80}]},
        }
        await stage.cluster.apply(SERVICES, theirs, "kubectl")
        await stage.submit()
        await stage.passes(2)
        live = await stage.cluster.get(SERVICES, stage.namespace, "fraud-1-0-1")
        assert live is not None
        assert live["spec"]["selector"] == {"app": "theirs"}
        assert "the API server refuses its objects" in (await stage.status())["message"]

    play(kubernetes, story)


def test_the_events_tell_the_story_once(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.service()
        await stage.installed()
        await stage.passes(3)
        events = await stage.cluster.list(EVENTS, stage.namespace)
        told = [item["reason"] for item in events if item["involvedObject"]["name"] == "fraud"]
        assert sorted(told) == ["Installed", "ModelReady", "ReleaseStarted"]

    play(kubernetes, story)


def test_a_rollout_that_is_gone_is_no_error(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        await delete(MODEL_ROLLOUTS, "fraud")(stage)
        stage.heard()
        assert await stage.reconciler.reconcile(stage.key) is None

    play(kubernetes, story)


@pytest.mark.parametrize("route_is_gone", [False, True], ids=["the route is there", "the route is gone already"])
def test_while_something_holds_a_deleted_rollout_its_candidate_can_only_lose_traffic(
    kubernetes: Kubernetes, route_is_gone: bool
) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        await stage.submit("1.0.2", strategy={"canary": {"steps": [{"setWeight": 10, "for": "1s"}, {"setWeight": 50}]}})
        await stage.passes(2)
        await stage.pods_ready("1.0.2")
        await stage.later(5)
        await stage.later(5)
        await stage.command("skip")
        await stage.later(5)
        assert (await stage.weights())["fraud-1-0-2"] == 10
        held = await stage.cluster.get(MODEL_ROLLOUTS, stage.namespace, stage.name)
        assert held is not None
        held["metadata"]["finalizers"] = ["example.com/held"]
        await stage.cluster.replace(MODEL_ROLLOUTS, held)
        await delete(MODEL_ROLLOUTS, stage.name)(stage)
        stage.heard()
        await stage.command("skip")
        await stage.later(60)
        assert await stage.weights() == {"fraud-1-0-1": 90, "fraud-1-0-2": 10}, "no step any more"
        if route_is_gone:
            await delete(VIRTUAL_SERVICES, stage.name)(stage)
            stage.heard()
        await stage.command("abort")
        await stage.passes()
        assert await stage.weights() == ({} if route_is_gone else {"fraud-1-0-1": 100})
        held = await stage.cluster.get(MODEL_ROLLOUTS, stage.namespace, stage.name)
        assert held is not None
        await stage.cluster.replace(MODEL_ROLLOUTS, {**held, "metadata": {**held["metadata"], "finalizers": []}})

    play(kubernetes, story)


def test_an_upgrade_of_the_operator_changes_no_deployment(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        before = await stage.children()
        newer = stage.reconciler.applier.platform.__class__("modelrollout:99", file_root="/elsewhere")
        object.__setattr__(stage.reconciler.applier, "platform", newer)
        stage.heard()
        await stage.passes(2)
        assert await stage.children() == before

    play(kubernetes, story)


def test_a_version_that_is_only_validated(kubernetes: Kubernetes) -> None:
    """Beside the rollout that has its host: it takes nothing from it, and routes nothing."""

    async def story(stage: Stage) -> None:
        look = replace(stage, name="fraud-look")
        hosts = {"hosts": [f"fraud.{stage.namespace}"]}
        only = {"traffic": hosts, "validation": {}, "validateOnly": {"against": "fraud"}}
        await look.submit("1.0.2", **only)
        await look.passes()
        await stage.installed()  # though the other one is older, and names the same host
        before = await stage.children()
        await look.pods_ready("1.0.2")
        await look.passes()
        await look.later(5)
        status = await look.status()
        assert status["phase"] == "Validating", status
        words = "the signatures cannot be compared: no pod of 1.0.2 is ready; no pod of 1.0.1 is ready"
        assert words in status["message"]
        assert [name for name in await look.children() if name.startswith("virtualservices")] == []
        await look.later(601)
        status = await look.status()
        assert next(item for item in status["conditions"] if item["type"] == "Validated")["status"] == "Unknown"
        await look.later(1)
        assert await look.children() == {}
        assert await stage.children() == before

    play(kubernetes, story)
