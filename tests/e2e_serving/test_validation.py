"""What validation finds out from a server of real models: signatures by gRPC, samples by REST, what they come to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

from modelrollout.adapters.samples import Destination, send_all
from modelrollout.adapters.tensorflow_serving import model_signatures
from modelrollout.api.samples import Samples
from modelrollout.api.signature import Signatures
from modelrollout.api.validation import Validation
from modelrollout.core.validate.answer import Answer
from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.probed import Probed, Sent
from modelrollout.core.validate.update import CHECKS
from tests.e2e_serving.stand_in import StandIn

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
