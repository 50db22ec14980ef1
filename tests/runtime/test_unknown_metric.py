"""A metric that Prometheus does not know (yet): where nothing rests on it, it is told of and refuses nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.adapters.prometheus import Prometheus
from modelrollout.api.status import Status, VersionStatus
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import ModelRollout, parse_spec
from modelrollout.resource.spec import Spec
from modelrollout.runtime.accepting import Acceptance
from modelrollout.runtime.settings import Settings
from tests.core.world import CANARY, World
from tests.prometheus_server import Scraped

UNKNOWN = 'nobody_counts_this_total{version="{{ version }}"}'
BROKEN = 'clicks{version="{{ version }}"'
KNOWN = 'modelrollout_test_source{version="{{ version }}"}'
STABLE = Status(stable=VersionStatus(version="1.0.0", uri="pvc://models/fraud/0"))

ASKED: dict[str, tuple[str, bool, Status, tuple[Reason, bool] | None]] = {
    "the first version": (UNKNOWN, True, Status(), (Reason.UNKNOWN_METRIC, True)),
    "a later one, and it is not required": (UNKNOWN, False, STABLE, (Reason.UNKNOWN_METRIC, True)),
    "a later one that is judged by it": (UNKNOWN, True, STABLE, (Reason.INVALID_METRIC, False)),
    "a query that is none": (BROKEN, False, Status(), (Reason.INVALID_METRIC, False)),
    "one that there is": (KNOWN, True, STABLE, None),
}


def rollout(query: str, required: bool, status: Status) -> tuple[ModelRollout, Spec]:
    """Judged by a metric of its own."""
    clicks: dict[str, Any] = {"name": "clicks", "successes": query, "trials": KNOWN, "required": required}
    body = {**World.of(CANARY).spec, "analysis": {"metrics": [{"name": "errors"}, clicks]}}
    spec = parse_spec(body)
    assert isinstance(spec, Spec), spec
    return replace(World.of(CANARY).rollout, spec=spec, status=status), spec


@pytest.mark.apiserver
@pytest.mark.parametrize(("query", "required", "status", "expected"), ASKED.values(), ids=ASKED)
def test_whether_it_refuses(
    scraped: Scraped, query: str, required: bool, status: Status, expected: tuple[Reason, bool] | None
) -> None:
    unused: Any = None

    async def ask(prometheus: Prometheus) -> Refusal | None:
        return await Acceptance(unused, prometheus, Settings())._wrong_metric(*rollout(query, required, status))

    found = scraped.run(ask)
    assert (None if found is None else (found.reason, found.warns)) == expected
    if found is not None and query == UNKNOWN:
        assert found.message.startswith("spec.analysis.metrics[1].successes: Prometheus at ")
        assert "knows no metric nobody_counts_this_total" in found.message
        assert ("required: false" in found.message) is not found.warns


def test_a_doubt_is_told_once_and_refuses_nothing() -> None:
    world = World.of(CANARY)
    world.refusal = Refusal(Reason.UNKNOWN_METRIC, "Prometheus knows no metric clicks yet", warns=True)
    world.installed()
    assert world.status.stable is not None
    assert world.said(Reason.UNKNOWN_METRIC) == ["Prometheus knows no metric clicks yet"]
