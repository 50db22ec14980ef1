"""What is known of who earns more, before and after the operator was killed: it goes on, and begins nowhere anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import time

from e2e.harness.operator_pods import OperatorPods
from e2e.harness.rollout import Rollout
from modelrollout.api.contest_status import ContestStatus
from modelrollout.api.status import Status, Trial
from modelrollout.resource.rollout import ModelRollout

GOES_ON_SECONDS = 90.0  # until a new process has stored what a newer sample told
ROUNDED = 1e-6


@dataclass(frozen=True, slots=True)
class Before:
    """The last status that was heard of before the process was killed ``at`` a time, in seconds since the epoch."""

    at: float
    trial: Trial


def kill_and_wait(rollout: Rollout, operator_pods: OperatorPods) -> Before:
    """SIGKILL to the operator; returns when another process has stored newer samples."""
    trial = rollout.status.trial
    assert trial is not None
    before = Before(time(), trial)
    operator_pods.kill()
    newest = max(item.last_sample_at or 0.0 for item in contests(trial))
    rollout.wait_for(
        lambda seen: any((item.last_sample_at or 0.0) > newest + 1.0 for item in contests(seen.status.trial)),
        GOES_ON_SECONDS,
        "another process of the operator goes on with newer samples",
    )
    return before


def assert_same_evidence(rollout: Rollout, before: Before) -> None:
    """Every status since then has at least the counts of the one before, from the same beginning; and the first has the
    same shares, unless its strategy has set them anew since."""
    trials = [status.trial for status in statuses_after(rollout, before.at) if status.trial is not None]
    assert trials, "no status of the test was heard of after the kill"
    assert_same_shares(before.trial, trials[0])
    for trial in trials:
        known = {item.split: item for item in contests(trial)}
        for contest in contests(before.trial):
            assert_grown(contest, known[contest.split])


def assert_same_shares(before: Trial, after: Trial) -> None:
    """By the route as it was decided."""
    told = (before.memory.get("updated"), after.memory.get("updated"))
    set_anew = None not in told and told[0] != told[1]
    assert after.route == before.route or set_anew, f"the shares were {before.route}, and are {after.route}"
    assert after.started_at == before.started_at, "it is another trial"
    assert after.memory.get("started") == before.memory.get("started"), "the test began anew"


def assert_grown(before: ContestStatus, after: ContestStatus) -> None:
    """No count is smaller, and each rate is that of its counts, within its interval."""
    assert (after.since, after.source) == (before.since, before.source), f"{before.split}: counting began anew"
    counted = {item.version: item for item in after.versions}
    for was in before.versions:
        now = counted.get(was.version)
        if now is None:
            continue  # it has left the test
        assert (now.requests, now.rewards) >= (was.requests, was.rewards), (
            f"{before.split}, {was.version}: {was}, {now}"
        )
        assert now.rewards >= was.rewards, f"{before.split}, {was.version}: {was}, {now}"
        assert now.rate is None or now.low - ROUNDED <= now.rate <= now.high + ROUNDED
        assert now.rate is None or abs(now.rate - now.rewards / max(1, now.compared)) < 1e-4


def statuses_after(rollout: Rollout, at: float) -> Iterator[Status]:
    """In order, each as it was heard of."""
    for state in rollout.states():
        if state.at >= at and not state.gone:
            yield ModelRollout.from_json(state.body).status


def contests(trial: Trial | None) -> list[ContestStatus]:
    """What is known in all splits."""
    if trial is None:
        return []
    return [*([trial.contest] if trial.contest is not None else []), *trial.segments]
