"""What the API server would not take is refused before anything of it is applied, in its own words."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, VIRTUAL_SERVICES, ApiError
from modelrollout.runtime.dry_run import is_plain
from modelrollout.runtime.inquiry import STANDS_FOR
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Object, Stage
from tests.runtime.test_obstacles import (
    allowed,
    any_deployment,
    any_object,
    dead_webhook,
    in_the_way,
    no_retries,
    play,
)

pytestmark = pytest.mark.apiserver


def accepted(status: Object) -> tuple[str, str, str]:
    """Status, reason and message of the condition."""
    found = next(item for item in status["conditions"] if item["type"] == "Accepted")
    return found["status"], found["reason"], found["message"]


def container(**fields: Any) -> Object:
    """A pod template that changes the server's container."""
    return {"template": {"spec": {"containers": [{"name": "serving", **fields}]}}}


REFUSED: dict[str, tuple[Object, str]] = {
    "a port that there is not": (
        container(ports=[{"name": "more", "containerPort": 99999, "protocol": "TCP"}]),
        "must be between 1 and 65535",
    ),
    "a limit below the request": (
        {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}},
        "must be less than or equal to cpu limit",
    ),
    "a mount of no volume": (container(volumeMounts=[{"name": "x", "mountPath": "/x"}]), 'Not found: "x"'),
}


@pytest.mark.parametrize(("serving", "words"), REFUSED.values(), ids=REFUSED)
def test_a_deployment_that_the_api_server_would_not_take(kubernetes: Kubernetes, serving: Object, words: str) -> None:
    async def story(stage: Stage, _: Kubernetes) -> None:
        await stage.installed()
        before = await stage.children()
        await stage.submit("1.0.2", serving=serving)
        await stage.passes(2)
        status = await stage.status()
        outcome, reason, message = accepted(status)
        assert (outcome, reason) == ("False", "ObjectRefused")
        assert message.startswith("spec.serving: the API server refuses the Deployment that comes of it: ")
        assert words in message
        assert await stage.children() == before, "nothing of it was applied"
        assert not status.get("quarantined"), "a version is not to blame for its pod template"
        await stage.submit("1.0.2")
        await stage.passes(2)
        assert accepted(await stage.status())[0] == "True"
        assert await stage.cluster.get(DEPLOYMENTS, stage.namespace, "fraud-1-0-2") is not None

    play(kubernetes, story)


def test_a_misspelt_field_of_the_template_is_said_as_it_was_written(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage, _: Kubernetes) -> None:
        await stage.installed()
        await stage.submit("1.0.2", serving={"template": {"spec": {"contaners": []}}})
        await stage.passes(2)
        outcome, reason, message = accepted(await stage.status())
        assert (outcome, reason) == ("False", "ObjectRefused")
        assert message.startswith(
            "spec.serving.template.spec.contaners: is no field of a pod; remove it or correct its name "
            "(modelrollout lint says which one may be meant)"
        )
        assert "HTTP 500" not in message

    play(kubernetes, story)


