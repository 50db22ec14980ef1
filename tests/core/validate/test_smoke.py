"""Samples on users' way are looked at as those that go to a pod, in the same table and the same words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelrollout.core.plan import Reason
from modelrollout.core.validate.answer import Answer
from modelrollout.core.validate.probed import Probed, Sent
from tests.core.world import BLUE_GREEN, GOOD, World, smoked

NEW = "1.1.2"
REQUESTS = {"request 1": {"instances": [[1.0]]}, "request 2": {"instances": [[2.0]]}}
ONE, OTHER = [[0.1, 0.2, 0.7]], [[0.7, 0.2, 0.1]]


def released(**smoke: Any) -> World:
    """The next version is loaded, and its smoke requests are due."""
    spec = yaml.safe_load(BLUE_GREEN)
    spec["strategy"]["blueGreen"]["smoke"] |= {"requests": list(REQUESTS.values()), "attempts": 1, **smoke}
    world = World(spec=spec)
    world.smoke = saying(ONE, OTHER)
    return world.installed().apply(version=NEW)


def saying(*first: Any, again: tuple[Any, ...] | None = None, seconds: float = 0.01) -> Probed:
    """What it answers to each request, and the second time."""
    sent = [
        tuple(Answer(name, 200, {"predictions": value}, seconds) for name, value in zip(REQUESTS, values, strict=True))
        for values in (first, again or first)
    ]
    return Probed(requests=REQUESTS, sent=Sent(sent[0], sent[1]))


def rows(world: World) -> dict[str, str]:
    """The checks of the version under trial, or of the one that left last."""
    arms = world.status.arms
    checks = arms[0].validation.checks if arms else world.status.last_validation.checks  # type: ignore[union-attr]
    return {row.check: row.verdict for row in checks}


def test_they_are_rows_of_the_same_table_and_one_event() -> None:
    world = released(maxLatency="1s").run(20)
    assert rows(world) == {
        "signature": "Pass",
        "smoke answers": "Pass",
        "smoke form": "Pass",
        "smoke sameTwice": "Pass",
        "smoke varied": "Pass",
        "smoke latency": "Pass",
    }
    [said] = world.said(Reason.SMOKE_PASSED)
    assert said.startswith(
        f"{NEW}, through the mesh: smoke answers: 2 samples were answered well, each of them twice; "
    )
    assert world.weight == 100


WAYS = {
    "callers in the mesh": (["mesh"], "through the mesh: "),
    "callers from outside": (["ingress/public"], "through the gateway: "),
    "both, sent from outside": (["mesh", "ingress/public"], "through the gateway: "),
}


@pytest.mark.parametrize(("gateways", "way"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("fault", "said"), [(None, Reason.SMOKE_PASSED), ("status 500", Reason.SMOKE_FAILED)])
def test_the_way_that_they_took_is_said(gateways: list[str], way: str, fault: str | None, said: Reason) -> None:
    world = released(attempts=2).configure(traffic={"hosts": ["fraud.prod"], "gateways": gateways})
    world.smoke = smoked(fault)
    world.run(20)
    assert way in world.said(said)[0]


# What is asked for, and what it answers -> what speaks against it
WRONG: dict[str, tuple[dict[str, Any], Probed, str]] = {
    "an error": (
        {},
        smoked("status 500"),
        "1 of 1 requests are not answered well: spec.strategy.blueGreen.smoke.requests[0]: status 500",
    ),
    "another form": (
        {},
        saying([[1]], OTHER),
        "1 of 2 answers are not as the signature says: spec.strategy.blueGreen.smoke.requests[0]",
    ),
    "not what is golden": (
        {"golden": {"answers": [{"predictions": ONE}, {"predictions": ONE}]}},
        replace(saying(ONE, OTHER), golden={name: {"predictions": ONE} for name in REQUESTS}),
        "1 of 2 samples are not answered as golden says: spec.strategy.blueGreen.smoke.requests[1]: [0][0] is "
        "0.7, not 0.1",
    ),
    "not the same twice": (
        {"sameTwice": "Require"},
        saying(ONE, OTHER, again=(OTHER, OTHER)),
        "1 of 2 samples are answered otherwise when they are sent again: spec.strategy.blueGreen.smoke.requests[0]",
    ),
    "always the same": ({"varied": "Require"}, saying(ONE, ONE), "all 2 rows of the samples are answered the same"),
    "slow": (
        {"maxLatency": "5ms"},
        saying(ONE, OTHER),
        "spec.strategy.blueGreen.smoke.requests[0] took 10 ms, maxLatency is 5ms",
    ),
}


@pytest.mark.parametrize(("smoke", "answers", "words"), WRONG.values(), ids=WRONG)
def test_what_speaks_against_it_ends_it_in_quarantine(smoke: dict[str, Any], answers: Probed, words: str) -> None:
    world = released(**smoke)
    world.smoke = answers
    world.run(20)
    [failed] = world.status.quarantined
    assert (failed.version, failed.reason) == (NEW, Reason.SMOKE_FAILED)
    assert failed.message.startswith(f"through the mesh: {words}")
    assert failed.message.endswith("(attempt 1 of 1); it gets no requests")
    assert "Fail" in rows(world).values()
    assert world.live == {"1.0.1": 100}


def test_what_went_through_before_there_were_these_checks_still_does() -> None:
    """A model that draws its answers, and one that says the same to few requests, are told and no more."""
    world = released()
    world.smoke = saying(ONE, ONE, again=(OTHER, OTHER))
    world.run(20)
    assert world.weight == 100
    found = rows(world)
    assert (found["smoke sameTwice"], found["smoke varied"]) == ("Reported", "Reported")


def test_where_the_signature_is_not_known_the_form_is_not_looked_at() -> None:
    world = released()
    world.configure(validation={"signature": "Ignore"})
    world.probed = replace(GOOD, signatures=None)
    world.run(20)
    assert "smoke form" not in rows(world)
    assert world.weight == 100


def test_what_is_missing_holds_it_and_is_no_attempt() -> None:
    world = released(golden={"answers": [{"predictions": ONE}, {"predictions": OTHER}]})
    world.run(20)
    assert (world.weight, world.arm.smoke.attempts) == (0, 0)
    assert (
        "smoke requests to green are held: no golden answer is given for spec.strategy.blueGreen.smoke.requests[0]"
        in world.status.message
    )
    assert not world.status.quarantined


def test_what_is_wrong_with_requests_of_a_config_map_names_it() -> None:
    spec = yaml.safe_load(BLUE_GREEN)
    spec["strategy"]["blueGreen"]["smoke"] = {"configMap": "samples", "attempts": 1}
    world = World(spec=spec)
    refused = Answer("list.json", 400, problem="status 400: the request is no object")
    world.smoke = Probed(requests={"list.json": {}}, sent=Sent((refused,), (refused,)))
    world.installed().apply(version=NEW).run(20)
    assert 'list.json: status 400: the request is no object (spec.strategy.blueGreen.smoke.configMap "samples")' in (
        world.status.message
    )
