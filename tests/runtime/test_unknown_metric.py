"""A metric that Prometheus does not know (yet): where nothing rests on it, it is told of until it is there, and refuses
nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.adapters.prometheus import Prometheus, PrometheusAway
from modelrollout.api.status import Status, VersionStatus
from modelrollout.core.accept.references import YET
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import ModelRollout, parse_spec
from modelrollout.resource.spec import Spec
from modelrollout.runtime.accepting import Acceptance
from modelrollout.runtime.inquiry import Inquiries
from modelrollout.runtime.references import References
from modelrollout.runtime.settings import Settings
from tests.core.world import CANARY, World
from tests.prometheus_server import Scraped

UNKNOWN = 'nobody_counts_this_total{version="{{ version }}"}'
BROKEN = 'clicks{version="{{ version }}"'
KNOWN = 'modelrollout_test_source{version="{{ version }}"}'
STABLE = Status(stable=VersionStatus(version="1.0.0", uri="pvc://models/fraud/0"))

ASKED: dict[str, tuple[str, bool, Status, Reason | None, bool]] = {  # what it is refused for, and whether it is told
    "the first version": (UNKNOWN, True, Status(), None, True),
    "a later one, and it is not required": (UNKNOWN, False, STABLE, None, True),
    "a later one that is judged by it": (UNKNOWN, True, STABLE, Reason.UNKNOWN_METRIC, True),
    "a query that is none": (BROKEN, False, Status(), Reason.INVALID_METRIC, True),
    "one that there is": (KNOWN, True, STABLE, None, False),
}


def rollout(query: str, required: bool, status: Status) -> tuple[ModelRollout, Spec]:
    """Judged by a metric of its own."""
    clicks: dict[str, Any] = {"name": "clicks", "successes": query, "trials": KNOWN, "required": required}
    body = {**World.of(CANARY).spec, "analysis": {"metrics": [{"name": "errors"}, clicks]}}
    spec = parse_spec(body)
    assert isinstance(spec, Spec), spec
    return replace(World.of(CANARY).rollout, spec=spec, status=status), spec


@pytest.mark.apiserver
@pytest.mark.parametrize(("query", "required", "status", "refused", "told"), ASKED.values(), ids=ASKED)
def test_whether_it_refuses(
    scraped: Scraped, query: str, required: bool, status: Status, refused: Reason | None, told: bool
) -> None:
    unused: Any = None

    async def ask(prometheus: Prometheus) -> tuple[Refusal | None, tuple[Refusal, ...] | None]:
        of = rollout(query, required, status)
        refusal = await Acceptance(unused, prometheus, Settings())._wrong_metric(*of)
        return refusal, await References(unused, prometheus, time.monotonic)._ask(*of)

    refusal, missing = scraped.run(ask)
    assert (refusal.reason if refusal is not None else None) == refused
    if refused is Reason.UNKNOWN_METRIC:
        assert refusal is not None
        assert refusal.message.endswith("let the metric be scraped first, or say required: false")
    assert bool(missing) is told
    if query == UNKNOWN:
        assert missing is not None
        [said] = missing
        assert said.message.startswith("spec.analysis.metrics[1].successes: Prometheus at ")
        assert "knows no metric nobody_counts_this_total" in said.message


DOUBT = Refusal(Reason.UNKNOWN_METRIC, f"Prometheus knows no metric clicks{YET}")


def resolved(world: World) -> tuple[str, str, str]:
    """The condition."""
    found = {item.type: item for item in world.status.conditions}["ResolvedRefs"]
    return found.status, found.reason, found.message


def test_it_is_told_once_by_an_event_and_by_a_condition_until_it_is_there() -> None:
    world = World.of(CANARY)
    world.unresolved = (DOUBT,)
    world.installed()
    assert world.status.stable is not None, "nothing is refused"
    assert world.said(Reason.UNKNOWN_METRIC) == [DOUBT.message]
    assert resolved(world) == ("False", Reason.UNKNOWN_METRIC, DOUBT.message)
    assert world.plans[-1].requeue_after <= 30, "it is looked for again"
    world.unresolved = ()
    world.step(30)
    assert resolved(world)[0] == "True"
    world.unresolved = (DOUBT,)
    world.step(30)
    assert resolved(world)[0] == "True", "at rest, and when all was there, nobody asks"


def test_a_spec_that_is_edited_is_looked_at_anew() -> None:
    world = World.of(CANARY).installed()
    world.unresolved = (DOUBT,)
    world.configure(analysis={"metrics": [{"name": "errors"}]}).step(1)
    assert resolved(world)[0] == "False"


def test_it_is_missing_still_when_the_first_version_serves() -> None:
    """The spec was accepted before anything served, and nobody asks again whether it can be."""
    unused: Any = None
    prometheus: Any = Nobody()
    serves = rollout(UNKNOWN, True, STABLE)
    assert asyncio.run(References(unused, prometheus, time.monotonic)._ask(*serves))


class Nobody:
    """A Prometheus that knows no metric; or that is away."""

    url = "http://prometheus"

    def __init__(self, *, away: bool = False) -> None:
        self.away = away

    async def query(self, expression: str) -> list[object]:
        return []

    async def knows(self, name: str) -> bool:
        if self.away:
            raise PrometheusAway(f"no answer about {name}")
        return False


def test_while_prometheus_is_away_nobody_says_that_it_is_there() -> None:
    """Or it would never be asked for again."""
    unused: Any = None
    prometheus: Any = Nobody(away=True)
    asked = rollout(UNKNOWN, False, STABLE)
    assert asyncio.run(References(unused, prometheus, time.monotonic)._ask(*asked)) is None


def test_what_a_release_is_refused_for_is_missing_too_and_told_once() -> None:
    world = World.of(CANARY).installed()
    world.refusal = Refusal(Reason.UNKNOWN_METRIC, "Prometheus knows no metric clicks; correct the name")
    world.unresolved = (DOUBT, Refusal(Reason.HOST_WITHOUT_SERVICE, "there is no Service"))
    world.apply(version="1.1.2").step(1)
    refused = world.refusal.message
    assert resolved(world) == ("False", Reason.UNKNOWN_METRIC, f"{refused}; there is no Service")
    assert world.said(Reason.UNKNOWN_METRIC) == [f"1.1.2 is not released: {refused}"]
    world.refusal = None
    world.step(5)
    assert resolved(world)[2] == f"{DOUBT.message}; there is no Service", "accepted while Prometheus was away"


def test_all_of_them_are_named_at_once() -> None:
    """Who corrects one at a time is refused once for each."""
    unused: Any = None
    prometheus: Any = Nobody()
    spec = {"name": "clicks", "successes": UNKNOWN, "trials": UNKNOWN.replace("this", "that")}
    body = parse_spec({**World.of(CANARY).spec, "analysis": {"metrics": [{"name": "errors"}, spec]}})
    assert isinstance(body, Spec), body
    of = replace(World.of(CANARY).rollout, spec=body, status=STABLE)
    refusal = asyncio.run(Acceptance(unused, prometheus, Settings())._wrong_metric(of, body))
    assert refusal is not None
    assert refusal.reason is Reason.UNKNOWN_METRIC
    at = "spec.analysis.metrics[1].{}: Prometheus at http://prometheus knows no metric nobody_counts_{}_total; "
    ways = "correct the name, let the metric be scraped first, or say required: false"
    assert refusal.message == at.format("successes", "this") + at.format("trials", "that") + ways


AWAY: dict[str, tuple[str, bool, Status, bool]] = {
    "a release is judged by it": (KNOWN, True, STABLE, True),
    "it is not required": (KNOWN, False, STABLE, False),
    "the first version is compared with nobody": (BROKEN, True, Status(), False),
}


@pytest.mark.parametrize(("query", "required", "status", "waits"), AWAY.values(), ids=AWAY)
def test_while_prometheus_is_away_no_release_begins_that_is_judged_by_it(
    query: str, required: bool, status: Status, waits: bool
) -> None:
    """A query that is none would be found out when the release cannot begin any more."""
    unused: Any = None

    async def ask() -> Refusal | None:
        prometheus = Prometheus("http://127.0.0.1:9", timeout=1.0, threads=1)
        of, spec = rollout(query, required, status)
        acceptance = Acceptance(unused, prometheus, Settings())
        acceptance.refusal = lambda *each: acceptance._wrong_metric(*each)  # type: ignore[method-assign]
        try:
            return await Inquiries(acceptance, time.monotonic).refusal(of, spec)
        finally:
            prometheus.close()

    refusal = asyncio.run(ask())
    assert (refusal is not None) is waits
    if refusal is not None:
        assert refusal.reason is Reason.NOT_CHECKED
        assert refusal.message.startswith("the spec could not be checked, trying again: Prometheus at ")