def test_a_route_that_a_policy_would_not_take(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        (policies, policy), (bindings, binding) = no_retries(stage.namespace)
        path = f"/apis/admissionregistration.k8s.io/v1/{policies}"
        made = kubernetes.server.ask("POST", path, {"apiVersion": "admissionregistration.k8s.io/v1", **policy})
        assert made.status == 201, made.message
        traffic = {"hosts": [f"fraud.{stage.namespace}"], "retries": {"attempts": 1}}
        rule = {"route": [{"destination": {"host": "nowhere"}}], "retries": {"attempts": 1}}
        probe = any_object(stage, VIRTUAL_SERVICES, "VirtualService", {"hosts": ["nowhere"], "http": [rule]})
        await stage.installed()
        before = await stage.children()
        async with in_the_way(kubernetes, bindings, binding, probe):
            await stage.submit("1.0.2", traffic=traffic)
            await stage.passes(2)
            outcome, reason, message = accepted(await stage.status())
            assert (outcome, reason) == ("False", "ObjectRefused")
            assert message.startswith("spec.traffic: the API server refuses the VirtualService that comes of it: ")
            assert "retries are not allowed here" in message
            assert await stage.children() == before
        kubernetes.server.ask("DELETE", f"{path}/{policy['metadata']['name']}")
        await allowed(probe)
        await stage.later(STANDS_FOR)
        assert accepted(await stage.status())[0] == "True"

    play(kubernetes, story)


MATCH = {"headers": {"x-beta": {"exact": "yes"}}}


def test_a_condition_that_a_policy_would_not_take(kubernetes: Kubernetes) -> None:
    """It would be in the route only once the new version is ready."""

    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        (policies, policy), (bindings, binding) = no_match(stage.namespace)
        path = f"/apis/admissionregistration.k8s.io/v1/{policies}"
        made = kubernetes.server.ask("POST", path, {"apiVersion": "admissionregistration.k8s.io/v1", **policy})
        assert made.status == 201, made.message
        probe = any_object(stage, VIRTUAL_SERVICES, "VirtualService", {"hosts": ["nowhere"], "http": [beta_rule()]})
        await stage.installed()
        async with in_the_way(kubernetes, bindings, binding, probe):
            await stage.submit("1.0.2", traffic={"hosts": [f"fraud.{stage.namespace}"], "match": [MATCH]})
            await stage.passes(2)
            outcome, reason, message = accepted(await stage.status())
            assert (outcome, reason) == ("False", "ObjectRefused")
            assert "x-beta is not allowed here" in message
        kubernetes.server.ask("DELETE", f"{path}/{policy['metadata']['name']}")

    play(kubernetes, story)


def beta_rule() -> Object:
    return {"match": [MATCH], "route": [{"destination": {"host": "nowhere"}}]}


def no_match(namespace: str) -> list[tuple[str, Object]]:
    """A policy against one header match."""
    (kind, policy), (bindings, binding) = no_retries(namespace)
    headers = "has(rule.match) && rule.match.exists(item, has(item.headers) && 'x-beta' in item.headers)"
    check = f"!has(object.spec.http) || !object.spec.http.exists(rule, {headers})"
    policy["spec"]["validations"] = [{"expression": check, "message": "x-beta is not allowed here"}]
    return [(kind, policy), (bindings, binding)]


def test_every_version_that_the_spec_wants_is_tried(kubernetes: Kubernetes) -> None:
    """A policy against one version, which is not the spec's own model."""

    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        (policies, policy), (bindings, binding) = nothing_at_all(stage.namespace)
        check = "object.metadata.name in ['fraud-1-0-1', 'fraud-1-0-2']"
        policy["spec"]["validations"] = [{"expression": check, "message": "this version is not allowed here"}]
        path = f"/apis/admissionregistration.k8s.io/v1/{policies}"
        made = kubernetes.server.ask("POST", path, {"apiVersion": "admissionregistration.k8s.io/v1", **policy})
        assert made.status == 201, made.message
        await stage.installed()
        async with in_the_way(kubernetes, bindings, binding, any_deployment(stage)):
            uri = "https://models.example.com/{}.tar.gz"
            versions = [
                {"version": version, "uri": uri.format(version), "weight": 10} for version in ("1.0.1", "1.0.3")
            ]
            await stage.submit("1.0.2", strategy={"split": {"weight": 80, "versions": versions}})
            await stage.passes(2)
            assert "this version is not allowed here" in accepted(await stage.status())[2]
            assert "fraud-1-0-3" in accepted(await stage.status())[2]
        kubernetes.server.ask("DELETE", f"{path}/{policy['metadata']['name']}")

    play(kubernetes, story)


def test_a_webhook_that_nobody_answers_refuses_nothing(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        await stage.submit()
        dead = dead_webhook(stage.namespace, "apps", "deployments")
        async with in_the_way(kubernetes, "validatingwebhookconfigurations", dead, any_deployment(stage)):
            await stage.passes()
            assert accepted(await stage.status())[0] == "True"

    play(kubernetes, story)


def test_what_is_live_as_it_is_wanted_is_not_asked_about(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage, kubernetes: Kubernetes) -> None:
        await stage.installed()
        (policies, policy), (bindings, binding) = nothing_at_all(stage.namespace)
        path = f"/apis/admissionregistration.k8s.io/v1/{policies}"
        made = kubernetes.server.ask("POST", path, {"apiVersion": "admissionregistration.k8s.io/v1", **policy})
        assert made.status == 201, made.message
        async with in_the_way(kubernetes, bindings, binding, any_deployment(stage)):
            await stage.submit(analysis={"minRequests": 7})
            await stage.passes(2)
            assert accepted(await stage.status())[0] == "True", "stable serves, whatever has come to forbid it"
            await stage.submit("1.0.2")
            await stage.passes(2)
            assert accepted(await stage.status())[:2] == ("False", "ObjectRefused")
        kubernetes.server.ask("DELETE", f"{path}/{policy['metadata']['name']}")

    play(kubernetes, story)


def nothing_at_all(namespace: str) -> list[tuple[str, Object]]:
    """A policy that allows no Deployment, and its binding to a namespace."""
    (kind, policy), (bindings, binding) = no_retries(namespace)
    rule = {"apiGroups": ["apps"], "apiVersions": ["*"], "operations": ["*"], "resources": ["deployments"]}
    policy["spec"]["matchConstraints"]["resourceRules"] = [rule]
    policy["spec"]["validations"] = [{"expression": "false", "message": "no Deployment is allowed here"}]
    return [(kind, policy), (bindings, binding)]


ANSWERS: dict[str, tuple[ApiError, bool]] = {
    "not valid": (ApiError(422, "spec.template: Invalid value (HTTP 422)"), True),
    "a webhook that says no": (
        ApiError(403, 'admission webhook "a.b.c" denied the request: no (HTTP 403)'),
        True,
    ),
    "no right": (ApiError(403, "cannot patch resource deployments (HTTP 403)"), False),
    "a quota": (ApiError(403, "exceeded quota: compute (HTTP 403)"), False),
    "a webhook with side effects": (
        ApiError(400, 'admission webhook "a.b.c" does not support dry run (HTTP 400)'),
        False,
    ),
    "the same in a webhook's words": (
        ApiError(400, 'admission webhook "a.b.c" denied the request: DryRun is not supported (HTTP 400)'),
        False,
    ),
    "a webhook that is away": (ApiError(500, 'failed calling webhook "a.b.c" (HTTP 500)'), False),
    "no namespace": (ApiError(404, 'namespaces "prod" not found (HTTP 404)'), False),
}


@pytest.mark.parametrize(("error", "plain"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_a_plain_no(error: ApiError, plain: bool) -> None:
    assert is_plain(error) is plain
