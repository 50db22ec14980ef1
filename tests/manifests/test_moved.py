"""The way back when a route is refused as a whole: the destinations alone move, and no rule of a gone arm stays."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from modelrollout.api.match import RequestMatch
from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW, Route, Split
from modelrollout.core.plan import Recovery
from modelrollout.manifests.destinations import destinations
from modelrollout.manifests.istio import RECOVERY_ANNOTATION, live_route, moved, virtual_service
from modelrollout.manifests.meta import DESIRED_ANNOTATION
from modelrollout.resource.spec import Spec
from tests.manifests.render import FORMER_ROUTES, load, rollout_of
from tests.manifests.test_routes import BY_ECHO, BY_ID, IN_TWO_SPLITS, STICKY, epochs, routes, specs

Object = dict[str, Any]

OLD, NEW, OTHER = "2.3.1160", "2.4.1187", "2.10.1"


def who(value: str) -> tuple[RequestMatch, ...]:
    return (RequestMatch.model_validate({"headers": {"x-who": {"exact": value}}}),)


ROLLOUT, NOW = rollout_of(load(FORMER_ROUTES / "candidate.yaml")[0]["rollout"])
BEFORE = NOW.model_copy(update={"traffic": NOW.traffic.model_copy(update={"timeout": 2.0})})
TO_CONTROL = Route.to(OLD)

GONE: dict[str, Route] = {
    "a share": Route(splits=(Split(name=EVERYBODY, shares={OLD: 50, NEW: 50}),)),
    "all": Route.to(NEW),
    "a preview": Route(splits=(Split(name=PREVIEW, shares={NEW: 100}, who=who("green")), *TO_CONTROL.splits)),
    "a split": Route(splits=(Split(name=MATCHED, shares={OLD: 50, NEW: 50}, who=who("beta")), *TO_CONTROL.splits)),
    "a segment in front of a sticky split": Route(
        splits=(
            Split(name="segment-eu", shares={NEW: 100}, who=who("eu")),
            Split(name="sticky", shares={NEW: 90, OTHER: 10}, who=who("known")),
            Split(name=EVERYBODY, shares={OLD: 98, NEW: 1, OTHER: 1}),
        )
    ),
}


@pytest.mark.parametrize("route", GONE.values(), ids=GONE)
def test_no_rule_of_a_gone_arm_stays(route: Route) -> None:
    live = virtual_service(ROLLOUT, BEFORE, route)
    desired = virtual_service(ROLLOUT, NOW, TO_CONTROL)
    written = moved(live, desired)
    assert [rule["name"] for rule in written["spec"]["http"]] == ["everybody-grpc", "everybody"]
    found = live_route(written, ROLLOUT)
    assert found is not None
    assert (found.route, found.named) == (TO_CONTROL, frozenset({OLD}))
    assert [rule["timeout"] for rule in written["spec"]["http"]] == ["2s", "2s"], "the settings are those it had"


@given(routes(), routes())
def test_nobody_is_named_who_is_not_desired(before: Route, after: Route) -> None:
    """Whatever it was, and also when somebody has put rules into it."""
    live = virtual_service(ROLLOUT, BEFORE, before)
    strange = {"match": [{"port": 8500}], "route": [{"destination": {"host": "fraud-9-9-9"}}]}
    live["spec"] |= {"http": [strange, *live["spec"]["http"]], "tcp": [strange], "tls": [strange]}
    written = moved(live, virtual_service(ROLLOUT, NOW, after))
    named = {version for item in destinations(written, ROLLOUT) for version in item.versions}
    assert named == after.versions
    assert [rule["name"] for rule in written["spec"]["http"]][1::2] == [split.name for split in after.splits]


@given(routes())
def test_the_same_route_is_the_same_object_but_for_the_mark(route: Route) -> None:
    live = virtual_service(ROLLOUT, NOW, route)
    assert moved(live, live)["spec"] == live["spec"]


@given(routes(), routes(), specs, specs, epochs)
def test_nobody_stays_with_a_version_and_answers_carry_no_more_than_theirs(
    before: Route, after: Route, spec: Spec, other: Spec, epoch: int
) -> None:
    """Cookies and decisions may be what is refused; and they are not waited for by the next pass."""
    live = virtual_service(ROLLOUT, spec, before, epoch=epoch)
    desired = virtual_service(ROLLOUT, other, after, epoch=epoch + 1)
    written = moved(live, desired)
    assert [rule["route"] for rule in written["spec"]["http"]] == [
        rule["route"] for rule in virtual_service(ROLLOUT, NOW, after)["spec"]["http"]
    ]
    assert moved(written, desired)["spec"] == written["spec"]


@pytest.mark.parametrize(("spec", "header"), [(STICKY, "cookie"), (BY_ID, "x-user-id"), (BY_ECHO, "x-model-arm")])
def test_a_rollback_leaves_nobody_known(spec: Spec, header: str) -> None:
    live = virtual_service(ROLLOUT, spec, IN_TWO_SPLITS, epoch=7)
    assert header in str(live["spec"])
    written = moved(live, virtual_service(ROLLOUT, spec, TO_CONTROL))
    assert header not in str(written["spec"])
    found = live_route(written, ROLLOUT)
    assert found is not None
    assert (found.route, found.named) == (TO_CONTROL, frozenset({OLD}))


def split_of(written: Object, name: str) -> list[Object]:
    return [rule for rule in written["spec"]["http"] if rule["name"].removesuffix("-grpc") == name]


def test_a_new_rule_has_the_settings_of_everybodys() -> None:
    """For each protocol those of its own."""
    live = virtual_service(ROLLOUT, BEFORE, TO_CONTROL)
    live["spec"]["http"][0]["timeout"] = "9s"
    wanted = Route(splits=(Split(name=MATCHED, shares={OLD: 100}, who=who("beta")), *TO_CONTROL.splits))
    desired = virtual_service(ROLLOUT, NOW, wanted)
    written = moved(live, desired)
    assert [rule["timeout"] for rule in split_of(written, MATCHED)] == ["9s", "2s"]
    assert [rule["match"] for rule in split_of(written, MATCHED)] == [
        rule["match"] for rule in split_of(desired, MATCHED)
    ]


def test_without_any_live_rule_the_desired_ones_are_taken() -> None:
    desired = virtual_service(ROLLOUT, NOW, TO_CONTROL)
    for spec in ({}, {"http": None}, {"http": [{"name": 7}, None]}):
        live = {"metadata": desired["metadata"], "spec": spec}
        assert moved(live, desired)["spec"]["http"] == desired["spec"]["http"]


def test_whom_a_split_is_for_stays_as_it_is() -> None:
    """A new condition may be what is refused."""
    shares = {"before": {OLD: 50, NEW: 50}, "now": {OLD: 100}}
    before, now = (
        Route(splits=(Split(name=MATCHED, shares=shares[name], who=who(name)), *TO_CONTROL.splits)) for name in shares
    )
    written = moved(virtual_service(ROLLOUT, BEFORE, before), virtual_service(ROLLOUT, NOW, now))
    found = live_route(written, ROLLOUT)
    assert found is not None
    assert found.route == Route(splits=(before.splits[0].model_copy(update={"shares": {OLD: 100}}), now.splits[1]))


def test_everybody_stays_everybody() -> None:
    """Somebody's condition on the last rule must not leave the others without an answer."""
    live = virtual_service(ROLLOUT, BEFORE, Route.to(NEW))
    live["spec"]["http"][1]["match"] = [{"uri": {"prefix": "/v1/models/fraud:predict"}}]
    desired = virtual_service(ROLLOUT, NOW, TO_CONTROL)
    written = moved(live, desired)
    assert [rule.get("match") for rule in written["spec"]["http"]] == [
        rule.get("match") for rule in desired["spec"]["http"]
    ]


