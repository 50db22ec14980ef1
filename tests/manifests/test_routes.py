"""Reading a live VirtualService: what was written is what is read, and every edit is seen."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrollout.api.affinity import Affinity, Cookie, Echo, HeaderMethod, IdHeader
from modelrollout.api.match import CookieMatch, RequestMatch, StringMatch
from modelrollout.api.route import EVERYBODY, MATCHED, Route, Split
from modelrollout.api.status import Arm, Status, Trial
from modelrollout.core.observation import LiveRoute
from modelrollout.core.plan import Recovery
from modelrollout.manifests.drift import differs
from modelrollout.manifests.istio import RECOVERY_ANNOTATION, live_route, virtual_service
from modelrollout.manifests.rules import route_of
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from tests.manifests.render import CASES, FORMER_ROUTES, load, rollout_of

Object = dict[str, Any]

OURS, SPEC = rollout_of(load(CASES / "route-with-candidate" / "in.yaml")[0]["rollout"])
VERSIONS = ("1.0.1", "2.3.1160", "2.4.1187", "2.10.1", "10.0.0")
NAMES = ("preview", MATCHED, "segment-eu", "sticky", "segment-with-a-name-that-is-long-" + "x" * 29)

texts = st.text("ab-./é\"' ", max_size=6)
string_matches = st.one_of(
    st.builds(lambda text: StringMatch(exact=text), texts),
    st.builds(lambda text: StringMatch(prefix=text), texts),
    st.sampled_from(("de|at", ".*", "")).map(lambda text: StringMatch(regex=text)),
)
by_headers = st.builds(
    RequestMatch,
    headers=st.dictionaries(
        st.sampled_from(("x-beta", "x-country", "x-tester", "cookie")), string_matches, min_size=1, max_size=3
    ),
)
some_cookies = st.builds(CookieMatch, exact=st.sampled_from(("yes", "a.b", "(x)", ""))) | st.builds(
    CookieMatch, regex=st.sampled_from(("a|b", "[^a].*", "()"))
)
by_cookies_and_labels = st.builds(
    RequestMatch,
    headers=st.dictionaries(st.sampled_from(("x-beta", "x-country")), string_matches, max_size=2),
    cookies=st.dictionaries(st.sampled_from(("beta", "a.b")), some_cookies, min_size=1, max_size=1),
    source_labels=st.dictionaries(st.sampled_from(("app", "example.com/team")), st.just("checkout"), max_size=2),
)
by_labels = st.builds(RequestMatch, source_labels=st.just({"app": "checkout"}))
matches = by_headers | by_cookies_and_labels | by_labels


@st.composite
def shares(draw: st.DrawFn) -> dict[str, float]:
    """Percents of some versions, or hundredths of them, in any order."""
    scale = draw(st.sampled_from((1, 100)))
    versions = draw(st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=4, unique=True))
    cuts = sorted(
        draw(st.sets(st.integers(1, 100 * scale - 1), min_size=len(versions) - 1, max_size=len(versions) - 1))
    )
    parts = [(end - start) / scale for start, end in zip([0, *cuts], [*cuts, 100 * scale], strict=True)]
    return dict(zip(versions, parts, strict=True))


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """Any route that could be decided."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
    some = st.lists(matches, min_size=1, max_size=3).map(tuple)
    first = [Split(name=name, shares=draw(shares()), who=draw(some)) for name in names]
    return Route(splits=(*first, Split(name=EVERYBODY, shares=draw(shares()))))


def marked(affinity: Affinity | None, decision: str | None) -> Spec:
    """A spec that asks for marks on answers."""
    traffic = SPEC.traffic.model_copy(update={"affinity": affinity, "decision_header": decision})
    return SPEC.model_copy(update={"traffic": traffic})


