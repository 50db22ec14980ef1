"""How late the rewards of a rollout came, from the histogram of the reward gateway.

Prometheus' own ``increase`` is right here, which it is not for evidence: a replica of the gateway that starts anew is
no news, and only the quotient of two sums counts, so what is added at the ends of the window nearly cancels out.
"""

from __future__ import annotations

from math import isfinite

from modelrollout.adapters.metrics.base import any_of
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.api.live import REWARD_DELAY
from modelrollout.core.evidence.delay import Delays


async def read(prometheus: Prometheus, subscription: Subscription, window: float) -> Delays | None:
    """Of the rewards of all its versions in the last ``window`` seconds; None where there can be none yet."""
    if window < 1.0:
        return None
    found = await prometheus.query(prometheus.here(query(subscription, window)))
    grown = {series.labels["part"]: series.points[-1][1] for series in found}
    rewards, seconds = grown.get("count", 0.0), grown.get("sum", 0.0)
    if not isfinite(rewards) or not isfinite(seconds):
        return None
    return Delays(rewards, seconds / rewards if rewards > 0.0 else 0.0, window)


def query(subscription: Subscription, window: float) -> str:
    """By how much the histogram's ``sum`` (seconds) and ``count`` have grown, told apart by the label ``part``. Both at
    one moment: at another one Prometheus would add something else at the ends of the window."""
    namespace, rollout = subscription.key
    labels = f'rollout_namespace="{namespace}",rollout="{rollout}",version=~`{any_of(subscription.versions)}`'

    def grown(part: str) -> str:
        added = f"sum(increase({REWARD_DELAY}_{part}{{{labels}}}[{int(window)}s]))"
        return f'label_replace({added}, "part", "{part}", "", "")'

    return f"{grown('count')} or {grown('sum')}"
