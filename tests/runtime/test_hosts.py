"""Whose hosts are whose, as the watches tell it: a table of objects, and who is found for a host."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, VIRTUAL_SERVICES, Resource
from modelrollout.runtime.world import World


def route(name: str, hosts: Any, version: int = 1) -> tuple[Resource, dict[str, Any]]:
    described = {"name": name, "namespace": "prod", "resourceVersion": str(version)}
    return VIRTUAL_SERVICES, {"metadata": described, "spec": {"hosts": hosts, "gateways": ["mesh"]}}


def rollout(name: str, hosts: Any, version: int = 1) -> tuple[Resource, dict[str, Any]]:
    described = {"name": name, "namespace": "prod", "resourceVersion": str(version)}
    return MODEL_ROLLOUTS, {"metadata": described, "spec": {"traffic": {"hosts": hosts}}}


def world_of(*told: tuple[Resource, dict[str, Any]]) -> World:
    unused: Any = None
    world = World(unused)
    world.all_listed()
    for resource, item in told:
        world.saw((item["metadata"]["namespace"], item["metadata"]["name"]), resource, item)
    return world


def found(world: World, *hosts: str, namespace: str = "prod") -> list[str]:
    by_kind = world.claimants(hosts, namespace)
    return [f"{kind.plural}/{item['metadata']['name']}" for kind, items in by_kind.items() for item in items]


CASES: dict[str, tuple[list[tuple[Resource, dict[str, Any]]], tuple[str, ...], list[str]]] = {
    "nobody": ([route("a", ["a.example.com"])], ("b.example.com",), []),
    "a route": ([route("a", ["a.example.com"])], ("a.example.com",), ["virtualservices/a"]),
    "a rollout": ([rollout("a", ["a.example.com"])], ("a.example.com",), ["modelrollouts/a"]),
    "one of several hosts": (
        [route("a", ["x.example.com", "a.example.com"])],
        ("b.example.com", "a.example.com"),
        ["virtualservices/a"],
    ),
    "a Service by its short name": (
        [route("a", ["fraud"])],
        ("fraud.prod.svc.cluster.local",),
        ["virtualservices/a"],
    ),
    "all who name it": (
        [route("b", ["a.example.com"]), rollout("a", ["a.example.com"]), route("a", ["a.example.com"])],
        ("a.example.com",),
        ["modelrollouts/a", "virtualservices/a", "virtualservices/b"],
    ),
    "one that names another host by now": (
        [route("a", ["a.example.com"]), route("a", ["b.example.com"], 2)],
        ("a.example.com",),
        [],
    ),
    "what is not in order names none": (
        [route("a", None), rollout("b", "no list"), rollout("c", [7]), (MODEL_ROLLOUTS, rollout("d", [])[1])],
        ("a.example.com",),
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_who_names_a_host(case: str) -> None:
    told, hosts, names = CASES[case]
    assert found(world_of(*told), *hosts) == names


def test_whoever_is_gone_names_none() -> None:
    world = world_of(route("a", ["a.example.com"]), rollout("a", ["a.example.com"]))
    world.lost(("prod", "a"), VIRTUAL_SERVICES, "a", "2")
    assert found(world, "a.example.com") == ["modelrollouts/a"]
    world.lost(("prod", "a"), MODEL_ROLLOUTS, "a", "3")
    assert found(world, "a.example.com") == []


def test_a_short_name_is_another_service_in_another_namespace() -> None:
    world = world_of(route("a", ["fraud"]))
    assert found(world, "fraud", namespace="test") == []
    assert found(world, "fraud.prod.svc", namespace="test") == ["virtualservices/a"]