cookies = st.builds(
    Cookie,
    name=st.sampled_from(("model-arm", "a", "A_b-9")),
    max_age=st.sampled_from((0.25, 60.0, 86_400.0)),
    secure=st.booleans(),
)
ids = st.builds(  # x-beta: some splits look at it, too
    IdHeader, name=st.sampled_from(("x-user-id", "X-Beta", "a")), method=st.sampled_from(HeaderMethod)
)
echoes = st.builds(Echo, header=st.sampled_from(("x-model-arm", "X-Beta")))
specs = st.builds(
    marked,
    st.none()
    | st.builds(Affinity, cookie=cookies)
    | st.builds(Affinity, header=ids)
    | st.builds(Affinity, echo=echoes),
    st.sampled_from((None, "x-model-decision", "X-Decision")),
)
epochs = st.sampled_from((0, 1, 1_764_180_039))

STICKY = marked(Affinity(cookie=Cookie()), "x-model-decision")
BY_ID = marked(Affinity(header=IdHeader(name="X-User-Id", method=HeaderMethod.HEX_SUFFIX)), None)
BY_ECHO = marked(Affinity(echo=Echo()), "x-model-decision")
IN_TWO_SPLITS = Route(
    splits=(
        Split(
            name=MATCHED,
            shares={"2.3.1160": 50, "2.4.1187": 50},
            who=(RequestMatch(headers={"x-beta": StringMatch(exact="yes")}),),
        ),
        Split(name=EVERYBODY, shares={"2.3.1160": 90, "2.4.1187": 10}),
    )
)


def written(route: Route, recovery: Recovery | None = None, spec: Spec = SPEC, epoch: int = 0) -> Object:
    return virtual_service(OURS, spec, route, recovery, epoch)


def read(live: Object, rollout: ModelRollout = OURS) -> LiveRoute:
    found = live_route(live, rollout)
    assert found is not None
    return found


@given(routes(), specs, epochs)
def test_what_is_written_is_what_is_read(route: Route, spec: Spec, epoch: int) -> None:
    assert read(written(route, None, spec, epoch)) == LiveRoute(route=route, named=route.versions)


@given(routes(), specs, st.data())
def test_the_order_of_shares_changes_nothing(route: Route, spec: Spec, data: st.DataObject) -> None:
    """A status comes back from the API server in another order than it went."""
    turned = Route(
        splits=tuple(
            split.model_copy(update={"shares": dict(data.draw(st.permutations(list(split.shares.items()))))})
            for split in route.splits
        )
    )
    assert written(turned, None, spec, 7) == written(route, None, spec, 7)


Edit = Callable[[list[Object], int], Any]


def destination(rules: list[Object], index: int) -> Object:
    found: Object = rules[index]["route"][0]
    return found


def condition(rules: list[Object], index: int) -> Object:
    """The first header match of a rule; the rule for REST of everybody gets one."""
    found: Object = rules[index].setdefault("match", [{}])[0].setdefault("headers", {})
    return found


def another_version(rules: list[Object], index: int) -> None:
    destination(rules, index)["destination"]["host"] = "fraud-9-9-9.prod.svc.cluster.local"


def marked_as_another(rules: list[Object], index: int) -> None:
    destination(rules, index)["headers"]["response"]["set"]["x-model-version"] = "9.9.9"


