"""Story 19: new versions are for the requests with a header first."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout, changes, verdicts
from e2e.harness.route import EVERYBODY, MATCHED, Weights, weights_of
from e2e.harness.traffic import Clients, Requests

MANIFEST = Path(__file__).parent / "rollout.yaml"
INTERNAL = {"x-tenant": "internal"}


def test_matched_requests_first_then_everybody(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as everybody, clients(rollout.host, headers=INTERNAL) as internal:
        fails_for_the_matched_alone(rollout, internal, everybody)
        before = len(internal.answers())
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
        rollout.wait_for(lambda seen: seen.services() == {"digits-1-1-2"}, 60, "only one Service is left")
        everybody.wait_for_answers(100)

    assert [answer for answer in internal.answers()[before:] if answer.status != 200] == []
    everybody.none_failed()
    assert everybody.share("1.1.2", last=50) == 1.0
    assert shared(rollout)[-6:] == [
        ({"1.0.1": 70, "1.1.2": 30}, {"1.0.1": 100}),
        ({"1.0.1": 40, "1.1.2": 60}, {"1.0.1": 100}),
        ({"1.0.1": 5, "1.1.2": 95}, {"1.0.1": 100}),
        ({"1.0.1": 5, "1.1.2": 95}, {"1.0.1": 70, "1.1.2": 30}),
        ({"1.0.1": 5, "1.1.2": 95}, {"1.0.1": 40, "1.1.2": 60}),
        ({}, {"1.1.2": 100}),
    ]
    judged = [metric for status in rollout.statuses() if status.arm("1.1.2") for metric in verdicts(status)]
    judged_in = {metric.split for metric in judged if metric.candidate.requests}
    assert judged_in == {MATCHED, EVERYBODY}, "each round is judged by the requests that it is for"


def fails_for_the_matched_alone(rollout: Rollout, internal: Requests, everybody: Requests) -> None:
    """A version that fails on a fifth of the inputs is found by those who see it; nobody else does."""
    rollout.apply(MANIFEST, version="1.2.3", model="failing")
    rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "1.2.3 is quarantined")
    rollout.wait_for(lambda seen: not seen.status.retiring, 30, "1.2.3 has drained and is gone")
    internal.wait_for_answers(100)

    quarantined = rollout.status.quarantined[-1]
    assert (quarantined.version, quarantined.reason) == ("1.2.3", "EvidenceAgainstCandidate")
    counts = {metric.split: metric.candidate for metric in rollout.status.last_analysis}
    assert counts[MATCHED].bad > 0
    assert counts[EVERYBODY].requests == 0
    assert {answer.version for answer in internal.failed()} == {"1.2.3"}, "somebody else's request failed"
    internal.none_failed(last=100)
    everybody.none_failed()
    assert everybody.share("1.0.1") == 1.0, "somebody saw the version who was not meant to"
    assert [weights for _, weights in rollout.routes(EVERYBODY)] == [{"1.0.1": 100}]
    assert rollout.route(MATCHED) == {}, "a rule still leads somewhere else"


def shared(rollout: Rollout) -> list[tuple[Weights, Weights]]:
    """The shares of the matched requests and of all others, as they were at the same time; each change once."""
    states = rollout.world.virtual_services.states(rollout.namespace, rollout.name)
    return changes((weights_of(state.body, MATCHED), weights_of(state.body)) for state in states)
