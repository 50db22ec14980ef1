"""When is a live object as desired? What the API server itself makes of an object is tested in test_stability.py."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from modelrollout.api.route import EVERYBODY, Route, Split
from modelrollout.core.plan import DesiredVersion, Recovery
from modelrollout.manifests.drift import differs
from modelrollout.manifests.istio import RECOVERY_ANNOTATION, virtual_service
from modelrollout.manifests.meta import DESIRED_ANNOTATION
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment, service
from tests.manifests.render import CASES, FORMER_VERSION, load, rollout_of

Object = dict[str, Any]
Edit = Callable[[Object], Any]


def desired_deployment() -> Object:
    rollout, spec = rollout_of(load(CASES / "version-from-a-volume" / "in.yaml")[0]["rollout"])
    version = DesiredVersion("2.4.1187", spec.model.uri, spec.model.digest, 3)
    return deployment(rollout, spec, version, Platform("modelrollout:0.1.0"))


def desired_route() -> Object:
    rollout, spec = rollout_of(load(CASES / "route-with-candidate" / "in.yaml")[0]["rollout"])
    route = Route(splits=(Split(name=EVERYBODY, shares={"2.3.1160": 90, "2.4.1187": 10}),))
    return virtual_service(rollout, spec, route, Recovery("2.3.1160", ("2.4.1187",)))


def pod(item: Object) -> Object:
    found: Object = item["spec"]["template"]["spec"]
    return found


def server(item: Object) -> Object:
    found: Object = pod(item)["containers"][0]
    return found


DEPLOYMENT_EDITS: dict[str, tuple[Edit, bool]] = {
    "untouched": (lambda item: None, False),
    "without kind, as in a list": (lambda item: (item.pop("kind"), item.pop("apiVersion")), False),
    "defaults of the API server": (
        lambda item: pod(item).update(dnsPolicy="ClusterFirst", restartPolicy="Always"),
        False,
    ),
    "a quantity in another form": (lambda item: server(item)["resources"]["limits"].update(memory="1024Mi"), False),
    "half a core as a fraction": (lambda item: server(item)["resources"]["requests"].update(cpu="0.5"), False),
    "another manager's side car": (lambda item: pod(item)["containers"].insert(0, {"name": "proxy"}), False),
    "another manager's label": (lambda item: item["metadata"]["labels"].update(team="risk"), False),
    "replicas": (lambda item: item["spec"].update(replicas=2), True),
    "image": (lambda item: server(item).update(image="nginx"), True),
    "a flag less": (lambda item: server(item)["args"].pop(), True),
    "a flag more": (lambda item: server(item)["args"].append("--enable_batching"), True),
    "memory": (lambda item: server(item)["resources"]["limits"].update(memory="2Gi"), True),
    "no container of ours": (lambda item: pod(item).update(containers=[{"name": "proxy"}]), True),
    "a label of ours": (lambda item: item["metadata"]["labels"].pop("modelrollout.dev/version"), True),
    "made from another wish": (lambda item: item["metadata"]["annotations"].update({DESIRED_ANNOTATION: "0"}), True),
    "no annotations": (lambda item: item["metadata"].pop("annotations"), True),
}

ROUTE_EDITS: dict[str, tuple[Edit, bool]] = {
    "untouched": (lambda item: None, False),
    "a weight": (lambda item: item["spec"]["http"][1]["route"][0].update(weight=80), True),
    "a rule in front": (lambda item: item["spec"]["http"].insert(0, {"name": "mine", "route": []}), True),
    "a rule behind": (lambda item: item["spec"]["http"].append({"name": "mine", "route": []}), True),
    "rules turned round": (lambda item: item["spec"]["http"].reverse(), True),
    "a fault in a rule": (lambda item: item["spec"]["http"][1].update(fault={"abort": {"httpStatus": 500}}), True),
    "a mirror": (lambda item: item["spec"]["http"][0].update(mirror={"host": "elsewhere"}), True),
    "a host": (lambda item: item["spec"]["hosts"].append("other"), True),
    "no gateways": (lambda item: item["spec"].pop("gateways"), True),
    "no rules": (lambda item: item["spec"].pop("http"), True),
    "no spec": (lambda item: item.pop("spec"), True),
    "the note": (lambda item: item["metadata"]["annotations"].update({RECOVERY_ANNOTATION: "{}"}), True),
}


@pytest.mark.parametrize(("edit", "expected"), DEPLOYMENT_EDITS.values(), ids=DEPLOYMENT_EDITS)
def test_a_deployment_is_applied_again(edit: Edit, expected: bool) -> None:
    live = copy.deepcopy(desired_deployment())
    edit(live)
    assert differs(desired_deployment(), live) is expected


@pytest.mark.parametrize(("edit", "expected"), ROUTE_EDITS.values(), ids=ROUTE_EDITS)
def test_a_route_is_applied_again(edit: Edit, expected: bool) -> None:
    live = copy.deepcopy(desired_route())
    edit(live)
    assert differs(desired_route(), live) is expected


def test_a_note_that_is_to_change_is_applied() -> None:
    rollout, spec = rollout_of(load(CASES / "route-with-candidate" / "in.yaml")[0]["rollout"])
    before, after = (virtual_service(rollout, spec, Route.to("1.0.1"), Recovery(name)) for name in ("1.0.1", "1.0.2"))
    assert differs(after, before)


def test_an_upgrade_of_the_operator_touches_no_version() -> None:
    """The file holds what an operator of 0.1 has written: pods made anew would be a restart of every model. Whether the
    version serves or is being loaded, its pods stay; only what is written down beside them is new."""
    (case,) = load(FORMER_VERSION)
    rollout, spec = rollout_of(case["rollout"])
    platform, (live, of_it) = Platform("modelrollout:0.1.0"), case["live"]
    for settled in (True, False):
        version = DesiredVersion(**case["version"], settled=settled)
        assert deployment(rollout, spec, version, platform, live)["spec"] == live["spec"]
        assert service(rollout, spec, version) == of_it


def test_what_is_not_there_is_applied() -> None:
    assert differs(desired_route(), None)


def test_a_write_on_condition_of_a_resource_version_leaves_nothing_to_be_done() -> None:
    desired, live = desired_route(), desired_route()
    desired["metadata"]["resourceVersion"], live["metadata"]["resourceVersion"] = "41", "42"
    assert not differs(desired, live)