def test_it_wants_to_be_written_again_and_keeps_the_note() -> None:
    note = Recovery(OLD)
    desired = virtual_service(ROLLOUT, NOW, TO_CONTROL, note)
    written = moved(virtual_service(ROLLOUT, BEFORE, Route.to(NEW), Recovery(OLD, (NEW,))), desired)
    assert DESIRED_ANNOTATION not in written["metadata"]["annotations"]
    assert RECOVERY_ANNOTATION in written["metadata"]["annotations"]
    found = live_route(written, ROLLOUT)
    assert found is not None
    assert found.recovery == note
    assert "annotations" not in moved(desired, virtual_service(ROLLOUT, NOW, TO_CONTROL))["metadata"]


@pytest.mark.parametrize("name", sorted(path.stem for path in FORMER_ROUTES.iterdir()))
def test_rules_of_operators_up_to_0_1(name: str) -> None:
    """No rule of theirs stays; those that go on under another name keep their settings and their people."""
    (case,) = load(FORMER_ROUTES / f"{name}.yaml")
    rollout, spec = rollout_of(case["rollout"])
    live = copy.deepcopy(case["live"])
    for rule in live["spec"]["http"]:
        rule["timeout"] = f"{len(rule['name'])}s"
    written = moved(live, virtual_service(rollout, spec, TO_CONTROL))
    last = live["spec"]["http"][-2:]
    assert [rule["name"] for rule in written["spec"]["http"]] == ["everybody-grpc", "everybody"]
    assert [rule["timeout"] for rule in written["spec"]["http"]] == [rule["timeout"] for rule in last]
    found = live_route(written, rollout)
    assert found is not None
    assert (found.route, found.named) == (TO_CONTROL, frozenset({OLD}))


def test_the_matched_requests_of_before_go_on_as_a_split() -> None:
    (case,) = load(FORMER_ROUTES / "some-requests.yaml")
    rollout, spec = rollout_of(case["rollout"])
    who_is_refused = Split(name=MATCHED, shares={OLD: 100}, who=who("refused"))
    written = moved(case["live"], virtual_service(rollout, spec, Route(splits=(who_is_refused, *TO_CONTROL.splits))))
    found = live_route(written, rollout)
    assert found is not None
    matched = Split(name=MATCHED, shares={OLD: 100}, who=spec.traffic.match)
    assert found.route == Route(splits=(matched, *TO_CONTROL.splits))
