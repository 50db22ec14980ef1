"""One pass over one rollout: look -> ask -> observe -> decide -> apply. Everything that matters happens elsewhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import aiohttp

from modelrollout.adapters.cluster import ApiError, Conflict
from modelrollout.api.command import parse
from modelrollout.core.accept.questions import questions
from modelrollout.core.plan import Plan
from modelrollout.resource.rollout import ModelRollout
from modelrollout.runtime.apply import Applier, apply
from modelrollout.runtime.decider import Decider
from modelrollout.runtime.logs import about
from modelrollout.runtime.observe import Observer, observe
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.runtime.world import Key, Snapshot, World

BUSY = 30.0  # seconds; a rollout that is looked at again sooner keeps its snapshot
_AFTER_CONFLICT = 0.1
_INCOMPLETE = 5.0  # seconds until objects that could not be applied are tried again at rest

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Brings one rollout right, whatever woke it."""

    queue: WorkQueue[Key]
    world: World
    observer: Observer
    applier: Applier
    telemetry: Telemetry
    pass_timeout: float
    clock: Callable[[], float]
    decider: Decider = field(default_factory=Decider)

    async def one_pass(self, key: Key) -> None:
        """A whole pass, settled with the queue. Never raises but to be cancelled."""
        with about(key):
            started = time.monotonic()
            outcome = await self._settle(key)
            self.telemetry.passed(outcome, time.monotonic() - started)

    async def _settle(self, key: Key) -> str:
        try:
            async with asyncio.timeout(self.pass_timeout):
                plan = await self.reconcile(key)
        except Conflict as error:
            log.info("the rollout changed during the pass, looking again: %s", error)
            self.world.forget(key)
            self.queue.done(key, _AFTER_CONFLICT)
            return "conflict"
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            self.world.forget(key)
            wait = self.queue.failed(key)
            log.warning("the pass failed, again in %.1f s: %s", wait, error or type(error).__name__)
            return "failed"
        except Exception:
            self.world.forget(key)
            log.exception("the pass failed, again in %.1f s", self.queue.failed(key))
            return "failed"
        if plan is None:
            self._forget(key)
            return "gone"
        if plan.requeue_after > BUSY:
            self.world.forget(key)
        self.queue.done(key, plan.requeue_after)
        return "done"

    async def reconcile(self, key: Key) -> Plan | None:
        """What the pass came to; None when the rollout is gone, or on its way out with no candidate."""
        snapshot = await self.world.look(key)
        if snapshot.rollout is None:
            return None
        rollout = ModelRollout.from_json(snapshot.rollout)
        if rollout.deleting and not _has_candidate(rollout, snapshot):
            return None
        rollout = _leaving(rollout) if rollout.deleting else rollout
        asked = questions(rollout, self.clock())
        seen = await observe(rollout, snapshot, asked, self.observer)
        plan = self.decider.decide(key, rollout, seen)
        if rollout.deleting and not _same_stable(rollout, plan):
            return None
        complete = await apply(rollout, plan, snapshot, self.applier)
        self.telemetry.saw(key, plan.status)
        return plan if complete else replace(plan, requeue_after=min(plan.requeue_after, _INCOMPLETE))

    def _forget(self, key: Key) -> None:
        self.decider.forget(key)
        self.world.gone(key)
        self.observer.samples.forget(key)
        self.observer.inquiries.forget(key)
        self.observer.validations.keep_only(key, ())
        self.observer.comparisons.forget(key)
        self.observer.confirmed.pop(key, None)
        for refused in [item for item in self.observer.refused if item[0] == key]:
            del self.observer.refused[refused]
        self.observer.refused_routes.pop(key, None)
        self.applier.untaken.pop(key, None)
        self.telemetry.forget(key)
        self.queue.gone(key)


def _has_candidate(rollout: ModelRollout, snapshot: Snapshot) -> bool:
    """Whether a rollout that is being deleted still sends requests to a version under judgement."""
    route = snapshot.virtual_service
    return rollout.status.trial is not None and route is not None and "deletionTimestamp" not in route["metadata"]


def _leaving(rollout: ModelRollout) -> ModelRollout:
    """Somebody's finalizer can hold a deleted rollout for long. Its arms are judged meanwhile, and get no more."""
    command = parse(rollout.command) if rollout.command else None
    heard = rollout.command if command is not None and command.verb.aborts else None
    assert rollout.status.trial is not None
    arms = tuple(arm.model_copy(update={"paused": "the rollout is being deleted"}) for arm in rollout.status.trial.arms)
    trial = rollout.status.trial.model_copy(update={"arms": arms})
    status = rollout.status.model_copy(update={"trial": trial})
    return replace(rollout, status=status, command=heard)


def _same_stable(rollout: ModelRollout, plan: Plan) -> bool:
    stable, after = rollout.status.stable, plan.status.stable
    return stable is not None and after is not None and after.version == stable.version
