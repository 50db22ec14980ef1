"""Story 16: clients that speak gRPC, whose errors come behind an HTTP 200."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"


def test_grpc_calls_are_counted_by_their_status(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host, grpc=True) as calls:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_healthy("1.1.2")
        calls.wait_for_answers(100)
        calls.none_failed()
        assert calls.share("1.1.2", last=50) == 1.0

        with clients(rollout.host, rate=20) as requests:
            rollout.apply(MANIFEST, version="1.2.3", model="failing")
            rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "1.2.3 is quarantined")

    failed = calls.failed()
    assert {answer.version for answer in failed} == {"1.2.3"}, "somebody else's call failed"
    assert all((answer.error or "").startswith("DATA_LOSS: ") for answer in failed)
    assert {answer.version for answer in requests.failed()} <= {"1.2.3"}
    errors = next(metric for metric in rollout.status.last_analysis if metric.metric == "errors")
    assert (errors.verdict, errors.stable.bad) == ("Fail", 0)
    assert errors.candidate.bad > 0
    rollout.wait_route({"1.1.2": 100})
