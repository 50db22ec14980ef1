"""Story 9: the operator is killed at random moments of a release, five times."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from e2e.harness.operator_pods import OperatorPods
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout, changes
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"
KILLS = 5
SEED = 20260827
LONGEST = 5.0  # seconds of work between two kills: a step takes about six


def test_killed_five_times_and_nothing_is_skipped_or_repeated(
    rollout: Rollout, clients: Clients, operator_pods: OperatorPods
) -> None:
    moments = np.random.default_rng(SEED).uniform(0.0, LONGEST, KILLS)
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        for moment in moments:
            time.sleep(moment)  # the random moment is the story
            leader = operator_pods.leader()
            operator_pods.kill(leader)
            assert not promoted(rollout), "the release was over before the last kill; make it longer"
            operator_pods.wait_leader(other_than=leader)
        rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
        requests.wait_for_answers(100)

    requests.none_failed()
    steps = [0, 10, 30, 50, 70, 90, 100]
    assert [weights.get("1.1.2", 0) for _, weights in rollout.routes()] == steps
    assert rollout.weights("1.1.2") == steps[:-1]
    assert steps_entered(rollout) == [None, "10:0", "30:0", "50:0", "70:0", "90:0"]
    assert [entry.outcome for entry in rollout.status.history] == ["Installed", "Promoted"]


def promoted(rollout: Rollout) -> bool:
    """Whether the release has come to its end."""
    stable = rollout.status.stable
    return stable is not None and stable.version == "1.1.2"


def steps_entered(rollout: Rollout) -> list[str | None]:
    """The steps of the release in the order in which they were entered, as the strategy remembers them."""
    trials = [status.trial for status in rollout.statuses() if status.trial and status.stable]
    return changes(trial.memory.get("step") for trial in trials)
