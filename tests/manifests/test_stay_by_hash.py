"""Who stays with a version by an id of any form that the proxies hash, by a real Envoy with the mesh's filter."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.route import EVERYBODY, MATCHED, Route, Split
from modelrollout.manifests.istio import moved
from tests.envoy_routes import Gateway
from tests.manifests import test_stickiness
from tests.manifests.test_stickiness import (
    BETA,
    NEW,
    OLD,
    OTHER,
    User,
    is_near,
    rollout_with,
    shared,
    shares_of,
    together,
)

pytestmark = pytest.mark.apiserver

BY_HASH = {"header": {"name": "X-Customer", "method": "MeshHash"}}
STICKY = rollout_with(affinity=BY_HASH)[1]
THREE = shared(old=50, new=30, other=20)


def written(route: Route, **more: Any) -> dict[str, Any]:
    return test_stickiness.written(route, **{"spec": STICKY, **more})


def customers(count: int) -> list[User]:
    """With numbers that follow each other: their ends are anything but random."""
    return [User(headers={"x-customer": f"customer-{1000 + 16 * number}"}) for number in range(count)]


def test_any_id_has_one_version_and_the_shares_are_what_they_say(gateway: Gateway) -> None:
    gateway.follow(written(THREE))
    known = together(gateway, customers(3000), times=3)
    assert [len(set(user.versions)) for user in known] == [1] * len(known)
    assert all(
        is_near(shares_of(known)[version], 3000, share) for version, share in ((OLD, 50), (NEW, 30), (OTHER, 20))
    )


def test_a_change_of_the_shares_moves_those_that_it_must_and_few_others(gateway: Gateway) -> None:
    gateway.follow(written(THREE, epoch=7))
    known = together(gateway, customers(2000))
    gateway.follow(written(shared(old=40, new=40, other=20), epoch=8))
    together(gateway, known)
    moved_on = sum(user.versions[0] != user.versions[1] for user in known)
    assert is_near(moved_on, len(known), 10), "a tenth has to"


def test_shares_in_hundredths_deal_nobody_anew(gateway: Gateway) -> None:
    """Of a bandit with a floor below 1 %: the sum of the weights stays the same."""
    gateway.follow(written(shared(old=90, new=10)))
    known = together(gateway, customers(2000))
    finer = Route(splits=(Split(name=EVERYBODY, shares={OLD: 90.25, NEW: 9.75}),))
    gateway.follow(written(finer))
    together(gateway, known)
    assert sum(user.versions[0] != user.versions[1] for user in known) < 30


@pytest.mark.parametrize(
    "headers", [{}, {"x-customer": ""}, {"x-other": "customer-1"}], ids=["none", "empty", "another"]
)
def test_who_has_no_id_is_drawn_each_time(gateway: Gateway, headers: dict[str, str]) -> None:
    gateway.follow(written(shared(old=50, new=50)))
    found = shares_of(together(gateway, [User(headers=headers) for _ in range(1000)]))
    assert is_near(found[NEW], 1000, 50)


def test_the_matched_requests_are_dealt_among_themselves(gateway: Gateway) -> None:
    route = Route(
        splits=(
            Split(name=MATCHED, shares={OLD: 50, NEW: 50}, who=BETA),
            Split(name=EVERYBODY, shares={OLD: 100}),
        )
    )
    gateway.follow(written(route))
    beta = [User(headers={**user.headers, "x-beta": "yes"}) for user in customers(1000)]
    together(gateway, beta, times=2)
    assert [len(set(user.versions)) for user in beta] == [1] * len(beta)
    assert is_near(shares_of(beta)[NEW], 1000, 50)
    assert shares_of(together(gateway, customers(200))) == {OLD: 200}


def test_a_rollback_leads_nobody_to_what_has_failed(gateway: Gateway) -> None:
    """In the same write, and also where all that can be written are the destinations."""
    before = written(shared(old=50, new=50))
    gateway.follow(before)
    known = together(gateway, customers(300))
    back = written(Route.to(OLD))
    for route in (back, moved(before, back)):
        gateway.follow(before)
        gateway.follow(route)
        together(gateway, known)
        assert {user.versions[-1] for user in known} == {OLD}
        assert "mesh-hash" not in str(route["spec"])
