"""What stands in the way of one object keeps no other waiting: not the route, and not the memory.

The obstacles are the API server's own: a webhook that nobody answers (HTTP 500), and a policy that refuses.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, VIRTUAL_SERVICES, ApiError, Cluster, Resource
from modelrollout.core.observation import LiveRoute
from modelrollout.core.plan import Questions
from modelrollout.runtime.observe import observe
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Object, Stage, set_up
from tests.runtime.test_order import NEW, OLD, carry_out, plan, seen, shares

pytestmark = pytest.mark.apiserver

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"


def play(kubernetes: Kubernetes, story: Callable[[Stage, Kubernetes], Awaitable[None]]) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        async with set_up(cluster, namespace) as stage:
            await story(stage, kubernetes)

    kubernetes.run(body)


@asynccontextmanager
async def in_the_way(
    kubernetes: Kubernetes, kind: str, body: Object, probe: Callable[[], Awaitable[object]]
) -> AsyncIterator[None]:
    """An admission object as long as the block lasts; in force once ``probe`` is refused."""
    path = f"{_ADMISSION}/{kind}"
    answer = kubernetes.server.ask("POST", path, {"apiVersion": "admissionregistration.k8s.io/v1", **body})
    assert answer.status == 201, answer.message
    try:
        await _refused(probe)
        yield
    finally:
        kubernetes.server.ask("DELETE", f"{path}/{body['metadata']['name']}")


async def _refused(probe: Callable[[], Awaitable[object]]) -> None:
    """Admission objects come into force a moment after they are stored."""
    async with asyncio.timeout(30):
        while True:
            try:
                await probe()
            except ApiError:
                return
            await asyncio.sleep(0.1)


async def allowed(probe: Callable[[], Awaitable[object]]) -> None:
    """They go out of force a moment after they are deleted."""
    async with asyncio.timeout(30):
        while True:
            try:
                await probe()
                return
            except ApiError:
                await asyncio.sleep(0.1)


def dead_webhook(namespace: str, group: str, resource: str) -> Object:
    """Asked for every write of a resource in a namespace, at an address where nobody answers."""
    operations = {"apiGroups": [group], "apiVersions": ["*"], "operations": ["*"], "resources": [resource]}
    return {
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"dead-{namespace}"},
        "webhooks": [
            {
                "name": "dead.example.com",
                "clientConfig": {"url": "https://127.0.0.1:9/"},
                "rules": [operations],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 1,
            }
        ],
    }


def any_object(stage: Stage, resource: Resource, kind: str, spec: Object) -> Callable[[], Awaitable[object]]:
    """Writes an object that nobody needs."""

    def probe() -> Awaitable[object]:
        described = {"name": "probe", "namespace": stage.namespace}
        body = {"apiVersion": resource.api_version, "kind": kind, "metadata": described, "spec": spec}
        return stage.cluster.apply(resource, body, "test")

    return probe


def any_deployment(stage: Stage) -> Callable[[], Awaitable[object]]:
    labels = {"matchLabels": {"app": "probe"}}
    pods = {"metadata": {"labels": {"app": "probe"}}, "spec": {"containers": [{"name": "probe", "image": "probe"}]}}
    return any_object(stage, DEPLOYMENTS, "Deployment", {"replicas": 0, "selector": labels, "template": pods})


MOVES = {
    "after a switch, all goes back": ({OLD: 0, NEW: 100}, {OLD: 100}),
    "from a step": ({OLD: 50, NEW: 50}, {OLD: 100}),
    "the next step": ({OLD: 90, NEW: 10}, {OLD: 50, NEW: 50}),
}


@pytest.mark.parametrize(("before", "after"), MOVES.values(), ids=MOVES)
def test_route_and_status_do_not_wait_for_workloads(
    kubernetes: Kubernetes, before: dict[str, int], after: dict[str, int]
) -> None:
    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        await stage.submit(OLD)
        await carry_out(stage, await plan(stage, before))
        dead = dead_webhook(stage.namespace, "apps", "deployments")
        async with in_the_way(kubernetes, "validatingwebhookconfigurations", dead, any_deployment(stage)):
            assert not await carry_out(stage, await plan(stage, after, replicas=2)), "it is to be tried again"
        assert await stage.weights() == {f"fraud-{name.replace('.', '-')}": after[name] for name in after}
        assert (await stage.status())["message"] == f"weights {after}"
        refused = stage.reconciler.applier.refused[stage.key, OLD]
        assert not refused.by_api_server
        assert "failed calling webhook" in refused.words
        assert await carry_out(stage, await plan(stage, after, replicas=2)), "now all is in place"

    play(kubernetes, story)


def test_the_route_comes_first_also_when_the_candidate_has_everything(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage, _: Kubernetes) -> None:
        await stage.submit(OLD)
        await carry_out(stage, await plan(stage, {OLD: 0, NEW: 100}))
        await carry_out(stage, await plan(stage, {OLD: 100}, replicas=2))
        assert stage.writes == ["virtualservices", "deployments", "status"]

    play(kubernetes, story)


def test_what_could_not_be_applied_is_soon_tried_again(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        await stage.submit(OLD)
        dead = dead_webhook(stage.namespace, "apps", "deployments")
        async with in_the_way(kubernetes, "validatingwebhookconfigurations", dead, any_deployment(stage)):
            tried = await stage.reconciler.reconcile(stage.key)
            assert tried is not None
            assert tried.requeue_after <= 5.0
            await stage.passes()
            assert "failed calling webhook" in (await stage.status())["message"]
        await stage.passes()
        assert await stage.cluster.get(DEPLOYMENTS, stage.namespace, "fraud-1-0-1") is not None

    play(kubernetes, story)


def test_a_removal_that_was_interrupted_leaves_what_the_next_one_finds(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        await stage.submit(OLD)
        await carry_out(stage, await plan(stage, {OLD: 100, NEW: 0}))
        gone = replace(await plan(stage, {OLD: 100}), remove=(NEW,))
        dead = dead_webhook(stage.namespace, "apps", "deployments")
        async with in_the_way(kubernetes, "validatingwebhookconfigurations", dead, any_deployment(stage)):
            with pytest.raises(ApiError):
                await carry_out(stage, gone)
        assert "deployments/fraud-1-0-2" in await stage.children()
        stage.heard()
        await carry_out(stage, gone)
        assert set(await stage.children()) == {
            "deployments/fraud-1-0-1",
            "services/fraud-1-0-1",
            "virtualservices/fraud",
        }

    play(kubernetes, story)


class Mirrored:
    """A cluster whose policy takes every image from a mirror, as a mutating webhook would."""

    def __init__(self, cluster: Cluster, mirror: str) -> None:
        self._cluster = cluster
        self.mirror = mirror

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def apply(self, resource: Resource, desired: Object, manager: str, *, force: bool = True) -> Object:
        body = copy.deepcopy(desired)
        if resource is DEPLOYMENTS:
            for container in body["spec"]["template"]["spec"]["containers"]:
                container["image"] = f"{self.mirror}/{container['image']}"
        return await self._cluster.apply(resource, body, manager, force=force)


def test_an_object_that_a_policy_rewrites_is_applied_once(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage, _: Kubernetes) -> None:
        await stage.submit(OLD)
        mirrored = Mirrored(stage.cluster, "mirror.example.com")
        applier = replace(stage.reconciler.applier, cluster=mirrored)  # type: ignore[arg-type]  # as a webhook would
        stage.reconciler = replace(stage.reconciler, applier=applier)
        wanted = {OLD: 100}
        await carry_out(stage, await plan(stage, wanted))
        for _again in range(2):
            stage.heard()
            await carry_out(stage, await plan(stage, wanted))
            assert stage.writes == []
        await carry_out(stage, await plan(stage, wanted, replicas=2))
        assert stage.writes == ["deployments"], "what is wanted anew is applied"
        live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, "fraud-1-0-1")
        assert live is not None
        live["spec"]["replicas"] = 0
        await stage.cluster.replace(DEPLOYMENTS, live)
        stage.heard()
        await carry_out(stage, await plan(stage, wanted, replicas=2))
        assert stage.writes == ["deployments"], "and so is what somebody else has changed"

    play(kubernetes, story)


def no_retries(namespace: str) -> list[tuple[str, Object]]:
    """A policy against retries, as a webhook's would be: the policy, and its binding to a namespace."""
    name = f"no-retries-{namespace}"
    rule = {
        "apiGroups": ["networking.istio.io"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["virtualservices"],
    }
    check = {
        "expression": "!has(object.spec.http) || object.spec.http.all(rule, rule.retries.attempts == 0)",
        "message": "retries are not allowed here",
    }
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    policy = {"matchConstraints": {"resourceRules": [rule], **where}, "validations": [check]}
    return [
        (
            "validatingadmissionpolicies",
            {"kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": policy},
        ),
        (
            "validatingadmissionpolicybindings",
            {
                "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": name},
                "spec": {"policyName": name, "validationActions": ["Deny"]},
            },
        ),
    ]


