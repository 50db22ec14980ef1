"""One question to the servers: what they said, and what is nobody's fault."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import yaml

from modelrollout.adapters import grpc_samples, tensorflow_serving
from modelrollout.adapters import samples as adapter
from modelrollout.adapters.cluster import MODEL_ROLLOUTS, ApiError, Resource
from modelrollout.adapters.memory import METRIC
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.adapters.records import write_record
from modelrollout.adapters.samples import Destination, Unreachable
from modelrollout.api.samples import Samples
from modelrollout.api.signature import Signature, Signatures
from modelrollout.core.validate.answer import Answer
from modelrollout.core.validate.probed import Memory, Probed
from modelrollout.manifests.meta import OWNER_LABEL, VERSION_LABEL
from modelrollout.runtime.memory_limits import bytes_of, measured
from modelrollout.runtime.probing import Prober, signatures
from modelrollout.runtime.validating import Inquiry, Server
from tests.adapters.predict import classify_log, predict_log
from tests.core.world import CANARY
from tests.prometheus_server import Scraped
from tests.runtime.stage import NOBODY

SIGNATURES: Signatures = {"serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"})}
ASKED = Inquiry("prod", "fraud", "settings", Server("1.1.2", ("10.0.0.2",)), Server("1.0.1", ("10.0.0.1",)))
INLINE = Samples.model_validate({"requests": [{"instances": [1]}, {"instances": [2]}], "warmUp": 3})
MAPPED = Samples.model_validate({"configMap": "bodies", "golden": {"configMap": "golden"}})


Answers = dict[str, Signatures | str]
Known = tuple[Signatures | None, Signatures | None, str | None]
PROBES: dict[str, tuple[Inquiry, Answers, Known]] = {
    "both answer": (ASKED, {"10.0.0.1:8500": {}, "10.0.0.2:8500": SIGNATURES}, (SIGNATURES, {}, None)),
    "the first pod does not": (
        replace(ASKED, arm=Server("1.1.2", ("10.0.0.2", "10.0.0.3")), control=None),
        {"10.0.0.2:8500": "UNAVAILABLE: refused", "10.0.0.3:8500": SIGNATURES},
        (SIGNATURES, None, None),
    ),
    "nobody does": (
        ASKED,
        {"10.0.0.1:8500": "UNAVAILABLE: refused", "10.0.0.2:8500": "DEADLINE_EXCEEDED: "},
        (None, None, "1.1.2 at 10.0.0.2:8500: DEADLINE_EXCEEDED: ; 1.0.1 at 10.0.0.1:8500: UNAVAILABLE: refused"),
    ),
    "no pod is there": (
        replace(ASKED, control=Server("1.0.1")),
        {"10.0.0.2:8500": SIGNATURES},
        (SIGNATURES, None, "no pod of 1.0.1 is ready"),
    ),
}


@pytest.mark.parametrize(("asked", "answers", "expected"), PROBES.values(), ids=PROBES)
def test_signatures(asked: Inquiry, answers: Answers, expected: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    async def say(targets: Sequence[tuple[str, int]], model: str) -> list[Signatures | str]:
        assert model == "fraud"
        assert {number for _, number in targets} <= {1, 2}
        return [answers[address] for address, _ in targets]

    monkeypatch.setattr(tensorflow_serving, "model_signatures", say)
    assert asyncio.run(signatures(asked)) == expected


class Maps:
    """A cluster of ConfigMaps; an error is raised."""

    def __init__(self, **maps: dict[str, Any] | Exception) -> None:
        self.maps = maps

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        assert namespace == "prod"
        found = self.maps.get(name)
        if isinstance(found, Exception):
            raise found
        if resource is MODEL_ROLLOUTS or (found is not None and "binaryData" in found):
            return found
        return {"data": found} if found is not None else None

    async def list(self, resource: Resource, namespace: str, labels: dict[str, str]) -> list[dict[str, Any]]:
        assert (namespace, labels) == ("prod", {OWNER_LABEL: "fraud"})
        return [ready_pod("1.0.1", "10.0.0.1"), ready_pod("1.0.0", "10.0.0.9")]


def ready_pod(version: str, address: str) -> dict[str, Any]:
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": address}
    return {"metadata": {"name": version, "labels": {VERSION_LABEL: version}}, "status": ready}


def file_of(*records: bytes) -> str:
    """As ``binaryData`` has it."""
    return base64.b64encode(b"".join(map(write_record, records))).decode()


class Pods:
    """Every pod answers its own address, unless it is away."""

    def __init__(self, *away: str) -> None:
        self.away = away
        self.asked: list[tuple[str, int, str]] = []

    async def send_all(self, session: object, to: Destination, requests: Sequence[tuple[str, Any]]) -> Any:
        if to.address.partition(":")[0] in self.away:
            raise Unreachable(f"{to.address} cannot be reached: refused")
        self.asked += [(to.address, to.number, name) for name, _ in requests]
        return tuple(Answer(name, 200, {"predictions": [to.address]}, 0.5) for name, _ in requests)

    async def send_by_grpc(self, to: Destination, requests: Sequence[tuple[str, Any]], limit: float) -> Any:
        return await self.send_all(None, to, requests)


def ask(monkeypatch: pytest.MonkeyPatch, asked: Inquiry, pods: Pods, **maps: dict[str, Any] | Exception) -> Probed:
    return ask_with(NOBODY, monkeypatch, asked, pods, maps)


def ask_with(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    asked: Inquiry,
    pods: Pods,
    maps: dict[str, dict[str, Any] | Exception],
) -> Probed:
    async def known(targets: Sequence[tuple[str, int]], model: str) -> list[Signatures | str]:
        return [SIGNATURES] * len(targets)

    monkeypatch.setattr(tensorflow_serving, "model_signatures", known)
    monkeypatch.setattr(adapter, "send_all", pods.send_all)
    monkeypatch.setattr(grpc_samples, "send_all", pods.send_by_grpc)

    async def body() -> Probed:
        async with aiohttp.ClientSession() as http:
            prometheus = Prometheus(url, timeout=5, threads=1)
            try:
                prober = Prober(Maps(**maps), http, 5.0, prometheus, memory_patience=60.0)  # type: ignore[arg-type]
                return await prober.ask(asked)
            finally:
                prometheus.close()

    return asyncio.run(body())


def test_warm_up_then_all_of_them_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = Pods()
    found = ask(monkeypatch, replace(ASKED, samples=INLINE), pods)
    assert found.sent is not None
    order = ["request 1"] * 3 + ["request 1", "request 2"] * 2
    assert pods.asked == [("10.0.0.2:8501", 2, name) for name in order]
    assert [answer.sample for answer in found.sent.first] == ["request 1", "request 2"]
    assert [answer.sample for answer in found.sent.second] == ["request 1", "request 2"]
    assert (found.sent.cold, found.sent.by_control) == (0.5, None)
    assert found.requests == {"request 1": {"instances": [1]}, "request 2": {"instances": [2]}}


def test_the_same_to_stable_where_both_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    both = INLINE.model_copy(update={"agreement": object()})
    found = ask(monkeypatch, replace(ASKED, samples=both), Pods())
    assert found.sent is not None
    assert found.sent.by_control is not None
    assert [answer.outputs for answer in found.sent.by_control] == [["10.0.0.1:8501"]] * 2
    away = ask(monkeypatch, replace(ASKED, samples=both), Pods("10.0.0.1"))
    assert away.sent is not None
    assert (away.sent.by_control, away.is_complete) == (None, False)
    assert away.control_unsent == "1.0.1 at 10.0.0.1:8501 cannot be reached: refused"


def test_from_config_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = {"bodies": {"b": "[2]", "a": "[1]"}, "golden": {"a": "3", "b": "4"}}
    found = ask(monkeypatch, replace(ASKED, samples=MAPPED), Pods(), **maps)
    assert found.requests == {"a": [1], "b": [2]}
    assert found.golden == {"a": 3, "b": 4}


BY_GRPC = Samples.model_validate({"requests": [{"instances": [1]}], "protocol": "gRPC"})
OF_MAP = Samples.model_validate({"configMap": "bodies"})
OF_MODEL = Samples.model_validate({"fromModel": True, "warmUp": 0})
BROUGHT = base64.b64encode(zlib.compress(struct.pack("<I", len(predict_log(1.0))) + predict_log(1.0))).decode()
WAYS: dict[str, tuple[Samples, dict[str, Any], str, list[str]]] = {
    "bodies": (INLINE, {}, "8501", ["request 1", "request 2"]),
    "bodies by gRPC": (BY_GRPC, {}, "8500", ["request 1"]),
    "recorded": (
        OF_MAP,
        {"bodies": {"binaryData": {"july": file_of(predict_log(1.0), classify_log(), predict_log(2.0))}}},
        "8500",
        ["july.1", "july.2"],
    ),
    "both": (
        OF_MAP,
        {"bodies": {"data": {"a": "[1]"}, "binaryData": {"july": file_of(predict_log(1.0))}}},
        "8500",
        ["a", "july.1"],
    ),
    "of the model": (OF_MODEL, {}, "8500", ["record 1"]),
}


@pytest.mark.parametrize(("samples", "maps", "port", "names"), WAYS.values(), ids=WAYS)
def test_where_samples_are_from_and_where_they_go(
    samples: Samples, maps: dict[str, Any], port: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = Pods()
    asked = replace(ASKED, arm=Server("1.1.2", ("10.0.0.2",), BROUGHT), samples=samples)
    found = ask(monkeypatch, asked, pods, **maps)
    assert found.unsent is None
    assert sorted(found.requests) == names
    assert {address for address, _, _ in pods.asked} == {f"10.0.0.2:{port}"}
    assert json.dumps(dict(found.requests)), "the checks look at values of JSON"


def test_a_recorded_request_says_its_signature_and_is_told_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = predict_log(1.0, signature="scores"), predict_log(2.0)
    maps = {"bodies": {"binaryData": {"july": file_of(one, two)}}}
    found = ask(monkeypatch, replace(ASKED, samples=OF_MAP), Pods(), **maps)
    assert [item["signature_name"] for item in found.requests.values()] == ["scores", ""]
    assert len({str(item) for item in found.requests.values()}) == 2


NOT_GIVEN: dict[str, tuple[Samples, dict[str, Any], str | None, str]] = {
    "other calls alone": (
        OF_MAP,
        {"bodies": {"binaryData": {"july": file_of(classify_log())}}},
        None,
        "ConfigMap bodies: july holds no predict request among 1 records",
    ),
    "a damaged file": (
        OF_MAP,
        {"bodies": {"binaryData": {"july": base64.b64encode(b"no record at all").decode()}}},
        None,
        "ConfigMap bodies: july: it is no TFRecord file, or a damaged one",
    ),
    "too many": (
        OF_MAP,
        {"bodies": {"binaryData": {"july": file_of(*[predict_log(1.0)] * 65)}}},
        None,
        "ConfigMap bodies has 65 samples; at most 64 are sent",
    ),
    "a model that brings none": (OF_MODEL, {}, None, "no pod of 1.1.2 tells of predict requests in assets.extra/"),
    "what no fetcher told": (OF_MODEL, {}, "AAAA", "what a pod tells of its model's requests cannot be read: "),
}


@pytest.mark.parametrize(("samples", "maps", "brought", "words"), NOT_GIVEN.values(), ids=NOT_GIVEN)
def test_samples_that_are_not_there(
    samples: Samples, maps: dict[str, Any], brought: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(ASKED, arm=Server("1.1.2", ("10.0.0.2",), brought), samples=samples)
    found = ask(monkeypatch, asked, Pods(), **maps)
    assert (found.unsent or "").startswith(words)
    assert (found.sent, found.is_complete) == (None, False)


UNSENT: dict[str, tuple[dict[str, dict[str, Any] | Exception], Pods, str]] = {
    "no ConfigMap": ({}, Pods(), "ConfigMap bodies is missing or empty; each key holds one body in JSON"),
    "no answer of the API server": (
        {"bodies": ApiError(503, "no leader")},
        Pods(),
        "ConfigMap bodies cannot be read: ",
    ),
    "no JSON": ({"bodies": {"a": "{"}}, Pods(), "ConfigMap bodies: a is not JSON: "),
    "too many": (
        {"bodies": {str(number): "{}" for number in range(65)}},
        Pods(),
        "ConfigMap bodies has 65 keys; at most 64 samples are sent",
    ),
    "golden is missing": ({"bodies": {"a": "1"}}, Pods(), "ConfigMap golden is missing or empty"),
    "not reachable": (
        {"bodies": {"a": "1"}, "golden": {"a": "1"}},
        Pods("10.0.0.2"),
        "1.1.2 at 10.0.0.2:8501 cannot be reached: refused",
    ),
}


@pytest.mark.parametrize(("maps", "pods", "words"), UNSENT.values(), ids=UNSENT)
def test_what_could_not_be_sent_is_said(
    maps: dict[str, dict[str, Any] | Exception], pods: Pods, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ask(monkeypatch, replace(ASKED, samples=MAPPED), pods, **maps)
    assert found.sent is None
    assert found.unsent is not None
    assert found.unsent.startswith(words)
    assert not found.is_complete


def serves(version: str | None, model: str = "fraud") -> dict[str, Any]:
    """A rollout as the API server has it."""
    spec = yaml.safe_load(CANARY)
    stable = {"stable": {"version": version, "uri": "pvc://models/fraud/1"}} if version is not None else {}
    return {
        "metadata": {"name": "fraud", "namespace": "prod", "uid": "u"},
        "spec": {**spec, "model": {**spec["model"], "name": model}},
        "status": stable,
    }


BESIDE = replace(ASKED, control=None, against="fraud")


def test_what_another_rollout_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    both = INLINE.model_copy(update={"agreement": object()})
    pods = Pods()
    found = ask(monkeypatch, replace(BESIDE, samples=both), pods, fraud=serves("1.0.1"))
    assert (found.control, found.control_unknown, found.of_control) == ("1.0.1", None, SIGNATURES)
    assert found.sent is not None
    assert found.sent.by_control is not None
    assert [answer.outputs for answer in found.sent.by_control] == [["10.0.0.1:8501"]] * 2
    assert found.is_complete


def test_where_nothing_serves_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    for rollouts in ({}, {"fraud": serves(None)}):
        found = ask(monkeypatch, BESIDE, Pods(), **rollouts)
        assert (found.control, found.control_unknown, found.of_control) == (None, None, None)
        assert found.is_complete


@pytest.mark.parametrize(
    ("rollout", "words"),
    [
        (ApiError(503, "no leader"), "ModelRollout fraud cannot be read: "),
        (serves("1.0.1", model="risk"), "ModelRollout fraud serves the model risk, not fraud"),
    ],
    ids=["no answer of the API server", "another model"],
)
def test_what_serves_is_not_known(rollout: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ask(monkeypatch, BESIDE, Pods(), fraud=rollout)
    assert found.control_unknown is not None
    assert found.control_unknown.startswith(words)
    assert (found.control, found.signatures, found.is_complete) == (None, SIGNATURES, False)


def limited(version: str, address: str, **resources: Any) -> dict[str, Any]:
    found = ready_pod(version, address)
    found["metadata"]["name"] = f"fraud-{address}"
    containers = [{"name": "istio-proxy"}, {"name": "serving", "resources": resources}]
    return {**found, "spec": {"containers": containers}}


LIMIT = {"limits": {"memory": "1Gi"}}


def test_whose_memory_is_measured() -> None:
    pods = [limited("1.1.2", f"10.0.0.{number}", **LIMIT) for number in (5, 4, 3, 2)]
    found = measured("prod", [*pods, limited("1.0.1", "10.0.0.1")], "1.1.2")
    assert found.place.pods == ("fraud-10.0.0.2", "fraud-10.0.0.3", "fraud-10.0.0.4")
    assert (found.place.namespace, found.place.container, found.limits) == ("prod", "serving", (2.0**30,) * 3)
    assert measured("prod", [limited("1.1.2", "10.0.0.2")], "1.1.2").limits == (None,)


QUANTITIES = {"128Mi": 2.0**27, "1G": 1e9, "1500m": 1.5, "1e9": 1e9, "77": 77.0, "2k": 2000.0, "0": None, "much": None}


@pytest.mark.parametrize(("quantity", "size"), QUANTITIES.items())
def test_quantities(quantity: str, size: float | None) -> None:
    assert bytes_of(quantity) == size


def weighed(*pods: dict[str, Any]) -> Inquiry:
    return replace(ASKED, control=None, samples=INLINE, memory=measured("prod", pods, "1.1.2"))


@pytest.mark.apiserver
def test_memory_after_the_samples(monkeypatch: pytest.MonkeyPatch, scraped: Scraped) -> None:
    labels = 'namespace="prod",pod="fraud-10.0.0.2",container="serving"'
    scraped.source.lines[f"{METRIC}{{{labels}}}"] = 512e6
    scraped.wait_for_scrape()
    pods = Pods()
    found = ask_with(scraped.url, monkeypatch, weighed(limited("1.1.2", "10.0.0.2", **LIMIT)), pods, {})
    assert found.memory == (Memory("fraud-10.0.0.2", 512e6, 2.0**30),)
    assert found.is_complete
    assert pods.asked


UNMEASURED: dict[str, tuple[tuple[dict[str, Any], ...], str]] = {
    "no Prometheus": ((limited("1.1.2", "10.0.0.2", **LIMIT),), "Prometheus at http://127.0.0.1:9 cannot be reached"),
    "no limit": ((limited("1.1.2", "10.0.0.2"),), "the server of fraud-10.0.0.2 has no memory limit to be a part of"),
    "no pod": ((), "no pod of 1.1.2 is ready"),
}


@pytest.mark.parametrize(("pods", "words"), UNMEASURED.values(), ids=UNMEASURED)
def test_what_could_not_be_measured(
    pods: tuple[dict[str, Any], ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ask(monkeypatch, weighed(*pods), Pods())
    assert found.unmeasured is not None
    assert found.unmeasured.startswith(words)
    assert (found.memory, found.is_complete) == ((), False)
    assert found.sent is not None, "everything else is known all the same"