EDITS: dict[str, Edit] = {
    "a rule deleted": lambda rules, index: rules.pop(index),
    "a rule twice": lambda rules, index: rules.insert(index, copy.deepcopy(rules[index])),
    "a rule in front": lambda rules, index: rules.insert(index, {"name": "mine", "route": []}),
    "two rules in front": lambda rules, index: rules.__setitem__(
        slice(0, 0), [{**rules[0], "name": "mine-grpc"}, {**rules[1], "name": "mine"}]
    ),
    "rules turned round": lambda rules, index: rules.reverse(),
    "a rule that comes last": lambda rules, index: rules.append(rules.pop(0)),
    "all rules deleted": lambda rules, index: rules.clear(),
    "a name": lambda rules, index: rules[index].update(name="mine"),
    "no name": lambda rules, index: rules[index].pop("name"),
    "a header more": lambda rules, index: condition(rules, index).update({"x-mine": {"exact": "yes"}}),
    "a header that must be there": lambda rules, index: condition(rules, index).update({"x-mine": {}}),
    "a header's value": lambda rules, index: condition(rules, index).update(
        {next(iter(condition(rules, index)), "x-mine"): {"exact": "never"}}
    ),
    "a path": lambda rules, index: rules[index].setdefault("match", [{}])[0].update(uri={"prefix": "/"}),
    "labels of the caller": lambda rules, index: (
        rules[index].setdefault("match", [{}])[0].update(sourceLabels={"app": "mine"})
    ),
    "an alternative": lambda rules, index: rules[index].setdefault("match", []).append({"headers": {}}),
    "no match, or an empty one": lambda rules, index: (
        rules[index].pop("match") if "match" in rules[index] else rules[index].update(match=[])
    ),
    "a weight": lambda rules, index: destination(rules, index).update(weight=destination(rules, index)["weight"] - 1),
    "a weight as text": lambda rules, index: destination(rules, index).update(weight="100"),
    "no weight": lambda rules, index: destination(rules, index).pop("weight"),
    "another version": another_version,
    "another version's mark": marked_as_another,
    "no mark": lambda rules, index: destination(rules, index).pop("headers"),
    "a mark that is no version": lambda rules, index: destination(rules, index)["headers"]["response"]["set"].update(
        {"x-model-version": "newest"}
    ),
    "a host by its short name": lambda rules, index: destination(rules, index)["destination"].update(
        host=destination(rules, index)["destination"]["host"].partition(".")[0]
    ),
    "the Service of another split": lambda rules, index: destination(rules, index)["destination"].update(
        host=f"fraud-{'-'.join(mark(rules, index).split('.'))}-other.prod.svc.cluster.local"
    ),
    "a port": lambda rules, index: destination(rules, index)["destination"]["port"].update(number=8502),
    "a subset": lambda rules, index: destination(rules, index)["destination"].update(subset="v1"),
    "a destination more": lambda rules, index: rules[index]["route"].append({**destination(rules, index), "weight": 0}),
    "no destinations": lambda rules, index: rules[index].pop("route"),
    "a fault": lambda rules, index: rules[index].update(fault={"abort": {"httpStatus": 500}}),
    "a mirror": lambda rules, index: rules[index].update(mirror={"host": "elsewhere"}),
    "a redirect": lambda rules, index: rules[index].update(redirect={"uri": "/elsewhere"}),
    "an answer of its own": lambda rules, index: rules[index].update(directResponse={"status": 200}),
    "a delegate": lambda rules, index: rules[index].update(delegate={"name": "elsewhere"}),
    "no rule at all": lambda rules, index: rules.__setitem__(index, None),  # type: ignore[call-overload]
}


def mark(rules: list[Object], index: int) -> str:
    return str(destination(rules, index)["headers"]["response"]["set"]["x-model-version"])


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@settings(max_examples=25)
@given(route=routes(), spec=specs, data=st.data())
def test_every_edit_is_seen(edit: Edit, route: Route, spec: Spec, data: st.DataObject) -> None:
    live = written(route, None, spec, 7)
    rules = live["spec"]["http"]
    edit(rules, data.draw(st.integers(0, len(rules) - 1)))
    assert read(live).route != route


def answers(rules: list[Object], index: int) -> Object:
    found: Object = destination(rules, index)["headers"]["response"]
    return found


WEIGHTED, KNOWN = (2, 5, 8, 11), (0, 1, 3, 4, 6, 7, 9, 10)  # the places of their rules, of two versions in two splits

