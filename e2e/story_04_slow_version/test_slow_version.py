"""Story 4: a version that is slow is rolled back on the share of slow answers."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients

HERE = Path(__file__).parent
MANIFEST = HERE / "rollout.yaml"


def test_slow_version_is_rolled_back(rollout: Rollout, clients: Clients) -> None:
    rollout.prepare(HERE / "volume.yaml")
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.2.4", model="slow")
        rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "1.2.4 is quarantined")
        requests.wait_for_answers(100)

    requests.none_failed()
    quarantined = rollout.status.quarantined[-1]
    assert (quarantined.version, quarantined.reason) == ("1.2.4", "EvidenceAgainstCandidate")
    assert "answers were slower than 100ms" in quarantined.message
    verdicts = {metric.metric: metric.verdict for metric in rollout.status.last_analysis}
    assert verdicts["latency"] == "Fail"
    assert verdicts["errors"] != "Fail"
    assert rollout.route() == {"1.0.1": 100}
    assert requests.share("1.0.1", last=50) == 1.0
