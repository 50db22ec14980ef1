"""First looks: whose version may be failing is looked at first when the operator begins, before anything is listed.

With thousands of rollouts the lists take seconds, and so do the first questions of hundreds of releases to Prometheus,
one after the other. A version that began to fail while no operator was there must not wait for either. So as soon as
the statuses are read (``arms.py``) Prometheus is asked for all trials together; and where most answers have failed
since a status was stored, the objects are read one by one at once. All others wait for the lists.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from modelrollout.core.accept.questions import questions
from modelrollout.core.judge.unseen import failed_unseen
from modelrollout.core.observation import USUAL_SCRAPE_INTERVAL
from modelrollout.resource.rollout import ModelRollout
from modelrollout.runtime.observe import subscription_of
from modelrollout.runtime.observer import guarded
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.samples import SampleCache
from modelrollout.runtime.world import Key

FIRST = 10
"""Rollouts that are looked at before the lists. Each takes some reads; those of hundreds would hold the lists up."""

LATER = 30.0
"""Seconds after which the others are looked at without the lists: they may have been deleted since they were read, and
nothing else would tell."""


@dataclass(frozen=True, slots=True)
class FirstLooks:
    """``domain`` is the cluster's; ``clock`` gives seconds since the epoch."""

    samples: SampleCache
    queue: WorkQueue[Key]
    domain: str
    clock: Callable[[], float] = time.time

    async def plan(self, trials: Mapping[Key, ModelRollout]) -> None:
        """Every trial into the queue, those that have failed most since they were judged last at once."""
        for key in trials:
            self.queue.add(key, LATER)
        for key in await guarded("first looks", partial(self._failing, trials), lambda words: []):
            self.queue.add(key)

    async def _failing(self, trials: Mapping[Key, ModelRollout]) -> list[Key]:
        """At most ``FIRST``, the one that has failed most first. None while Prometheus does not answer."""
        now, wanted = self.clock(), {}
        for key, rollout in trials.items():
            asked = questions(rollout, now)
            subscription = subscription_of(key, asked, self.domain)
            if asked.samples and subscription is not None:
                wanted[key] = subscription
            await asyncio.sleep(0)  # hundreds of them must not hold up what is under way
        await self.samples.begin(list(wanted.values()))
        failed = {}
        for key, subscription in wanted.items():
            interval = self.samples.scrape_interval(subscription) or USUAL_SCRAPE_INTERVAL
            failed[key] = failed_unseen(trials[key].status, self.samples.newest(key), interval)
            await asyncio.sleep(0)
        return sorted((key for key in failed if failed[key]), key=lambda key: -failed[key])[:FIRST]