MARK_EDITS: dict[str, tuple[Edit, tuple[int, ...]]] = {
    "a cookie that is not set": (lambda rules, index: answers(rules, index).pop("add"), WEIGHTED),
    "another version's cookie": (
        lambda rules, index: answers(rules, index)["add"].update(
            {"set-cookie": "model-arm=7.2.4.1187; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"}
        ),
        WEIGHTED,
    ),
    "another cookie": (
        lambda rules, index: answers(rules, index)["add"].update({"set-cookie": "a=b; Path=/"}),
        WEIGHTED,
    ),
    "a cookie more": (lambda rules, index: answers(rules, index).update(add={"set-cookie": "a=b"}), KNOWN),
    "another epoch": (
        lambda rules, index: condition(rules, index)["cookie"].update(
            regex=condition(rules, index)["cookie"]["regex"].replace("=7", "=8")
        ),
        KNOWN,
    ),
    "whoever has a cookie": (lambda rules, index: condition(rules, index).update(cookie={"regex": ".*"}), KNOWN),
    "a cookie for everybody": (lambda rules, index: condition(rules, index).pop("cookie"), KNOWN),
    "no decision": (lambda rules, index: answers(rules, index)["set"].pop("x-model-decision"), WEIGHTED + KNOWN),
    "another decision": (
        lambda rules, index: answers(rules, index)["set"].update({"x-model-decision": "prod/fraud/7/9.9.9"}),
        WEIGHTED + KNOWN,
    ),
    "a decision of another epoch": (
        lambda rules, index: answers(rules, index)["set"].update(
            {"x-model-decision": answers(rules, index)["set"]["x-model-decision"].replace("/7/", "/8/")}
        ),
        WEIGHTED + KNOWN,
    ),
    "an epoch that is no number": (
        lambda rules, index: answers(rules, index)["set"].update(
            {"x-model-decision": answers(rules, index)["set"]["x-model-decision"].replace("/7/", "/now/")}
        ),
        WEIGHTED + KNOWN,
    ),
}


@pytest.mark.parametrize(
    ("edit", "index"),
    [
        pytest.param(edit, index, id=f"{name}, rule {index}")
        for name, (edit, places) in MARK_EDITS.items()
        for index in places
    ],
)
def test_every_edit_of_a_mark_is_seen(edit: Edit, index: int) -> None:
    live = written(IN_TWO_SPLITS, None, STICKY, 7)
    assert read(live).route == IN_TWO_SPLITS
    edit(live["spec"]["http"], index)
    assert read(live).route is None


ID_EDITS: dict[str, Edit] = {
    "whoever has an id": lambda rules, index: condition(rules, index).update({"x-user-id": {"regex": ".*"}}),
    "other endings": lambda rules, index: condition(rules, index).update({"x-user-id": {"regex": "(?i).*(0[0-9])"}}),
    "one ending less": lambda rules, index: condition(rules, index)["x-user-id"].update(
        regex=condition(rules, index)["x-user-id"]["regex"].rpartition("|")[0] + ")"
    ),
    "another header": lambda rules, index: condition(rules, index).update(
        {"x-account": condition(rules, index).pop("x-user-id")}
    ),
    "not asked": lambda rules, index: condition(rules, index).pop("x-user-id"),
    "another way to ask": lambda rules, index: condition(rules, index).update({"x-user-id": {"exact": "0a"}}),
    "of the matched ones alone": lambda rules, index: rules[index].update(name=f"{MATCHED}-2.10.1"),
    "of no split": lambda rules, index: rules[index].update(name="other-2.10.1"),
}


@pytest.mark.parametrize("edit", ID_EDITS.values(), ids=ID_EDITS)
@pytest.mark.parametrize("index", KNOWN)
def test_every_edit_of_who_is_known_by_an_id_is_seen(edit: Edit, index: int) -> None:
    live = written(IN_TWO_SPLITS, None, BY_ID, 7)
    assert read(live).route == IN_TWO_SPLITS
    edit(live["spec"]["http"], index)
    assert read(live).route is None


ECHO_EDITS: dict[str, tuple[Edit, tuple[int, ...]]] = {
    "no echo asked": (lambda rules, index: condition(rules, index).pop("x-model-arm"), KNOWN),
    "the echo of another epoch": (
        lambda rules, index: condition(rules, index).update({"x-model-arm": {"exact": "8.2.3.1160"}}),
        KNOWN,
    ),
    "whoever echoes": (
        lambda rules, index: condition(rules, index).update({"x-model-arm": {"prefix": ""}}),
        KNOWN,
    ),
    "nothing to be echoed": (lambda rules, index: answers(rules, index)["set"].pop("x-model-arm"), KNOWN + WEIGHTED),
    "another version to be echoed": (
        lambda rules, index: answers(rules, index)["set"].update({"x-model-arm": "7.9.9.9"}),
        KNOWN + WEIGHTED,
    ),
    "another epoch to be echoed": (
        lambda rules, index: answers(rules, index)["set"].update({"x-model-arm": f"8.{mark(rules, index)}"}),
        KNOWN + WEIGHTED,
    ),
}


