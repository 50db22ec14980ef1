"""What may be deleted, by what was read of the cluster."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, SERVICES, VIRTUAL_SERVICES
from modelrollout.api.match import RequestMatch
from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW, Route, Split
from modelrollout.core.plan import DesiredVersion
from modelrollout.manifests.istio import virtual_service
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment, service
from modelrollout.runtime.removal import has_requests, objects_of, unused_services
from modelrollout.runtime.world import Snapshot
from tests.manifests.render import FORMER_ROUTES, load, rollout_of

Object = dict[str, Any]

OLD, NEW = "2.3.1160", "2.4.1187"
ROLLOUT, SPEC = rollout_of(load(FORMER_ROUTES / "some-requests.yaml")[0]["rollout"])
MATCHES = SPEC.traffic.match
WHO = (RequestMatch.model_validate({"headers": {"x-model-preview": {"exact": "green"}}}),)


def version(name: str, *splits: str) -> DesiredVersion:
    return DesiredVersion(name, SPEC.model.uri, None, 1, splits or (EVERYBODY,))


def snapshot(live: Object | None, *versions: DesiredVersion) -> Snapshot:
    """The objects of these versions, and a VirtualService."""
    services = [service(ROLLOUT, SPEC, item, split) for item in versions for split in item.splits]
    deployments = [deployment(ROLLOUT, SPEC, item, Platform("modelrollout:0.1.0")) for item in versions]
    found = {SERVICES: services, DEPLOYMENTS: deployments, VIRTUAL_SERVICES: [live] if live else []}
    objects = {resource: {item["metadata"]["name"]: item for item in items} for resource, items in found.items()}
    return Snapshot(objects)


def written(*splits: Split) -> Object:
    return virtual_service(ROLLOUT, SPEC, Route(splits=splits))


def edited(**rule: Any) -> Object:
    """All to the old version, and a rule of somebody's in front."""
    live = written(*Route.to(OLD).splits)
    live["spec"]["http"].insert(0, rule)
    return live


def former(name: str) -> Object:
    found: Object = load(FORMER_ROUTES / f"{name}.yaml")[0]["live"]
    return found


TO_OLD = Route.to(OLD).splits
NEW_HOST = "fraud-2-4-1187.prod.svc.cluster.local"

REQUESTS: dict[str, tuple[Object | None, bool]] = {
    "no route": (None, False),
    "it is not named": (written(*TO_OLD), False),
    "it has a share": (written(Split(name=EVERYBODY, shares={OLD: 99, NEW: 1})), True),
    "it has a share of some requests": (
        written(Split(name=MATCHED, shares={OLD: 99, NEW: 1}, who=MATCHES), *TO_OLD),
        True,
    ),
    "it has a preview": (written(Split(name=PREVIEW, shares={NEW: 100}, who=WHO), *TO_OLD), True),
    "a rule of somebody's leads to it": (edited(route=[{"destination": {"host": NEW_HOST}}]), True),
    "one leads to it by its short name": (edited(route=[{"destination": {"host": "fraud-2-4-1187-matched"}}]), True),
    "one mirrors to it": (edited(mirror={"host": NEW_HOST}), True),
    "a rule of somebody's gives it weight 0": (
        edited(
            route=[
                {"destination": {"host": NEW_HOST}, "weight": 0},
                {"destination": {"host": "elsewhere"}, "weight": 100},
            ]
        ),
        False,
    ),
    "a rule of before gives it all": (former("after-the-switch"), True),
    "a rule of before gives it a share": (former("candidate"), True),
    "a rule of before gives it a preview": (former("preview"), True),
}


@pytest.mark.parametrize(("live", "expected"), REQUESTS.values(), ids=REQUESTS)
def test_whether_a_version_has_requests(live: Object | None, expected: bool) -> None:
    seen = snapshot(live, version(OLD), version(NEW, EVERYBODY, MATCHED))
    assert has_requests(NEW, seen, ROLLOUT) is expected


def test_a_version_of_weight_0_in_a_rule_of_before_may_go() -> None:
    seen = snapshot(former("after-the-switch"), version(OLD), version(NEW))
    assert not has_requests(OLD, seen, ROLLOUT)


def test_a_service_with_a_digest_in_its_name_is_known_as_the_versions() -> None:
    """From such a name the version cannot be read, and somebody has taken the mark off."""
    rollout, spec = rollout_of({"metadata": {"name": "f" * 53}, "spec": load_spec()})
    wanted = DesiredVersion(NEW, spec.model.uri, None, 1, (EVERYBODY, MATCHED))
    route = Route(splits=(Split(name=MATCHED, shares={NEW: 100}, who=MATCHES), *TO_OLD))
    live = virtual_service(rollout, spec, route)
    for rule in live["spec"]["http"]:
        for item in rule["route"]:
            del item["headers"]
    services = [service(rollout, spec, wanted, split) for split in wanted.splits]
    objects = {SERVICES: {item["metadata"]["name"]: item for item in services}, VIRTUAL_SERVICES: {"f": live}}
    assert has_requests(NEW, Snapshot(objects), rollout)


def load_spec() -> Object:
    spec: Object = load(FORMER_ROUTES / "some-requests.yaml")[0]["rollout"]["spec"]
    return spec


def test_everything_of_a_version_goes_and_its_deployment_last() -> None:
    seen = snapshot(None, version(OLD), version(NEW, EVERYBODY, MATCHED))
    assert [(resource.plural, item["metadata"]["name"]) for resource, item in objects_of(NEW, seen)] == [
        ("services", "fraud-2-4-1187"),
        ("services", "fraud-2-4-1187-matched"),
        ("deployments", "fraud-2-4-1187"),
    ]


SERVED_MATCHED = Split(name=MATCHED, shares={OLD: 100}, who=MATCHES)

UNUSED: dict[str, tuple[Object | None, tuple[DesiredVersion, ...], list[str]]] = {
    "none is needed": (written(*TO_OLD), (version(OLD),), ["fraud-2-3-1160-matched", "fraud-2-3-1160-preview"]),
    "one is needed": (written(*TO_OLD), (version(OLD, EVERYBODY, MATCHED),), ["fraud-2-3-1160-preview"]),
    "one is used": (written(SERVED_MATCHED, *TO_OLD), (version(OLD),), ["fraud-2-3-1160-preview"]),
    "one is used by a rule of somebody's": (
        edited(route=[{"destination": {"host": "fraud-2-3-1160-preview"}, "weight": 0}]),
        (version(OLD),),
        ["fraud-2-3-1160-matched"],
    ),
    "what is not deployed is left to its removal": (written(*TO_OLD), (), []),
    "that for everybody is never unused": (written(*Route.to(NEW).splits), (version(OLD, MATCHED, PREVIEW),), []),
    "the route is not known": (None, (version(OLD),), []),
}


@pytest.mark.parametrize(("live", "versions", "expected"), UNUSED.values(), ids=UNUSED)
def test_unused_services(live: Object | None, versions: tuple[DesiredVersion, ...], expected: list[str]) -> None:
    seen = snapshot(live, version(OLD, EVERYBODY, MATCHED, PREVIEW))
    found = unused_services(versions, seen, ROLLOUT)
    assert [item["metadata"]["name"] for item in found] == expected
