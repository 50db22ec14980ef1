"""What the operator counts on in the API server, asked of a real one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from modelrollout.api.base import to_json
from modelrollout.api.status import Condition, Phase, Status, VersionStatus
from modelrollout.resource.former import FormerStatus
from modelrollout.resource.rollout import LARGEST_SPEC
from modelrollout.resource.structural import structural
from tests.api.conftest import ROLLOUTS
from tests.apiserver import ApiServer

pytestmark = pytest.mark.apiserver

STRICT = {"fieldValidation": "Strict"}
OPERATOR = "modelrollout-status"
FRAUD = f"{ROLLOUTS}/fraud"
GOOD: dict[str, Any] = {
    "apiVersion": "modelrollout.dev/v1alpha1",
    "kind": "ModelRollout",
    "metadata": {"name": "fraud"},
    "spec": {
        "model": {"name": "fraud", "version": "2.4.1187", "uri": "pvc://models/fraud/1187"},
        "traffic": {"hosts": ["fraud.prod"]},
        "strategy": {"canary": {"steps": [{"setWeight": 10}, {"setWeight": 50}]}},
    },
}
DIGEST = "sha256:" + "1" * 64


@pytest.fixture(autouse=True)
def nothing_left_behind(server: ApiServer) -> Iterator[None]:
    """Each test begins without any ModelRollout."""
    yield
    server.ask("DELETE", ROLLOUTS)


def with_spec(**parts: Any) -> dict[str, Any]:
    """The good manifest with parts of its spec replaced."""
    manifest = copy.deepcopy(GOOD)
    manifest["spec"] |= parts
    return manifest


def with_model(**fields: str) -> dict[str, Any]:
    """The good manifest with fields of its model replaced."""
    return with_spec(model=GOOD["spec"]["model"] | fields)


def write_status(server: ApiServer, status: Status) -> int:
    """As the operator writes it. Returns the HTTP status."""
    body = {**GOOD, "status": to_json(status)}
    del body["spec"]
    return server.apply(f"{FRAUD}/status", body, manager=OPERATOR).status


def test_unknown_field_is_refused_by_strict_validation(server: ApiServer) -> None:
    answer = server.ask("POST", ROLLOUTS, with_spec(stategy={}), **STRICT)
    assert answer.status == 400
    assert 'unknown field "spec.stategy"' in answer.message


def test_unknown_field_is_dropped_without_it(server: ApiServer) -> None:
    stored = server.ask("POST", ROLLOUTS, with_spec(stategy={})).body
    assert stored["spec"] == GOOD["spec"]


def test_free_form_fields_keep_everything(server: ApiServer) -> None:
    serving = {"template": {"spec": {"nodeSelector": {"pool": "gpu"}, "tolerations": [{"key": "gpu"}]}}}
    stored = server.ask("POST", ROLLOUTS, with_spec(serving=serving), **STRICT).body
    assert stored["spec"]["serving"] == serving


def test_list_without_key_is_replaced_whole(server: ApiServer) -> None:
    server.apply(FRAUD, GOOD)
    shorter = with_spec(strategy={"canary": {"steps": [{"setWeight": 20}]}})
    stored = server.apply(FRAUD, shorter, manager="somebody-else").body
    assert stored["spec"]["strategy"]["canary"]["steps"] == [{"setWeight": 20}]


def test_metrics_are_merged_by_name(server: ApiServer) -> None:
    server.apply(FRAUD, with_spec(analysis={"metrics": [{"name": "errors"}]}))
    theirs = {**GOOD, "spec": {"analysis": {"metrics": [{"name": "latency", "over": "70ms"}]}}}
    stored = server.apply(FRAUD, theirs, manager="somebody-else").body
    assert [metric["name"] for metric in stored["spec"]["analysis"]["metrics"]] == ["errors", "latency"]


def test_field_that_the_manager_no_longer_sends_is_removed(server: ApiServer) -> None:
    server.apply(FRAUD, with_spec(rollback={"keepFailedFor": "1h"}))
    assert "rollback" not in server.apply(FRAUD, GOOD).body["spec"]


def test_same_apply_again_changes_nothing(server: ApiServer) -> None:
    first = server.apply(FRAUD, GOOD).body["metadata"]
    again = server.apply(FRAUD, GOOD).body["metadata"]
    assert again["resourceVersion"] == first["resourceVersion"]


def test_generation_counts_changes_of_the_spec_alone(server: ApiServer) -> None:
    before = server.apply(FRAUD, GOOD).body["metadata"]["generation"]
    assert write_status(server, Status(phase=Phase.PROGRESSING)) == 200
    assert server.ask("GET", FRAUD).body["metadata"]["generation"] == before
    assert server.apply(FRAUD, with_model(version="2.4.1188")).body["metadata"]["generation"] == before + 1


def test_spec_is_not_written_through_the_status(server: ApiServer) -> None:
    server.apply(FRAUD, GOOD)
    body = with_model(version="9.9.9") | {"status": {"phase": "Healthy"}}
    assert server.apply(f"{FRAUD}/status", body, manager=OPERATOR).status == 200
    stored = server.ask("GET", FRAUD).body
    assert (stored["spec"], stored["status"]["phase"]) == (GOOD["spec"], "Healthy")


def test_conditions_are_a_map_by_type(server: ApiServer) -> None:
    server.apply(FRAUD, GOOD)
    moment = "2026-01-02T03:04:05Z"
    ready = Condition(type="Ready", status="True", reason="Healthy", last_transition_time=moment)
    accepted = Condition(type="Accepted", status="True", reason="Accepted", last_transition_time=moment)
    assert write_status(server, Status(conditions=(ready, accepted))) == 200
    assert write_status(server, Status(conditions=(accepted,))) == 200
    stored = server.ask("GET", FRAUD).body["status"]["conditions"]
    assert [condition["type"] for condition in stored] == ["Accepted"]


def test_whole_status_comes_back_as_it_was_written(server: ApiServer) -> None:
    """No field of the status is missing in the schema: an unknown one would be dropped without a word."""
    server.apply(FRAUD, GOOD)
    status = full_status()
    assert write_status(server, Status.model_validate(status)) == 200
    assert server.ask("GET", FRAUD).body["status"] == to_json(Status.model_validate(status))


def test_former_status_is_kept_until_it_is_read_and_goes_as_a_whole_then(server: ApiServer) -> None:
    """Helm upgrades the type before the operator; a field that the type does not know would be lost to both."""
    server.apply(FRAUD, GOOD)
    former = {**_filled(structural(FormerStatus)), "phase": "Progressing"}
    body = {name: part for name, part in GOOD.items() if name != "spec"} | {"status": former}
    assert server.apply(f"{FRAUD}/status", body, manager=OPERATOR).status == 200
    assert server.ask("GET", FRAUD).body["status"] == former
    assert write_status(server, Status(phase=Phase.PROGRESSING)) == 200
    assert server.ask("GET", FRAUD).body["status"] == to_json(Status(phase=Phase.PROGRESSING))


def full_status() -> dict[str, Any]:
    """A status with every field of every type set to something; what must fit together does."""
    status = dict(_filled(structural(Status)))
    status["trial"]["route"]["splits"] = [
        {"name": "matched", "shares": {"1.0.1": 100}, "who": [{"headers": {"x-tenant": {"exact": "internal"}}}]},
        {"name": "everybody", "shares": {"1.0.1": 90, "1.1.2": 10}, "who": []},
    ]
    for arm in status["trial"]["arms"]:
        arm["recall"] |= {"route": status["trial"]["route"], "record": 0.01}
    for test in (*status["trial"]["arms"][0]["metrics"], *status["lastAnalysis"]):
        test["ahead"] = [1, 2]
    for test in (status["trial"]["arms"][0]["metrics"][0], status["lastAnalysis"][0]):
        test["bound"] = "1s"
    versions = (status["stable"], *status["trial"]["arms"], *status["retiring"])
    contests = (status["trial"]["contest"], status["lastContest"])
    contests += (*status["trial"]["segments"], *status["lastSegments"])
    versions += tuple(version for contest in contests for version in contest["versions"])
    versions += (status["lastValidation"], *status["identities"])
    for item in (*versions, *status["quarantined"], *status["takenBack"]):
        item["version"] = "1.0.1"
    return status


def _filled(schema: dict[str, Any]) -> Any:
    match schema:
        case {"enum": [first, *_]}:
            return first
        case {"type": "object", "x-kubernetes-preserve-unknown-fields": True}:
            return {"anything": {"at": ["all", 1, 2.5]}}
        case {"type": "object", "additionalProperties": values}:
            return {"key": _filled(values)}
        case {"type": "object"}:
            return {name: _filled(part) for name, part in schema["properties"].items()}
        case {"type": "array"}:
            return [_filled(schema["items"])]
        case {"type": "string", "format": "date-time"}:
            return "2026-01-02T03:04:05.678Z"
        case {"type": kind}:
            return {"string": "text", "integer": 3, "number": 0.25, "boolean": True}[kind]
    raise AssertionError(f"no value for {schema}")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"version": "2.4.1188", "uri": "pvc://models/fraud/1188"}, False),
        ({"digest": DIGEST}, False),
        ({"digest": DIGEST, "uri": "pvc://moved/fraud/1187"}, False),
        ({"uri": "pvc://moved/fraud/1187"}, True),
        ({"digest": "sha256:" + "2" * 64}, True),
    ],
    ids=["next version", "digest pinned", "moved with its digest", "moved without", "another digest"],
)
def test_identity_of_the_version_that_serves(server: ApiServer, change: dict[str, str], refused: bool) -> None:
    server.apply(FRAUD, GOOD)
    stable = VersionStatus(version="2.4.1187", uri="pvc://models/fraud/1187", digest=DIGEST)
    write_status(server, Status(stable=stable))
    assert (server.apply(FRAUD, with_model(**change)).status == 422) is refused


def test_uri_of_a_version_that_was_never_fetched_can_be_corrected(server: ApiServer) -> None:
    server.apply(FRAUD, with_model(uri="pvc://models/frod/1187"))
    assert server.apply(FRAUD, GOOD).status == 200


def test_status_is_never_refused_for_what_the_spec_says(server: ApiServer) -> None:
    """The spec declares one digest, the operator reports another: it must be able to say so."""
    server.apply(FRAUD, with_model(digest="sha256:" + "2" * 64))
    stable = VersionStatus(version="2.4.1187", uri="pvc://models/fraud/1187", digest=DIGEST)
    assert write_status(server, Status(stable=stable)) == 200


def test_columns_of_kubectl_get(server: ApiServer) -> None:
    server.apply(FRAUD, GOOD)
    old = VersionStatus(version="2.3.1160", uri="pvc://models/fraud/1160", weight=90)
    new = VersionStatus(version="2.4.1187", uri="pvc://models/fraud/1187")
    ready = Condition(type="Ready", status="True", reason="Progressing", last_transition_time="2026-01-02T03:04:05Z")
    status = Status(
        phase=Phase.PROGRESSING,
        message="10 % for 5m",
        stable=old,
        candidates=new.version,
        weights="10",
        step="1/2",
        strategy="canary",
        conditions=(ready,),
    )
    assert write_status(server, status) == 200
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    answer = server.ask("GET", ROLLOUTS, accept=table).body
    names = [column["name"] for column in answer["columnDefinitions"]]
    cells = dict(zip(names, answer["rows"][0]["cells"], strict=True))
    age = cells.pop("Age")
    assert age.endswith("s")
    assert cells == {
        "Name": "fraud",
        "Phase": "Progressing",
        "Stable": "2.3.1160",
        "Candidate": "2.4.1187",
        "Weight": "10",
        "Step": "1/2",
        "Strategy": "canary",
        "Reason": "Progressing",
        "Message": "10 % for 5m",
    }


@pytest.mark.parametrize("name", ["modelrollouts", "modelrollout", "mr", "ml"])
def test_names_for_kubectl(server: ApiServer, name: str) -> None:
    resources = server.ask("GET", "/apis/modelrollout.dev/v1alpha1").body["resources"]
    names = {
        known
        for resource in resources
        for known in (resource["name"], resource["singularName"], *resource.get("shortNames", []))
    }
    categories = {category for resource in resources for category in resource.get("categories", [])}
    assert name in names | categories


SIZES: dict[str, tuple[int, int, int]] = {
    "the largest that is taken": (LARGEST_SPEC, LARGEST_SPEC, 200),
    "one that is not, over the largest that was": (4 * LARGEST_SPEC, LARGEST_SPEC, 200),
    "one that is kept beside itself without a limit": (4 * LARGEST_SPEC, 4 * LARGEST_SPEC, 500),
}


@pytest.mark.parametrize(("size", "accepted", "expected"), SIZES.values(), ids=SIZES)
def test_a_spec_and_the_accepted_one_are_stored_in_one_object(
    server: ApiServer, size: int, accepted: int, expected: int
) -> None:
    """With everything else that a status has, here a hundred kilobytes."""
    sample = [{"instances": ["x" * size]}]
    assert server.apply(FRAUD, with_spec(validation={"samples": {"requests": sample}})).status == 201
    kept = Status(accepted_spec={"x": "y" * accepted}, message="z" * 100_000)
    assert write_status(server, kept) == expected