@pytest.mark.parametrize(
    ("edit", "index"),
    [
        pytest.param(edit, index, id=f"{name}, rule {index}")
        for name, (edit, places) in ECHO_EDITS.items()
        for index in places
    ],
)
def test_every_edit_of_an_echo_is_seen(edit: Edit, index: int) -> None:
    live = written(IN_TWO_SPLITS, None, BY_ECHO, 7)
    assert read(live).route == IN_TWO_SPLITS
    edit(live["spec"]["http"], index)
    assert read(live).route is None


def test_the_ids_of_another_rollout_are_an_edit() -> None:
    """Who is known is by the uid: rules that were copied lead other users to a version than those that it has."""
    live = written(IN_TWO_SPLITS, None, BY_ID, 7)
    assert route_of(replace(OURS, uid="another"), live["spec"]["http"]) is None


def test_ids_that_nobody_asks_for_are_set_right_as_settings_are() -> None:
    """All rules of known users deleted: requests are drawn by the same shares."""
    live = written(IN_TWO_SPLITS, None, BY_ID, 7)
    live["spec"]["http"] = [live["spec"]["http"][index] for index in WEIGHTED]
    assert read(live).route == IN_TWO_SPLITS
    assert differs(written(IN_TWO_SPLITS, None, BY_ID, 7), live)


def test_an_epoch_more_is_no_write_for_ids() -> None:
    """Nothing in their rules is of an epoch."""
    assert written(IN_TWO_SPLITS, None, BY_ID, 8) == written(IN_TWO_SPLITS, None, BY_ID, 7)


def test_marks_that_are_all_of_one_other_kind_are_set_right_as_settings_are() -> None:
    """They do not change where requests go: those of another epoch, of a spec that was edited, or none."""
    marks = ((STICKY, 8), (BY_ID, 7), (BY_ECHO, 7), (SPEC, 7))
    for other in (written(IN_TWO_SPLITS, None, spec, epoch) for spec, epoch in marks):
        live = written(IN_TWO_SPLITS, None, STICKY, 7)
        live["spec"]["http"] = other["spec"]["http"]
        assert read(live).route == IN_TWO_SPLITS
        assert differs(written(IN_TWO_SPLITS, None, STICKY, 7), live)


@pytest.mark.parametrize(("spec", "header"), [(STICKY, "cookie"), (BY_ID, "x-user-id"), (BY_ECHO, "x-model-arm")])
def test_nobody_is_known_where_one_version_answers_or_the_header_is_asked_for_already(spec: Spec, header: str) -> None:
    by_it = (RequestMatch(headers={header: StringMatch(regex=".*beta=yes.*")}),)
    splits = (
        Split(name="preview", shares={"2.4.1187": 100}, who=by_it),
        Split(name=MATCHED, shares={"2.3.1160": 50, "2.4.1187": 50}, who=by_it),
        *Route.to("2.3.1160").splits,
    )
    live = written(Route(splits=splits), None, spec, 7)
    assert [rule["name"] for rule in live["spec"]["http"]][1::2] == ["preview", MATCHED, EVERYBODY]
    assert not any("add" in item["headers"]["response"] for rule in live["spec"]["http"] for item in rule["route"])


SETTINGS: dict[str, Object] = {
    "retries": {"retries": {"attempts": 7}},
    "a time limit": {"timeout": "3s"},
    "cross-origin answers": {"corsPolicy": {"allowOrigins": [{"exact": "https://example.com"}]}},
    "headers of all answers": {"headers": {"response": {"add": {"x-mine": "yes"}}}},
}


@pytest.mark.parametrize("fields", SETTINGS.values(), ids=SETTINGS)
def test_settings_do_not_change_where_requests_go(fields: Object) -> None:
    """A policy of the cluster may write some; they are set right by comparing whole objects (drift.py)."""
    live = written(Route.to("2.3.1160"))
    for rule in live["spec"]["http"]:
        rule.update(fields)
    assert read(live).route == Route.to("2.3.1160")


