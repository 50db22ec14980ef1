"""A wrong spec is answered by sentences that name the field, the value and the way out."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from modelrollout.resource.rollout import LARGEST_SPEC, SpecError, parse_accepted, parse_spec
from modelrollout.resource.spec import Spec
from modelrollout.strategies import STRATEGIES
from tests.api.manifests import Refused, refused

GOOD: dict[str, Any] = {
    "model": {"name": "fraud", "version": "2.4.1187", "uri": "pvc://models/fraud/1187"},
    "traffic": {"hosts": ["fraud.prod"]},
    "strategy": {"canary": {"steps": [{"setWeight": 10}, {"setWeight": 50}]}},
}
REMOVED = object()

# (id, where, what is put there, the whole sentence)
CASES: list[tuple[str, str, object, str]] = [
    (
        "no strategy",
        "strategy",
        REMOVED,
        f"spec.strategy: exactly one strategy is needed, none is given; write one of {', '.join(STRATEGIES)}",
    ),
    (
        "two strategies",
        "strategy.blueGreen",
        {},
        f"spec.strategy: exactly one strategy is needed, several are given; keep one of {', '.join(STRATEGIES)}",
    ),
    ("no model", "model", REMOVED, "spec.model: is required, but missing"),
    (
        "version of two parts",
        "model.version",
        "2.4",
        "spec.model.version: version '2.4' is not MAJOR.MINOR.PIPELINE; write for example 2.4.1187",
    ),
    (
        "version a number, which would be none in quotes either",
        "model.version",
        1.0,
        "spec.model.version: must be a string, and version '1.0' is not MAJOR.MINOR.PIPELINE; write for example "
        "2.4.1187",
    ),
    (
        "a name that is a number",
        "traffic.match",
        [{"headers": {"x-beta": {"exact": 1}}}],
        "spec.traffic.match[0].headers.x-beta.exact: must be a string; put it in quotes (given: 1)",
    ),
    (
        "a list where one is",
        "serving.storeSecret",
        ["fraud-store"],
        "spec.serving.storeSecret: must be a string, not a list; write fraud-store",
    ),
    (
        "a list of two where one is",
        "serving.storeSecret",
        ["a", "b"],
        "spec.serving.storeSecret: must be a string, not a list",
    ),
    ("a map where a text is", "model.uri", {"pvc": "a"}, "spec.model.uri: must be a string, not a map"),
    ("nothing where a text is", "model.uri", None, "spec.model.uri: must be a string, and nothing is given"),
    (
        "a list where a number is",
        "strategy.canary.steps.1.setWeight",
        [50],
        "spec.strategy.canary.steps[1].setWeight: must be a whole number, not a list",
    ),
    ("a map where a list is", "traffic.hosts", {"a": "b"}, "spec.traffic.hosts: must be a list, not a map"),
    (
        "a number where true is",
        "strategy.canary.stepEarly",
        1,
        "spec.strategy.canary.stepEarly: must be true or false (given: 1)",
    ),
    (
        "too many characters",
        "traffic.match",
        [{"cookies": {"beta": {"exact": "x" * 201}}}],
        f"spec.traffic.match[0].cookies.beta.exact: must have at most 200 characters (given: '{'x' * 201}')",
    ),
    (
        "unknown scheme",
        "model.uri",
        "s3://models/fraud",
        "spec.model.uri: 's3://models/fraud' has an unknown scheme; use pvc://, file:// or https://",
    ),
    (
        "climbs",
        "model.uri",
        "pvc://models/../etc",
        "spec.model.uri: 'pvc://models/../etc' climbs out of its volume; remove the '..'",
    ),
    (
        "weight 101",
        "strategy.canary.steps.1.setWeight",
        101,
        "spec.strategy.canary.steps[1].setWeight: must be at most 100 (given: 101)",
    ),
    (
        "steps descend",
        "strategy.canary.steps.1.setWeight",
        5,
        "spec.strategy.canary: steps must ascend: each setWeight must be above the one before it; given: [10, 5]",
    ),
    (
        "weight in quotes",
        "strategy.canary.steps.1.setWeight",
        "50",
        "spec.strategy.canary.steps[1].setWeight: must be a whole number without quotes (given: '50')",
    ),
    (
        "weight as a percentage",
        "strategy.canary.steps.1.setWeight",
        "50%",
        "spec.strategy.canary.steps[1].setWeight: must be a whole number without quotes; write 50",
    ),
    (
        "share as a percentage",
        "analysis.falseRollback",
        "0.5 %",
        "spec.analysis.falseRollback: must be a number without quotes; write 0.005",
    ),
    (
        "one item in place of a list",
        "traffic.hosts",
        "fraud.prod",
        "spec.traffic.hosts: must be a list; write [fraud.prod]",
    ),
    (
        "misspelt field",
        "strategy.canary.bakeTime",
        "5m",
        "spec.strategy.canary.bakeTime: is no field here; did you mean bake?",
    ),
    (
        "name as in Python",
        "strategy.canary.step_early",
        True,
        "spec.strategy.canary.step_early: is no field here; did you mean stepEarly?",
    ),
    (
        "misspelt in an item of a list",
        "strategy.canary.steps.0.setweight",
        10,
        "spec.strategy.canary.steps[0].setweight: is no field here; did you mean setWeight?",
    ),
    (
        "misspelt below a name in a map",
        "traffic.match",
        [{"headers": {"x-tenant": {"exact": "a", "prefx": "b"}}}],
        "spec.traffic.match[0].headers.x-tenant.prefx: is no field here; did you mean prefix?",
    ),
    (
        "at another place",
        "gateways",
        ["a/b"],
        "spec.gateways: is no field here; did you mean spec.traffic.gateways?",
    ),
    (
        "at one of two other places",
        "analysis.bake",
        "5m",
        "spec.analysis.bake: is no field here; did you mean spec.strategy.canary.bake or spec.strategy.blueGreen.bake?",
    ),
    (
        "a name that too many places have",
        "name",
        "fraud",
        "spec.name: is no field of a ModelRollout; remove it or correct its name (given: 'fraud')",
    ),
    (
        "like nothing",
        "traffic.zone",
        "eu",
        "spec.traffic.zone: is no field of a ModelRollout; remove it or correct its name (given: 'eu')",
    ),
    (
        "duration without unit",
        "strategy.canary.bake",
        300,
        "spec.strategy.canary.bake: 300 is not a duration; write for example 30s, 5m or 1h30m",
    ),
    (
        "one wrong item of a list is not a list too short",
        "traffic.hosts",
        ["Fraud"],
        "spec.traffic.hosts[0]: host 'Fraud' is not a DNS name in lower case; write for example fraud.prod",
    ),
    ("no hosts", "traffic.hosts", [], "spec.traffic.hosts: must have at least 1 item"),
    (
        "fraction of a CPU",
        "serving",
        {"resources": {"limits": {"cpu": 0.5}}},
        "spec.serving.resources.limits.cpu: 0.5 must be a whole number or a string; write for example 500m, 2 or 1Gi",
    ),
    (
        "misspelt limits",
        "serving",
        {"resources": {"limit": {}}},
        "spec.serving.resources.limit: must be 'limits' or 'requests' (given: 'limit')",
    ),
    (
        "metric twice",
        "analysis",
        {"metrics": [{"name": "errors"}, {"name": "errors"}]},
        "spec.analysis.metrics: metric errors is given twice",
    ),
    (
        "unknown provider",
        "analysis",
        {"provider": "datadog"},
        "spec.analysis.provider: must be 'istio', 'envoy' or 'tensorflow-serving' (given: 'datadog')",
    ),
    (
        "look-ahead",
        "traffic.match",
        [{"headers": {"x-team": {"regex": "(?=a)b"}}}],
        "spec.traffic.match[0].headers.x-team.regex: regex cannot be read as RE2, which has no look-around and no "
        "back-references",
    ),
]


def changed(path: str, value: object) -> dict[str, Any]:
    """The good spec with one thing changed."""
    spec = copy.deepcopy(GOOD)
    *way, last = path.split(".")
    node: Any = spec
    for name in way:
        node = node[int(name)] if isinstance(node, list) else node.setdefault(name, {})
    if value is REMOVED:
        del node[last]
    else:
        node[last] = value
    return spec


def message(spec: object) -> str:
    """What is wrong with a spec."""
    answer = parse_spec(spec)
    assert isinstance(answer, SpecError)
    return answer.message


def test_the_good_spec_is_good() -> None:
    assert isinstance(parse_spec(GOOD), Spec)


@pytest.mark.parametrize(("path", "value", "sentence"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_sentence(path: str, value: object, sentence: str) -> None:
    assert message(changed(path, value)) == sentence


def of_size(size: int) -> dict[str, Any]:
    """A spec with a sample in it, of so many bytes of JSON."""
    spec = changed("validation.samples.requests", [{"instances": [""]}])
    spec["validation"]["samples"]["requests"][0]["instances"][0] = "x" * (size - len(json.dumps(spec)))
    return spec


def test_a_spec_is_taken_as_long_as_it_can_be_kept_beside_itself() -> None:
    assert isinstance(parse_spec(of_size(LARGEST_SPEC)), Spec)
    assert message(of_size(LARGEST_SPEC + 600)) == (
        "spec: is 263 kB of JSON, and 262 kB at most are taken: put samples and golden answers into a ConfigMap "
        "(configMap), and what a template adds into images"
    )


def test_one_that_was_accepted_before_there_was_a_limit_is_judged_by() -> None:
    assert parse_accepted({"acceptedSpec": of_size(2 * LARGEST_SPEC)}) is not None


NEARLY = {"traffic": "trafic", "strategy": "strategi", "model": "modell"}


@pytest.mark.parametrize(("field", "written"), NEARLY.items(), ids=NEARLY)
def test_a_misspelt_field_is_not_missing_as_well(field: str, written: str) -> None:
    spec = {written if name == field else name: part for name, part in GOOD.items()}
    assert message(spec) == f"spec.{written}: is no field here; did you mean {field}?"


def test_a_misspelt_field_in_an_object_is_not_missing_as_well() -> None:
    spec = changed("model", {"name": "fraud", "version": "2.4.1187", "url": "pvc://models/fraud/1187"})
    assert message(spec) == "spec.model.url: is no field here; did you mean uri?"


def test_all_errors_are_said_at_once() -> None:
    spec = changed("model.version", "2.4")
    spec["traffic"]["hosts"] = []
    answer = parse_spec(spec)
    assert isinstance(answer, SpecError)
    assert answer.problems == (
        "spec.model.version: version '2.4' is not MAJOR.MINOR.PIPELINE; write for example 2.4.1187",
        "spec.traffic.hosts: must have at least 1 item",
    )
    assert answer.message == "; ".join(answer.problems)


@pytest.mark.parametrize("spec", [None, [], "canary", 7], ids=repr)
def test_what_is_no_object_is_said_to_be_none(spec: object) -> None:
    assert message(spec).startswith("spec: must be a map of names to values")


FOUND_HERE_TOO = [case for case in refused() if not case.history and "metadata.name" not in case.expected[0]]


@pytest.mark.parametrize("case", FOUND_HERE_TOO, ids=lambda case: str(case.name))
def test_what_the_api_server_refuses_is_refused_here_in_the_same_words(case: Refused) -> None:
    said = message(case.manifest["spec"])
    assert case.missing(said) == [], said
