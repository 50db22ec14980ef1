"""Users stay with a version for an epoch: what whole passes write, what they restore, and what a way back leaves."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from modelrollout.adapters.cluster import EVENTS, VIRTUAL_SERVICES
from modelrollout.api.route import EVERYBODY
from modelrollout.resource.spec import Spec
from modelrollout.runtime.dry_run import richest_route
from tests.kubernetes import Kubernetes
from tests.manifests.test_routes import BY_ECHO, BY_ID, SPEC, STICKY
from tests.runtime.stage import Object, Stage, play

COOKIE_RULES = [f"{EVERYBODY}-{version}{suffix}" for suffix in ("-grpc", "") for version in ("1.0.1", "1.0.2")]


async def http(stage: Stage) -> list[Object]:
    live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, stage.name)
    assert live is not None
    found: list[Object] = live["spec"]["http"]
    return found


async def released(stage: Stage, affinity: Object | None = None) -> None:
    """Another version has 10 %, by a strategy that needs no metrics for it; and users stay, by a cookie if not told."""
    traffic = {
        "hosts": [f"fraud.{stage.namespace}"],
        "affinity": affinity or {"cookie": {}},
        "decisionHeader": "x-model-decision",
    }
    await stage.installed(traffic=traffic)
    stable = {"version": "1.0.1", "uri": "https://models.example.com/1.0.1.tar.gz", "weight": 90}
    await stage.submit("1.0.2", traffic=traffic, strategy={"split": {"weight": 10, "versions": [stable]}})
    await stage.passes(2)
    await stage.pods_ready("1.0.2")
    await stage.later(5)
    await stage.later(5)
    assert (await stage.weights())["fraud-1-0-2"] == 10


async def edit(stage: Stage, change: Callable[[list[Object]], Any]) -> None:
    live = await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, stage.name)
    assert live is not None
    change(live["spec"]["http"])
    await stage.cluster.replace(VIRTUAL_SERVICES, live)
    stage.heard()


@pytest.mark.apiserver
def test_a_release_with_users_that_stay(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await released(stage)
        rules, epoch = await http(stage), (await stage.status())["trial"]["epoch"]
        assert [rule["name"] for rule in rules if rule["name"].removesuffix("-grpc") != EVERYBODY] == COOKIE_RULES
        assert f"model-arm={epoch}.1.0.2; Path=/" in str(rules[-1])
        assert f"/fraud/{epoch}/1.0.2/everybody/" in str(rules[-1])
        await stage.passes(2)
        stage.writes.clear()
        await stage.passes(2)
        assert "virtualservices" not in stage.writes, "an epoch lasts"
        await stage.command("abort")
        await stage.passes()
        assert [rule["name"] for rule in await http(stage)] == ["everybody-grpc", "everybody"]
        assert "cookie" not in str(await http(stage)), "nobody is led to what was taken back"

    play(kubernetes, story)


ID = {"header": {"name": "x-user-id", "method": "HexSuffix"}}


@pytest.mark.apiserver
def test_a_release_with_users_that_stay_by_an_id(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await released(stage, ID)
        at_ten = candidates_ids(await http(stage))
        await stage.passes(2)
        stage.writes.clear()
        await stage.passes(2)
        assert "virtualservices" not in stage.writes, "what is read back is what was written"
        await stage.command("lower", "3")
        await stage.passes()
        assert candidates_ids(await http(stage)) < at_ten, "who is left has been there before"
        await stage.command("abort")
        await stage.passes()
        assert [rule["name"] for rule in await http(stage)] == ["everybody-grpc", "everybody"]
        assert "x-user-id" not in str(await http(stage)), "nobody is led to what was taken back"

    play(kubernetes, story)


def candidates_ids(rules: list[Object]) -> set[int]:
    """The buckets of the candidate, the same by both protocols."""
    rest, calls = (
        re.compile(rule["match"][0]["headers"]["x-user-id"]["regex"])
        for rule in rules
        if rule["name"].removesuffix("-grpc") == f"{EVERYBODY}-1.0.2"
    )
    assert rest == calls
    return {bucket for bucket in range(256) if rest.fullmatch(f"{bucket:02x}")}


EDITS: dict[str, tuple[Callable[[list[Object]], Any], bool]] = {
    "a cookie's rule deleted": (lambda rules: rules.pop(0), True),
    "all cookies' rules deleted": (lambda rules: rules.__setitem__(slice(0, 2), []), True),
    "a cookie's rule to another version": (
        lambda rules: rules[3].update(route=[{"destination": {"host": "elsewhere"}}]),
        True,
    ),
    "no cookie set": (lambda rules: rules[5]["route"][0]["headers"]["response"].pop("add"), True),
    "no cookie anywhere": (
        lambda rules: rules.__setitem__(
            slice(0, 6),
            [
                {**rule, "route": [_without_cookie(item) for item in rule["route"]]}
                for rule in rules
                if rule["name"].removesuffix("-grpc") == EVERYBODY
            ],
        ),
        False,  # requests go as decided, so it is set right as a time limit would be
    ),
}


def _without_cookie(item: Object) -> Object:
    return {**item, "headers": {"response": {"set": item["headers"]["response"]["set"]}}}


@pytest.mark.apiserver
@pytest.mark.parametrize(("change", "told"), EDITS.values(), ids=EDITS)
def test_what_somebody_edits_is_restored(
    kubernetes: Kubernetes, change: Callable[[list[Object]], Any], told: bool
) -> None:
    async def story(stage: Stage) -> None:
        await released(stage)
        before = await http(stage)
        await edit(stage, change)
        assert await http(stage) != before
        await stage.passes()
        assert await http(stage) == before
        reasons = [item["reason"] for item in await stage.cluster.list(EVENTS, stage.namespace)]
        assert ("RouteRestored" in reasons) == told

    play(kubernetes, story)


@pytest.mark.parametrize("spec", [STICKY, BY_ID, BY_ECHO])
def test_what_a_release_will_need_is_tried_beforehand(spec: Spec) -> None:
    assert len(richest_route(spec).everybody.shares) == 2
    assert len(richest_route(SPEC).everybody.shares) == 1