def test_an_edit_that_is_a_route_is_read_as_that_route() -> None:
    """Somebody moved both rules to other weights: that is what happens now."""
    live = written(Route.to("2.3.1160"))
    other = Route(splits=(Split(name=EVERYBODY, shares={"2.3.1160": 60, "2.4.1187": 40}),))
    live["spec"]["http"] = written(other)["spec"]["http"]
    assert read(live) == LiveRoute(route=other, named=other.versions)


NOT_RULES: dict[str, Object] = {
    "no spec": {},
    "no rules": {"spec": {}},
    "rules of null": {"spec": {"http": None}},
    "rules that are none": {"spec": {"http": [None, 1, "rule", [], {}]}},
    "a rule without anything": {"spec": {"http": [{}, {}]}},
    "routes that are none": {"spec": {"http": [{"name": "a", "route": [None]}, {"name": "everybody", "route": 7}]}},
    "weighted, and nothing in it": {"spec": {"http": [{"name": "weighted-grpc"}, {"name": "weighted"}]}},
    "marks that are none": {"spec": {"http": [{"route": [{"headers": {"response": [1]}, "destination": "x"}]}] * 2}},
}


@pytest.mark.parametrize("body", NOT_RULES.values(), ids=NOT_RULES)
def test_whatever_is_in_it_can_be_read(body: Object) -> None:
    live = {"metadata": written(Route.to("1.0.1"))["metadata"], **body}
    assert read(live) == LiveRoute()


@given(routes(), st.floats(1e-6, 0.2), st.lists(st.sampled_from(VERSIONS), max_size=3))
def test_the_note_is_read_as_it_was_left(route: Route, alpha: float, arms: list[str]) -> None:
    note = Recovery("1.0.1", tuple(arms), alpha, "pvc://m/1", None, route, ("1.1.2",))
    assert read(written(route, note)).recovery == note


NOTES: dict[str, str | None] = {
    "none": None,
    "empty": "",
    "no JSON": "{",
    "nothing in it": "{}",
    "null": "null",
    "a list": "[]",
    "deeper than anybody reads": "[" * 100_000,
    "a number for a control": '{"control": 1}',
    "a control that is no version": '{"control": "newest"}',
    "an arm that is no version": '{"control": "1.0.1", "arms": ["newest"]}',
    "a chance that is none": '{"control": "1.0.1", "alpha": 2}',
    "a chance that is no number": '{"control": "1.0.1", "alpha": NaN}',
}


@pytest.mark.parametrize("text", NOTES.values(), ids=NOTES)
def test_a_note_that_cannot_be_read_is_none(text: str | None) -> None:
    live = written(Route.to("1.0.1"), Recovery("1.0.1"))
    live["metadata"]["annotations"][RECOVERY_ANNOTATION] = text
    assert read(live) == LiveRoute(route=Route.to("1.0.1"), named=frozenset({"1.0.1"}))


def test_a_note_of_a_newer_operator_is_read_as_far_as_it_is_known() -> None:
    live = written(Route.to("1.0.1"), Recovery("1.0.1"))
    live["metadata"]["annotations"][RECOVERY_ANNOTATION] = '{"control": "1.0.1", "more": [1]}'
    assert read(live).recovery == Recovery("1.0.1")


@pytest.mark.parametrize("name", sorted(path.stem for path in FORMER_ROUTES.iterdir()))
def test_rules_of_operators_up_to_0_1(name: str) -> None:
    """The files hold what that operator itself has written."""
    (case,) = load(FORMER_ROUTES / f"{name}.yaml")
    rollout, _ = rollout_of(case["rollout"])
    wanted = LiveRoute(route=Route.model_validate(case["route"]), named=frozenset(case["named"]))
    assert read(case["live"], rollout) == wanted


