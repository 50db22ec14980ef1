"""What is on trial at this moment, as the operator tells it to whoever counts by its decisions (``GET /v1/arms``)."""

from __future__ import annotations

from modelrollout.api.base import StatusModel

REWARD_SUM, REWARD_COUNT = "modelrollout_reward_sum_total", "modelrollout_reward_count_total"
"""The counters that the reward gateway keeps of each version on trial. Their series begin with its first trial."""

REWARD_DELAY = "modelrollout_reward_delay_seconds"
"""Its histogram of the time from a decision to the reward."""


class LiveTrial(StatusModel):
    """One trial. Its epochs, one for each change of the shares, are ``first_epoch`` to ``epoch``: they tell it from
    those before it. ``segments`` are the splits whose requests users sent."""

    namespace: str
    rollout: str
    first_epoch: int
    epoch: int
    versions: tuple[str, ...]
    segments: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name of the rollout."""
        return self.namespace, self.rollout


class LiveTrials(StatusModel):
    """All of them. What is not in it is not on trial."""

    trials: tuple[LiveTrial, ...] = ()
