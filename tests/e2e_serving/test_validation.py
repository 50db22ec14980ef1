"""What validation finds out from a server of real models: signatures by gRPC, samples by REST, what they come to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from modelrollout.adapters import grpc_samples
from modelrollout.adapters.samples import Destination, send_all
from modelrollout.adapters.storage.shown import read_shown, shown
from modelrollout.adapters.storage.warm_up import warm_up
from modelrollout.adapters.tensorflow_serving import model_signatures
from modelrollout.api.samples import Samples, Tolerance
from modelrollout.api.signature import Signatures
from modelrollout.api.validation import Validation
from modelrollout.core.validate.answer import Answer, difference
from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.probed import Probed, Sent
from modelrollout.core.validate.update import CHECKS
from tests.e2e_serving.stand_in import StandIn, monitoring_file, put, stand_in

EVERYTHING = {
    "requests": [{}],
    "golden": {"answers": [{}], "topK": 1},
    "agreement": {"withControl": 0.5},
    "sameTwice": "Require",
    "maxLatency": "30s",
}


def found(server: StandIn, model: str, number: int, rows: list[str]) -> dict[str, Finding]:
    """Every finding about a version of a model, held against version 1 of `digits`."""
    requests = {f"request {index}": json.loads(text) for index, text in enumerate(rows[:8])}

    async def ask(name: str, version: int) -> tuple[Signatures | str, tuple[Answer, ...]]:
        (known,) = await model_signatures([(f"127.0.0.1:{server.port}", version)], name)
        to = Destination(f"127.0.0.1:{server.rest_port}", name, version, 30.0)
        async with aiohttp.ClientSession() as session:
            return known, await send_all(session, to, list(requests.items()))

    async def body() -> Probed:
        (ours, first), (theirs, right), (_, second) = (
            await ask(model, number),
            await ask("digits", 1),
            await ask(model, number),
        )
        assert not isinstance(ours, str), ours
        assert not isinstance(theirs, str), theirs
        golden: dict[str, Any] = {answer.sample: answer.value for answer in right}
        return Probed(ours, theirs, requests=requests, golden=golden, sent=Sent(first, second, None, right))

    settings = Validation(samples=Samples.model_validate(EVERYTHING))
    case = Case(settings, "1.1.2", "1.0.1", asyncio.run(body()))
    findings = [finding for check in CHECKS if (finding := check(case)) is not None]
    return {finding.check: finding for finding in findings}


def test_a_model_agrees_with_itself(server: StandIn, rows: list[str]) -> None:
    findings = found(server, "digits", 1, rows)
    assert {name: item.verdict for name, item in findings.items()} == dict.fromkeys(
        ("signature", "answers", "form", "golden", "agreement", "sameTwice", "varied", "latency"), Verdict.PASS
    ), findings


def test_another_signature(server: StandIn, rows: list[str]) -> None:
    findings = found(server, "other_signature_incompatible", 1, rows)
    assert findings["signature"].verdict is Verdict.FAIL
    assert "signature serving_default: input " in findings["signature"].message
    assert findings["answers"].verdict is Verdict.FAIL
    assert "status 400" in findings["answers"].message


def test_numbers_that_are_none(server: StandIn, rows: list[str]) -> None:
    findings = found(server, "nan", 1, rows)
    assert findings["signature"].verdict is Verdict.PASS
    assert findings["answers"].verdict is Verdict.FAIL
    assert "which is no finite number" in findings["answers"].message


def by_both(server: StandIn, model: str, number: int, rows: list[str]) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
    """The answers to the same samples by REST and by gRPC."""
    requests = [(f"request {index}", json.loads(text)) for index, text in enumerate(rows[:8])]

    async def body() -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
        by_grpc = await grpc_samples.send_all(
            Destination(f"127.0.0.1:{server.port}", model, number, 30.0), requests, 60.0
        )
        async with aiohttp.ClientSession() as session:
            to = Destination(f"127.0.0.1:{server.rest_port}", model, number, 30.0)
            return await send_all(session, to, requests), by_grpc

    return asyncio.run(body())


@pytest.mark.parametrize("model", ["digits", "other_signature_compatible"], ids=["one output", "two outputs"])
def test_an_answer_is_the_same_by_rest_and_by_grpc(server: StandIn, rows: list[str], model: str) -> None:
    for rest, grpc in zip(*by_both(server, model, 1, rows), strict=True):
        assert grpc.fault is None, grpc
        assert difference(rest.value, grpc.value, Tolerance(atol=0, rtol=1e-6)) is None


def test_what_a_server_does_not_take_is_refused_by_both(server: StandIn, rows: list[str]) -> None:
    for rest, grpc in zip(*by_both(server, "other_signature_incompatible", 1, rows), strict=True):
        assert rest.status == 400
        assert (grpc.fault or "").startswith("gRPC status INVALID_ARGUMENT: ")


def test_samples_are_replayed_before_the_server_is_ready(models: Path, rows: list[str], tmp_path: Path) -> None:
    """The first user's request is then no cold one."""
    base = tmp_path / "digits"
    put(models / "good", base, 1)
    said: list[str] = []
    assert warm_up(base / "1", "digits", [json.loads(text) for text in rows[:8]], said.append), said
    monitoring = f"--monitoring_config_file={monitoring_file(tmp_path)}"
    with stand_in(tmp_path, "--model_name=digits", f"--model_base_path={base}", monitoring) as running:
        page = running.get("/monitoring/prometheus/metrics").text.splitlines()
    assert f':tensorflow:serving:model_warmup_records_read{{model_path="{base}/1",status="OK"}} 8' in page
    assert [item.is_predict for item in read_shown(shown(base / "1") or "")] == [True] * 8