REFUSED_ROUTES = {
    "a step is not made": ({OLD: 90, NEW: 10}, {OLD: 50, NEW: 50}, {OLD: 90, NEW: 10}),
    "the way back is by the weights alone": ({OLD: 50, NEW: 50}, {OLD: 100}, {OLD: 100}),
    "also after a switch": ({OLD: 0, NEW: 100}, {OLD: 100}, {OLD: 100}),
}


USERS_STAY = {
    "": {},
    "users that stay": {"affinity": {"cookie": {}}},
    "users that stay by an echo": {"affinity": {"echo": {}}},
    "users that stay by an id": {"affinity": {"header": {"name": "x-user-id", "method": "HexSuffix"}}},
}


@pytest.mark.parametrize("more", USERS_STAY.values(), ids=USERS_STAY)
@pytest.mark.parametrize(("before", "after", "live"), REFUSED_ROUTES.values(), ids=REFUSED_ROUTES)
def test_a_route_that_is_refused(
    kubernetes: Kubernetes, before: dict[str, int], after: dict[str, int], live: dict[str, int], more: Object
) -> None:
    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        traffic = {"hosts": [f"fraud.{stage.namespace}"], **more}
        await stage.submit(OLD, traffic=traffic)
        await carry_out(stage, await plan(stage, before))
        await stage.submit(OLD, traffic={**traffic, "retries": {"attempts": 1}})
        (policy, body), (binding, bound) = no_retries(stage.namespace)
        path = f"{_ADMISSION}/{policy}"
        answer = kubernetes.server.ask("POST", path, {"apiVersion": "admissionregistration.k8s.io/v1", **body})
        assert answer.status == 201, answer.message
        rule = {"route": [{"destination": {"host": "nowhere"}}], "retries": {"attempts": 1}}
        probe = any_object(stage, VIRTUAL_SERVICES, "VirtualService", {"hosts": ["nowhere"], "http": [rule]})
        async with in_the_way(kubernetes, binding, bound, probe):
            assert not await carry_out(stage, await plan(stage, after)), "it is to be tried again"
            assert stage.writes.count("virtualservices") == (before != live)
            assert await stage.weights() == {f"fraud-{name.replace('.', '-')}": live[name] for name in live}
            assert (await stage.status())["message"] == f"weights {after}", "the memory is stored"
            words = stage.reconciler.applier.refused_routes[stage.key]
            assert "retries are not allowed here" in words
            now = await route_seen(stage)
            assert now is not None
            assert (now.route, now.refused) == (shares(live), words)
            await carry_out(stage, await plan(stage, after))
            assert "virtualservices" not in stage.writes, "what could be done was done"
        kubernetes.server.ask("DELETE", f"{path}/{body['metadata']['name']}")
        stage.heard()
        await allowed(probe)
        assert await carry_out(stage, await plan(stage, after)), "now the whole route is as decided"
        now = await route_seen(stage)
        assert now is not None
        assert (now.route, now.refused) == (shares(after), None)

    play(kubernetes, story)


async def route_seen(stage: Stage) -> LiveRoute | None:
    rollout, snapshot = await seen(stage)
    return (await observe(rollout, snapshot, Questions(), stage.reconciler.observer)).route
