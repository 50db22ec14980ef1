"""Story 3: a version that fails on a share of the inputs is rolled back and quarantined."""

from __future__ import annotations

import re
from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients
from modelrollout.api.status import Phase

MANIFEST = Path(__file__).parent / "rollout.yaml"


def test_failing_version_is_rolled_back_and_quarantined(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.2.3", model="failing")
        rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "1.2.3 is quarantined")
        rollout.wait_for(lambda seen: seen.status.phase is Phase.DEGRADED, 30, "the failed version has drained")
        requests.wait_for_answers(200)

    assert rollout.route() == {"1.0.1": 100}
    assert 50 not in rollout.weights("1.2.3"), "a version that fails got to the second step"
    assert {answer.version for answer in requests.failed()} == {"1.2.3"}, "somebody else's request failed"
    assert requests.failed(last=200) == [], "requests failed after the rollback"
    assert_reason_with_numbers(rollout)

    rollout.apply(MANIFEST, version="1.2.3", model="failing")
    rollout.say("retry", "digits")
    rollout.wait_for(lambda seen: seen.status.trial is not None, 10, "the release starts anew after `retry`")
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", 30)


def assert_reason_with_numbers(rollout: Rollout) -> None:
    """One sentence with what was counted of both versions, wherever a person looks."""
    quarantined = rollout.status.quarantined[-1]
    assert (quarantined.version, quarantined.reason) == ("1.2.3", "EvidenceAgainstCandidate")
    assert re.search(r"\d+ of \d+ answers failed .*, 0 of \d+ by 1\.0\.1", quarantined.message), quarantined.message
    assert rollout.status.history[-1].message == quarantined.message
    assert quarantined.message in rollout.condition("Stalled")[2]
    assert [event.kind for event in rollout.events("EvidenceAgainstCandidate")] == ["Warning"]
    assert quarantined.message in rollout.events("EvidenceAgainstCandidate")[0].message
    errors = next(metric for metric in rollout.status.last_analysis if metric.metric == "errors")
    assert errors.verdict == "Fail"
    assert errors.candidate.bad > 0
    assert errors.stable.bad == 0
    assert errors.evidence >= errors.needed
