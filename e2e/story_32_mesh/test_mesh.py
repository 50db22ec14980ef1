"""Story 32: callers in the mesh are routed by their own side cars, which is the default."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from e2e.client import Answer
from e2e.client.people import Visit
from e2e.client.summary import share
from e2e.cluster.target import Target
from e2e.harness.people import people_of, versions_of
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients
from e2e.installation import MODELS
from modelrollout.api.status import Phase

HERE = Path(__file__).parent
CANARY, BLUE_GREEN = HERE / "canary.yaml", HERE / "blue_green.yaml"
OLD, NEW, BAD = "1.0.1", "1.1.2", "1.2.3"
LIVE_SECONDS = 2.0  # from the route in the API server to the last request by the one before
NO_ROUTE = 503
NEVER = 1e9  # seconds until somebody complains
BOUND = 20.0  # seconds


@pytest.fixture
def clients(target: Target, rollout: Rollout) -> Clients:
    """Clients whose side car knows the story's namespace."""
    if not target.local:
        pytest.skip("the side car of a caller in a cluster elsewhere is not reached from here")
    rollout.prepare(HERE / "sidecar.yaml")
    return Clients(target.mesh_url, MODELS / "rows" / "digits.jsonl", unknown=NO_ROUTE)


def test_callers_in_the_mesh_are_shared_and_nobody_is_lost(rollout: Rollout, target: Target, clients: Clients) -> None:
    install(rollout, CANARY)
    host = f"digits.{rollout.namespace}"
    full = f"{host}.svc.cluster.local"
    them = people_of(target, rollout, MODELS, keep=True, rate=60, complain=NEVER, mesh_host=host)
    with clients(host, rate=60) as requests, clients(full, rate=20, grpc=True) as by_grpc, them:
        rollout.apply(CANARY, version=NEW, model="better")
        rollout.wait_healthy(NEW)
        for sent in (requests, by_grpc):
            sent.wait_for_answers(20)
            sent.none_failed()
        for weight in (30, 60):
            drawn = by_route(rollout, requests.answers(), {OLD: 100 - weight, NEW: weight})
            assert share(drawn, NEW) == pytest.approx(weight / 100, abs=0.12), f"at {weight} % of {len(drawn)}"
        assert {answer.version for answer in by_grpc.answers()} == {OLD, NEW}
        assert [visit.error for visit in them.visits if visit.error] == []

        rollout.apply(CANARY, version=BAD, model="failing")
        rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, f"{BAD} is quarantined")
        rollout.wait_route({NEW: 100})
        since = rollout.routes()[-1][0] + LIVE_SECONDS
        while not (after := [visit for visit in them.visits if visit.at > since]) or len(after) < 2 * 60:
            requests.wait_for_answers(20)

    assert {answer.version for answer in requests.failed()} <= {BAD}, "somebody else's request failed"
    assert [answer for answer in requests.failed() if answer.at > since] == []
    assert {visit.version for visit in after} == {NEW}, "who had a cookie of the failed version is answered"
    assert [error for error in errors(them.visits) if not error.startswith(f"HTTP 500 by {BAD}")] == []
    ends = next(at for at, weights in rollout.routes() if weights == {NEW: 100})
    under_trial = [visit for visit in them.visits if visit.at < ends]
    assert [versions for versions in versions_of(under_trial).values() if len(versions) > 1] == [], "somebody moved"
    assert rollout.status.quarantined[-1].reason == "EvidenceAgainstCandidate"


def test_smoke_requests_reach_green_before_any_caller(rollout: Rollout, clients: Clients) -> None:
    rollout.give_smoke_requests("digits-smoke")
    install(rollout, BLUE_GREEN)
    with clients(f"digits.{rollout.namespace}.svc") as requests:
        rollout.apply(BLUE_GREEN, version=BAD, model="failing")
        rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, f"{BAD} is quarantined")
        rollout.apply(BLUE_GREEN, version=NEW, model="better")
        rollout.wait_for(
            lambda seen: seen.status.phase is Phase.AWAITING_APPROVAL, RELEASE_SECONDS, "the switch waits for a person"
        )
        requests.wait_for_answers(100)

    requests.none_failed()
    assert requests.share(OLD) == 1.0, "green was seen before the switch"
    [failed] = rollout.status.quarantined
    assert (failed.version, failed.reason) == (BAD, "SmokeFailed")
    assert "through the mesh: 2 of 10 requests are not answered well" in failed.message
    arm = rollout.status.arm(NEW)
    assert arm is not None
    assert arm.smoke.passed


def install(rollout: Rollout, manifest: Path) -> None:
    """The first version, and the Service that callers ask for, as the Event says."""
    rollout.apply(manifest, version=OLD, model="good")
    rollout.wait_for(lambda seen: bool(seen.events("HostWithoutService")), BOUND, "an Event tells of the Service")
    [event] = rollout.events("HostWithoutService")
    _, _, command = event.message.partition("make one: kubectl ")
    rollout.world.kubectl.run(*shlex.split(command))
    rollout.wait_healthy(OLD, INSTALL_SECONDS)


def by_route(rollout: Rollout, answers: Sequence[Answer], weights: dict[str, int]) -> list[Answer]:
    """The answers to the requests that were sent while everybody's were shared so."""
    routes = rollout.routes()
    [begun] = [number for number, (_, seen) in enumerate(routes) if seen == weights]
    since, until = routes[begun][0] + LIVE_SECONDS, routes[begun + 1][0]
    return [answer for answer in answers if since < answer.at < until]


def errors(visits: Sequence[Visit]) -> list[str]:
    """How visits failed."""
    return [visit.error for visit in visits if visit.error]