def test_an_idle_rule_of_before_is_a_split_when_a_trial_has_decided_so() -> None:
    (case,) = load(FORMER_ROUTES / "some-requests-at-rest.yaml")
    rollout, spec = rollout_of(case["rollout"])
    decided = Route(
        splits=(
            Split(name=MATCHED, shares={"2.3.1160": 100}, who=spec.traffic.match),
            *Route.to("2.3.1160").splits,
        )
    )
    arm = Arm(version="2.4.1187", uri=spec.model.uri)
    for route in (decided, Route.to("2.3.1160")):
        trial = Trial(started_at=0.0, strategy="canary", arms=(arm,), route=route)
        assert read(case["live"], replace(rollout, status=Status(trial=trial))).route == route


FORMER_EDITS: dict[str, Edit] = {
    name: EDITS[name] for name in ("a rule deleted", "a weight", "another version", "a header's value", "a port")
}


@pytest.mark.parametrize("edit", FORMER_EDITS.values(), ids=FORMER_EDITS)
@pytest.mark.parametrize("index", range(4))
def test_edits_of_rules_of_before_are_seen(edit: Edit, index: int) -> None:
    (case,) = load(FORMER_ROUTES / "some-requests.yaml")
    rollout, _ = rollout_of(case["rollout"])
    edit(case["live"]["spec"]["http"], index)
    assert read(case["live"], rollout).route != Route.model_validate(case["route"])


OUR_MANAGER = {"manager": "modelrollout-traffic"}

FOREIGN: dict[str, tuple[dict[str, Any], str]] = {
    "an owner": ({"ownerReferences": [{"kind": "Canary", "name": "fraud"}]}, "Canary fraud"),
    "a manager": ({"managedFields": [{"manager": "kubectl"}]}, "whoever applied it with kubectl"),
    "nobody known": ({}, "somebody else"),
    "another controller, and our fields": (
        {
            "ownerReferences": [{"kind": "Canary", "name": "fraud", "uid": "other", "controller": True}],
            "managedFields": [OUR_MANAGER],
        },
        "Canary fraud",
    ),
    "another controller, and our label": (
        {
            "labels": {"modelrollout.dev/rollout": "fraud"},
            "ownerReferences": [{"kind": "Canary", "name": "fraud", "uid": "other", "controller": True}],
        },
        "Canary fraud",
    ),
    "another rollout": ({"labels": {"modelrollout.dev/rollout": "other"}}, "somebody else"),
}


@pytest.mark.parametrize(("metadata", "owner"), FOREIGN.values(), ids=FOREIGN)
def test_somebody_elses_route(metadata: dict[str, Any], owner: str) -> None:
    live = {"metadata": {"name": "fraud", "namespace": "prod", **metadata}, "spec": {}}
    assert live_route(live, OURS) == LiveRoute(foreign_owner=owner)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"labels": {"modelrollout.dev/rollout": "fraud"}}, id="by its label"),
        pytest.param({"ownerReferences": [{"kind": "ModelRollout", "uid": OURS.uid}]}, id="by its owner"),
        pytest.param({"managedFields": [{"manager": "kubectl-replace"}, OUR_MANAGER]}, id="by who applied it"),
        pytest.param(
            {
                "labels": {"modelrollout.dev/rollout": "fraud"},
                "ownerReferences": [{"kind": "ModelRollout", "name": "fraud", "uid": "before", "controller": True}],
            },
            id="of the rollout of that name that was there before",
        ),
    ],
)
def test_our_own_route_whatever_was_taken_off_it(metadata: dict[str, Any]) -> None:
    live = {"metadata": {"name": "fraud", "namespace": "prod", **metadata}, "spec": {}}
    found = live_route(live, OURS)
    assert found is not None
    assert found.foreign_owner is None


def test_no_route() -> None:
    assert live_route(None, OURS) is None


def test_no_segment_is_taken_for_a_rule_that_hashes() -> None:
    """Whatever it is called: rules are told apart by their names."""
    beta = (RequestMatch(headers={"x-beta": StringMatch(exact="yes")}),)
    splits = (
        Split(name=name, shares={"2.3.1160": 50, "2.4.1187": 50}, who=beta) for name in ("mesh-hash-x", "mesh-hash")
    )
    route = Route(splits=(*splits, Split(name=EVERYBODY, shares={"2.3.1160": 90, "2.4.1187": 10})))
    for spec in (SPEC, BY_ID):
        assert read(written(route, None, spec)).route == route
