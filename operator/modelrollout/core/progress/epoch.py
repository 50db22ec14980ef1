"""The epoch of a trial: a time in which no share changes. What is set for users and told with answers names it.

By ``traffic.affinity`` users stay with their version. If those who were told of it (by a cookie or an echo) stayed
across a change of the shares, too, a rise would reach new users alone: after 10, 50 and 95 % most users, and with them
most requests, would still be where the first step had put them, while the evidence is read as if they were not. So what
they were told holds for an epoch: each change of the shares draws all users anew, and the shares are what they say from
the first request on. Between two changes everybody stays. Those who are known by an id of their own need no epoch: each
id is of one version at any time, so that shares are what they say without anybody being drawn anew.
"""

from __future__ import annotations

from modelrollout.api.status import Trial
from modelrollout.core.pass_state import Pass


def update_epoch(state: Pass) -> Pass:
    """A new epoch if this pass changes the shares of those who share requests."""
    trial, before = state.status.trial, state.rollout.status.trial
    if trial is None or before is None or trial.epoch != before.epoch or _shared(trial) == _shared(before):
        return state
    return state.change_trial(epoch=max(int(state.now), trial.epoch + 1))


def _shared(trial: Trial) -> dict[str, dict[str, float]]:
    """The shares by which users are drawn: a split that one version has draws nobody."""
    splits = trial.route.splits if trial.route is not None else ()
    return {split.name: split.shares for split in splits if split.is_shared}
