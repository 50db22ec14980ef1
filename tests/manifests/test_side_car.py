"""The fetcher has a network also where the mesh gives none to what starts before the side car."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.core.plan import DesiredVersion
from modelrollout.manifests.drift import differs
from modelrollout.manifests.kept import made_from_mark
from modelrollout.manifests.platform import PLATFORM_ANNOTATION, Platform
from modelrollout.manifests.serving import deployment
from modelrollout.manifests.side_car import user_with_network
from tests.manifests.render import CASES, load, rollout_of

Object = dict[str, Any]
ROLLOUT, SPEC = rollout_of(load(CASES / "version-from-https" / "in.yaml")[0]["rollout"])
URI = "https://models.example.com/fraud-1187.tar.gz"
PLAIN = Platform("modelrollout:0.1.0")
AS_PROXY = replace(PLAIN, fetch_user=1337)


def pod(before: list[str], beside: list[str], **proxy: Any) -> Object:
    """A pod with these containers, in the order in which Istio puts them."""
    containers = [{"name": name, **(proxy if name == "istio-proxy" else {})} for name in beside]
    return {"spec": {"initContainers": [{"name": name} for name in before], "containers": containers}}


ORDINARY = pod(["istio-validation", "fetch"], ["serving", "istio-proxy"])
PODS: dict[str, tuple[list[Object], int | None]] = {
    "no side car": ([pod(["fetch"], ["serving"])], None),
    "no pod": ([], None),
    "without the plugin the redirection comes last": ([pod(["fetch", "istio-init"], ["serving", "istio-proxy"])], None),
    "a native side car comes first": ([pod(["istio-validation", "istio-proxy", "fetch"], ["serving"])], None),
    "the plugin, and a side car that comes last": ([ORDINARY], 1337),
    "one pod of several": ([pod(["fetch"], ["serving"]), ORDINARY], 1337),
    "a proxy of another user": (
        [pod(["istio-validation", "fetch"], ["istio-proxy", "serving"], securityContext={"runAsUser": 1000670001})],
        1000670001,
    ),
    "a proxy of nobody in particular": (
        [pod(["istio-validation", "fetch"], ["istio-proxy", "serving"], securityContext={})],
        1337,
    ),
}


@pytest.mark.parametrize(("pods", "user"), PODS.values(), ids=PODS)
def test_who_has_a_network(pods: list[Object], user: int | None) -> None:
    assert user_with_network(pods) == user


def made(platform: Platform, live: Object | None = None, uri: str = URI, *, settled: bool = False) -> Object:
    return deployment(ROLLOUT, SPEC, DesiredVersion("2.4.1187", uri, None, 1, settled=settled), platform, live)


def users(item: Object) -> tuple[int | None, int | None]:
    """Of the fetcher and the server; None for that of the pod."""
    spec = item["spec"]["template"]["spec"]
    return tuple(spec[kind][0]["securityContext"].get("runAsUser") for kind in ("initContainers", "containers"))


def test_the_fetcher_alone_is_the_proxys_user() -> None:
    assert users(made(AS_PROXY)) == (1337, None)
    assert users(made(PLAIN)) == (None, None)


def test_from_a_volume_it_needs_no_network() -> None:
    assert users(made(AS_PROXY, uri="pvc://models/fraud/1187")) == (None, None)


def test_pods_that_wait_for_it_are_made_anew_and_once() -> None:
    live = made(PLAIN)
    after = made(AS_PROXY, live)
    assert users(after) == (1337, None)
    assert made_from_mark(after["spec"]["template"]) != made_from_mark(live["spec"]["template"]), (
        "those before it fail, and that says nothing of these"
    )
    assert not differs(made(AS_PROXY, after), after)
    assert not differs(made(PLAIN, after), after), "none of its pods is there at this moment"
    assert not differs(made(PLAIN, after, settled=True), after)


def test_pods_that_have_come_up_are_not_touched() -> None:
    live = made(PLAIN)
    assert not differs(made(AS_PROXY, live, settled=True), live)


def test_what_is_known_of_older_deployments_stays_as_it_is_written() -> None:
    assert "fetch_user" not in made(PLAIN)["metadata"]["annotations"][PLATFORM_ANNOTATION]
    assert Platform.of(made(AS_PROXY)) == AS_PROXY


def test_from_a_volume_to_the_network_the_fetcher_changes_its_user() -> None:
    live = made(PLAIN, uri="pvc://models/fraud/1187")
    assert users(made(AS_PROXY, live, settled=True)) == (1337, None)
