"""Whom ``traffic.match`` is for, by a real Envoy that routes as the operator writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from modelrollout.api.match import RequestMatch
from modelrollout.api.route import EVERYBODY, MATCHED, Route, Split
from modelrollout.manifests.istio import virtual_service
from modelrollout.manifests.meta import service_host
from tests import envoy_routes
from tests.envoy_routes import Gateway
from tests.manifests.test_stickiness import NEW, OLD, ROLLOUT, rollout_with

pytestmark = pytest.mark.apiserver

CALLERS = {"app": "checkout", "team": "payments"}


def written(*match: Mapping[str, Any]) -> dict[str, Any]:
    """Matched requests go to the new version, all others to the old one."""
    who = tuple(RequestMatch.model_validate(item) for item in match)
    route = Route(splits=(Split(name=MATCHED, shares={NEW: 100}, who=who), *Route.to(OLD).splits))
    return virtual_service(ROLLOUT, rollout_with(match=list(match))[1], route)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    hosts = {
        service_host("fraud", "prod", version, split): version
        for version in (OLD, NEW)
        for split in (EVERYBODY, MATCHED)
    }
    folder = tmp_path_factory.mktemp("envoy")
    with envoy_routes.running(folder, hosts, written({"headers": {"x-beta": {"exact": "yes"}}})) as found:
        yield found


def asked(gateway: Gateway, **headers: str) -> str:
    return requests.post(f"http://{gateway.address}/v1/models/fraud:predict", headers=headers, timeout=10).text


@pytest.mark.parametrize("cookie", ["beta=v1.2", "a=b; beta=v1.2", "a=b;beta=v1.2;c=d", "a=beta; beta=v1.2; c=d"])
def test_who_has_the_cookie(gateway: Gateway, cookie: str) -> None:
    gateway.follow(written({"cookies": {"beta": {"exact": "v1.2"}}}))
    assert asked(gateway, cookie=cookie) == NEW


@pytest.mark.parametrize("cookie", ["", "beta=v1x2", "beta=v1.20", "xbeta=v1.2", "beta=a; c=v1.2", "a=beta=v1.2"])
def test_who_has_another_one(gateway: Gateway, cookie: str) -> None:
    """Also who has the name of one and the value of another."""
    gateway.follow(written({"cookies": {"beta": {"exact": "v1.2"}}}))
    assert asked(gateway, **({"cookie": cookie} if cookie else {})) == OLD


@pytest.mark.parametrize("form", [{"prefix": "st"}, {"regex": "(st|ad)[^x]+"}, {"regex": ".{5}"}, {"prefix": ""}])
def test_a_form_holds_within_one_cookie(gateway: Gateway, form: Mapping[str, str]) -> None:
    gateway.follow(written({"cookies": {"group": form}}))
    assert asked(gateway, cookie="a=b; group=staff; c=x") == NEW
    assert asked(gateway, cookie="a=b; grou=p; c=staff") == OLD


def test_all_that_is_given_must_match(gateway: Gateway) -> None:
    gateway.follow(written({"cookies": {"beta": {"exact": "yes"}}, "headers": {"x-country": {"exact": "de"}}}))
    assert asked(gateway, cookie="beta=yes", **{"x-country": "de"}) == NEW
    assert asked(gateway, cookie="beta=yes") == asked(gateway, **{"x-country": "de"}) == OLD


@pytest.mark.parametrize(
    ("labels", "version"),
    [
        ({}, OLD),
        ({"app": "checkout"}, OLD),
        ({"app": "shop", "team": "payments"}, OLD),
        (CALLERS, NEW),
        (CALLERS | {"a": "b"}, NEW),
    ],
)
def test_the_pods_that_ask(gateway: Gateway, labels: Mapping[str, str], version: str) -> None:
    """Each pod has a proxy of its own, and that follows what is for its labels."""
    gateway.follow(written({"sourceLabels": CALLERS}, {"headers": {"x-beta": {"exact": "yes"}}}), labels)
    assert asked(gateway) == version
    assert asked(gateway, **{"x-beta": "yes"}) == NEW
