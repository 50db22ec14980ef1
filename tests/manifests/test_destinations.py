"""Whom the rules of a live VirtualService lead to, whatever somebody made of them."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.manifests.destinations import Destination, destinations
from tests.manifests.render import FORMER_ROUTES, load, rollout_of

ROLLOUT, _ = rollout_of(load(FORMER_ROUTES / "candidate.yaml")[0]["rollout"])


def to(host: object, weight: object = None, mark: object = None) -> dict[str, Any]:
    fields: dict[str, Any] = {"destination": {"host": host}}
    fields |= {"weight": weight} if weight is not None else {}
    return fields | ({"headers": {"response": {"set": {"x-model-version": mark}}}} if mark is not None else {})


def http(*routed: Any, **fields: Any) -> dict[str, Any]:
    return {"http": [{"route": list(routed), **fields}]}


FULL = ".prod.svc.cluster.local"
ONE = Destination("fraud-1-0-1", frozenset({"1.0.1"}), False)
NOWHERE = Destination(None, frozenset(), False)

CASES: dict[str, tuple[Any, list[Destination]]] = {
    "by its host": (http(to("fraud-1-0-1" + FULL)), [ONE]),
    "by its short host": (http(to("fraud-1-0-1")), [ONE]),
    "by its host without the cluster's domain": (http(to("fraud-1-0-1.prod.svc")), [ONE]),
    "in a split": (
        http(to("fraud-1-0-1-matched" + FULL)),
        [Destination("fraud-1-0-1-matched", frozenset({"1.0.1"}), False)],
    ),
    "by a name with a digest": (
        http(to("fraud-1-0-1-x0123456789" + FULL)),
        [Destination("fraud-1-0-1-x0123456789", frozenset({"1.0.1"}), False)],
    ),
    "by its mark alone": (http(to("elsewhere.com", mark="1.0.1")), [Destination(None, frozenset({"1.0.1"}), False)]),
    "by host and mark, which disagree": (
        http(to("fraud-1-0-1" + FULL, mark="2.0.1")),
        [Destination("fraud-1-0-1", frozenset({"1.0.1", "2.0.1"}), False)],
    ),
    "another namespace": (http(to("fraud-1-0-1.dev.svc.cluster.local")), [NOWHERE]),
    "another rollout": (http(to("fraud-eu-1-0-1")), [Destination("fraud-eu-1-0-1", frozenset(), False)]),
    "weight 0 beside another": (
        http(to("fraud-1-0-1", 0), to("fraud-2-0-1", 100)),
        [
            Destination("fraud-1-0-1", frozenset({"1.0.1"}), True),
            Destination("fraud-2-0-1", frozenset({"2.0.1"}), False),
        ],
    ),
    "weight 0 alone: the mesh sends it everything": (http(to("fraud-1-0-1", 0)), [ONE]),
    "no weight beside another: in doubt it is used": (
        http(to("fraud-1-0-1"), to("fraud-2-0-1", 100)),
        [ONE, Destination("fraud-2-0-1", frozenset({"2.0.1"}), False)],
    ),
    "a mirror": (http(mirror={"host": "fraud-1-0-1"}), [ONE]),
    "several mirrors": (
        http(mirrors=[{"destination": {"host": "fraud-1-0-1"}}, {"destination": {"host": "x.y"}}]),
        [ONE, NOWHERE],
    ),
    "TCP": ({"tcp": [{"route": [to("fraud-1-0-1")]}]}, [ONE]),
    "TLS": ({"tls": [{"route": [to("fraud-1-0-1")]}]}, [ONE]),
    "hosts that are none": (http(to(None), to(7), to([])), [NOWHERE, NOWHERE, NOWHERE]),
    "rules that are none": ({"http": [None, 1, {"route": {"destination": 1}}], "tcp": "x"}, []),
    "nothing": ({}, []),
    "no spec": (None, []),
}


@pytest.mark.parametrize(("spec", "expected"), CASES.values(), ids=CASES)
def test_destinations(spec: Any, expected: list[Destination]) -> None:
    assert list(destinations({"spec": spec}, ROLLOUT)) == expected
