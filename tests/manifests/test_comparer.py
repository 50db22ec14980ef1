"""The comparer's objects and the copies that are sent to it; what they look like is in cases/."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given

from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW, Route, Split
from modelrollout.api.shadow import Shadow
from modelrollout.core.observation import LiveRoute
from modelrollout.core.plan import DesiredComparer
from modelrollout.manifests.comparer import comparer_deployment, comparer_name
from modelrollout.manifests.destinations import destinations
from modelrollout.manifests.drift import differs
from modelrollout.manifests.istio import live_route, moved, virtual_service
from modelrollout.manifests.meta import NAME_LIMIT, child_name
from modelrollout.manifests.platform import Platform
from modelrollout.resource.spec import Spec
from tests.apiserver import ApiServer
from tests.kubernetes import Kubernetes
from tests.manifests.render import CASES, load, rollout_of
from tests.manifests.test_moved import GONE, OLD, TO_CONTROL
from tests.manifests.test_routes import OURS, SPEC, epochs, routes, specs

Object = dict[str, Any]

COMPARER = DesiredComparer("1800000000-1f2e3d4c", "2.3.1160", ("2.4.1187",), Shadow(percent=0.01), mirrors=True)


def copied(route: Route, spec: Spec = SPEC, epoch: int = 0) -> Object:
    return virtual_service(OURS, spec, route, None, epoch, COMPARER)


@given(routes(), specs, epochs)
def test_a_route_that_is_copied_is_read_as_the_same_route(route: Route, spec: Spec, epoch: int) -> None:
    found = live_route(copied(route, spec, epoch), OURS)
    assert found == LiveRoute(route=route, named=route.versions), "copies give no version a request"


@given(routes())
def test_every_rule_is_copied_but_those_of_previews_and_none_before_the_comparer_is_there(route: Route) -> None:
    names = {rule["name"] for rule in copied(route)["spec"]["http"] if "mirrors" in rule}
    kept = [split for split in route.splits if not split.is_preview]
    assert names == {split.name + suffix for split in kept for suffix in ("", "-grpc")}
    without = DesiredComparer(COMPARER.trial, COMPARER.control, COMPARER.arms, COMPARER.settings)
    plain = virtual_service(OURS, SPEC, route)
    assert virtual_service(OURS, SPEC, route, comparer=without) == plain


HALF = Route(splits=(Split(name=EVERYBODY, shares={"2.3.1160": 50, "2.4.1187": 50}),))
EDITS = {
    "taken out": lambda rule: rule.pop("mirrors"),
    "to somebody else": lambda rule: rule["mirrors"][0]["destination"].update(host="elsewhere"),
    "of more requests": lambda rule: rule["mirrors"][0]["percentage"].update(value=100),
    "of all requests": lambda rule: rule["mirrors"][0].pop("percentage"),
    "to one more": lambda rule: rule["mirrors"].append({"destination": {"host": "elsewhere"}}),
    "without a time limit": lambda rule: rule.pop("timeout"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_copies_that_somebody_edits_are_written_again_and_the_route_is_what_it_was(edit: Any) -> None:
    live = copy.deepcopy(copied(HALF))
    edit(live["spec"]["http"][1])
    assert differs(copied(HALF), live)
    found = live_route(live, OURS)
    assert found is not None
    assert found.route == HALF


def test_copies_that_are_no_longer_wanted_go() -> None:
    assert differs(virtual_service(OURS, SPEC, HALF), copied(HALF))


@pytest.mark.parametrize("route", GONE.values(), ids=GONE)
def test_where_the_route_is_refused_as_a_whole_nothing_is_copied(route: Route) -> None:
    """What is refused may be the copies."""
    written = moved(copied(route), virtual_service(OURS, SPEC, TO_CONTROL, comparer=COMPARER))
    assert [rule.get("mirrors") for rule in written["spec"]["http"]] == [None, None]
    assert {version for item in destinations(written, OURS) for version in item.versions} == {OLD}


NAMES = {"short": ("fraud", "fraud-shadow"), "as long as it may be": ("f" * 56, "f" * 56 + "-shadow")}


@pytest.mark.parametrize(("rollout", "name"), NAMES.values(), ids=NAMES)
def test_it_is_named_by_its_rollout(rollout: str, name: str) -> None:
    assert comparer_name(rollout) == name


def test_names_that_would_be_too_long_are_told_apart_by_a_digest() -> None:
    names = {comparer_name("f" * 57), comparer_name("f" * 58), comparer_name("f" * 57 + "g")}
    assert len(names) == 3
    assert all(len(name) <= NAME_LIMIT for name in names)
    taken = {child_name("fraud", "1.0.1", split) for split in (EVERYBODY, MATCHED, PREVIEW, "shadow", "segment-shadow")}
    assert comparer_name("fraud") not in taken


@pytest.mark.apiserver
def test_its_pod_fits_the_restricted_level(kubernetes: Kubernetes, api_server: ApiServer) -> None:
    """Asked of the admission plugin itself: it warns about what does not fit."""
    namespace = kubernetes.namespace()
    label = {"pod-security.kubernetes.io/warn": "restricted"}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": label}}
    api_server.apply(f"/api/v1/namespaces/{namespace}", body)
    rollout, spec = rollout_of(load(CASES / "comparer" / "in.yaml")[0]["rollout"])
    made = comparer_deployment(rollout, spec, COMPARER, Platform("modelrollout:0.1.0"))
    made["metadata"]["namespace"] = namespace
    done = api_server.run(
        "kubectl", "apply", "--dry-run=server", "--server-side", "-f", "-", given=yaml.safe_dump(made)
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
