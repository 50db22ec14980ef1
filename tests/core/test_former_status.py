"""Releases in flight survive the change: statuses as operators up to 0.1 wrote them are read, and the release goes on.

``tests/api/former_statuses`` holds one of each phase with the world around it, written by version 0.1 itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.api.route import EVERYBODY, MATCHED
from modelrollout.api.status import Phase
from modelrollout.core.decide import decide
from modelrollout.core.evidence import Count
from modelrollout.core.observation import Workload
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import parse_spec, parse_status
from tests.core.world import World, smoked

FOLDER = Path(__file__).parents[1] / "api" / "former_statuses"
ALL = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def former(name: str) -> dict[str, Any]:
    """The file."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return loaded


def world_of(name: str) -> World:
    """The world at the moment of the upgrade. Nothing has been written by the new operator yet."""
    body = former(name)
    world = World(spec=body["spec"], now=body["now"] + 1, generation=body["generation"])
    world.status = parse_status(body["status"], parse_spec(body["spec"]))
    for version, seen in body["workloads"].items():
        described = {**seen, "digests": tuple(seen["digests"])}
        world.workloads[version] = Workload(version, services={EVERYBODY: world.now - 60}, **described)
    if world.status.trial is not None:
        world.route = world.status.trial.route
    elif body["live"]:
        world.live = body["live"]
    for metric, counts in body["counts"].items():
        counted = {version: Count(*pair) for version, pair in counts.items()}
        (world.matched if "match" in body["spec"]["traffic"] else world.counts)[metric] = counted
    return world


@pytest.mark.parametrize("name", ALL)
def test_it_goes_on_from_where_it_was(name: str) -> None:
    """Same phase, same weights, the same versions, and nobody is told of a route that somebody edited."""
    body, world = former(name), world_of(name)
    world.away = "connection refused" if name == "blind" else None
    before = body["status"]
    plan = world.step()
    assert world.live == (body["live"] if "match" not in body["spec"]["traffic"] else {"1.0.1": 100})
    assert world.status.stable is None or world.status.stable.version == before["stable"]["version"]
    assert [arm.version for arm in world.status.arms] == (
        [before["candidate"]["version"]] if "candidate" in before else []
    )
    assert not [event for event in plan.events if event.reason in (Reason.ROUTE_RESTORED, Reason.STATUS_LOST)]
    assert [item.version for item in world.status.quarantined] == [
        item["version"] for item in before.get("quarantined", [])
    ]
    assert [item.version for item in world.status.retiring] == [item["version"] for item in before.get("retiring", [])]


@pytest.mark.parametrize("name", ALL)
def test_its_evidence_goes_on(name: str) -> None:
    body, world = former(name), world_of(name)
    if "release" not in body["status"]:
        return
    for old in body["status"].get("analysis", []):
        new = next(item for item in world.arm.metrics if item.metric == old["metric"])
        assert new.state == old.get("state", {})
        assert new.counters == old.get("counters", {})
        assert (new.requests_at_weight, new.evidence) == (old["requestsAtWeight"], old["evidence"])


@pytest.mark.parametrize("name", ["progressing", "second-step", "baking", "blue-green-baking", "focused"])
@pytest.mark.parametrize("away", [False, True], ids=["at once", "Prometheus is away at first"])
def test_answers_that_nobody_counted_before_are_no_news(name: str, away: bool) -> None:
    """Requests without an answer are counted since 0.2. The first sample has those of all the past in it, too."""
    world = world_of(name)
    before = world.arm.metrics
    counted = world.matched if world.matched else world.counts
    counted["errors"] = {version: count + Count(5000, 5000) for version, count in counted["errors"].items()}
    if away:
        world.away = "connection refused"
        world.step(1)
        world.away = None
    world.step(1)
    now = {(item.split, item.metric): item for item in world.arm.metrics}
    for item in before:
        after = now[item.split, item.metric]
        assert (after.candidate, after.stable) == (item.candidate, item.stable)
        assert after.state["worse"] == item.state["worse"], "what was proven so far"
    serve, version = world.matched_requests if world.matched else world.requests, world.arm.version
    for _ in range(6):
        if world.status.trial is not None:
            serve(500, bad={version: 1.0}).step(5)
    assert world.status.trial is None, "what is new counts"


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_decided_twice(name: str) -> None:
    world = world_of(name)
    assert decide(world.rollout, world.observe()) == decide(world.rollout, world.observe())


ENDS = {
    "progressing": Phase.HEALTHY,
    "progressing-two-metrics": Phase.HEALTHY,
    "second-step": Phase.HEALTHY,
    "approved": Phase.HEALTHY,
    "baking": Phase.HEALTHY,
    "blue-green-baking": Phase.HEALTHY,
    "ready": Phase.HEALTHY,
    "pending": Phase.HEALTHY,
    "blind": Phase.HEALTHY,
    "no-traffic": Phase.HEALTHY,
    "superseded": Phase.HEALTHY,
    "blue-green-smoke-failed-once": Phase.HEALTHY,
    "focused": Phase.HEALTHY,
    "awaiting-approval": Phase.AWAITING_APPROVAL,
    "blue-green-awaiting-approval": Phase.AWAITING_APPROVAL,
    "paused": Phase.PAUSED,
    "degraded": Phase.DEGRADED,
    "rolling-back": Phase.DEGRADED,
    "invalid": Phase.INVALID,
}


@pytest.mark.parametrize("name", sorted(ENDS))
def test_it_comes_to_the_same_end(name: str) -> None:
    world = world_of(name)
    world.smoke = smoked()
    for _ in range(220):
        if world.status.trial is not None and world.trial.route is not None and world.trial.route.split(MATCHED):
            world.matched_requests(500)
        for metric in ("errors", "latency"):
            world.requests(500, metric=metric)
        world.step(5)
    assert world.status.phase is ENDS[name], world.status.message


@pytest.mark.parametrize(
    ("name", "step"),
    [("progressing", "10:0"), ("second-step", "50:0"), ("awaiting-approval", "10:1"), ("approved", "50:0")],
)
def test_the_same_step_is_held(name: str, step: str) -> None:
    world = world_of(name)
    world.step()
    assert world.trial.memory["step"] == step
    assert world.trial.memory["stepStartedAt"] == former(name)["status"]["release"]["stepStartedAt"]


@pytest.mark.parametrize("name", ["progressing-with-errors", "focused", "blue-green-baking", "baking"])
def test_a_failing_version_is_rolled_back_as_before(name: str) -> None:
    world = world_of(name)
    for _ in range(6):
        if world.status.trial is None:
            break
        (world.matched_requests if name == "focused" else world.requests)(500, {"1.1.2": 0.3})
        world.step(5)
    assert world.live == {"1.0.1": 100}
    assert world.status.quarantined[-1].version == "1.1.2"
