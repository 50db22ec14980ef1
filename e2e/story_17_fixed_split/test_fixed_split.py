"""Story 17: three versions share the requests as written, and one of them is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.client.summary import shares
from e2e.harness import pods
from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.route import Weights
from e2e.harness.traffic import Clients, Requests
from modelrollout.api.status import Phase

MANIFEST = Path(__file__).parent / "rollout.yaml"
WRITTEN: Weights = {"1.0.1": 60, "1.1.2": 30, "1.3.6": 10}
WITHOUT: Weights = {"1.0.1": 90, "1.3.6": 10}
LIVE_SECONDS = 2.0  # from the route in the API server to the last request by the one before
BOUND = 10.0  # seconds


def test_three_versions_share_the_requests_and_one_is_lost(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST)
    rollout.wait_for(lambda seen: seen.route() == WRITTEN, INSTALL_SECONDS, "each version has its share")
    rollout.wait_for(lambda seen: seen.status.phase is Phase.HEALTHY, 10, "the rollout is healthy")
    assert rollout.routes()[0][1] == {"1.0.1": 100}, "the first version serves before there is anything to share"

    with clients(rollout.host) as requests:
        requests.wait_for_answers(500)
        requests.none_failed()
        assert_shared(requests, WRITTEN)
        others = rollout.incarnations("1.0.1") | rollout.incarnations("1.3.6")

        [pod] = rollout.pods("1.1.2")
        pods.delete(rollout.world.kubectl, pod)
        rollout.wait_route(WITHOUT, BOUND)
        live_at = rollout.routes()[-1][0] + LIVE_SECONDS
        rollout.wait_for(lambda seen: seen.status.phase is Phase.DEGRADED, 10, "the status tells of the loss")
        requests.wait_for_answers(500)
        assert [answer for answer in requests.failed() if answer.at > live_at] == []
        assert {answer.version for answer in requests.failed()} <= {"1.1.2", None}, "somebody else's request failed"
        requests.none_failed(last=200)
        assert_shared(requests, WITHOUT, last=200)
        assert_told(rollout)

        rollout.say("retry", "digits", "1.1.2")
        rollout.wait_for(lambda seen: seen.route() == WRITTEN, INSTALL_SECONDS, "1.1.2 has its share again")
        requests.wait_for_answers(200)
        requests.none_failed(last=200)

    assert rollout.incarnations("1.0.1") | rollout.incarnations("1.3.6") == others, "a pod that was well was restarted"


def assert_shared(requests: Requests, written: Weights, last: int | None = None) -> None:
    """The clients were answered by these versions and no others, in about these shares."""
    found = shares(requests.answers(last))
    assert found == pytest.approx({version: share / 100 for version, share in written.items()}, abs=0.1)


def assert_told(rollout: Rollout) -> None:
    """Whoever looks finds what was lost: an Event and the sentence of the status. Its pod was taken away, so it is not
    to blame."""
    [event] = rollout.events("CandidateLost")
    assert event.kind == "Warning"
    assert "no pod of it is ready while it has 30 %" in event.message
    assert [(item.version, item.reason) for item in rollout.status.taken_back] == [("1.1.2", "CandidateLost")]
    assert rollout.status.quarantined == ()
    assert event.message in rollout.status.message
    assert [arm.version for arm in rollout.status.arms] == ["1.3.6"]
