"""Story 23: a version that was promoted is undone."""

from __future__ import annotations

import re
from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients
from modelrollout.api.status import Phase

MANIFEST = Path(__file__).parent / "rollout.yaml"
BOUND = 10.0  # seconds


def test_all_requests_go_back_in_one_step(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
        pods = rollout.incarnations("1.0.1")
        requests.wait_for_answers(500)  # it has drained long ago
        routes = len(rollout.routes())

        rollout.say("undo", "digits", "--reason", "clicks fell")
        rollout.wait_route({"1.0.1": 100}, BOUND)
        rollout.wait_for(lambda seen: seen.status.phase is Phase.DEGRADED, BOUND, "the status tells of it")
        requests.wait_for_answers(300)

    requests.none_failed()
    assert len(rollout.routes()) == routes + 1, "one step"
    assert {answer.version for answer in requests.answers(200)} == {"1.0.1"}
    assert rollout.incarnations("1.0.1") == pods, "no pod was started for it"
    assert [(item.version, item.reason) for item in rollout.status.taken_back] == [("1.1.2", "Undone")]
    # By whom the API server knows kubectl's user to be.
    assert re.search(r"1\.1\.2 was taken back: undone by \S+: clicks fell; 1\.0\.1 serves", rollout.status.message)
