"""One pass over one rollout: look -> ask -> observe -> decide -> apply. Everything that matters happens elsewhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import aiohttp

from modelrollout.adapters.cluster import ApiError, Conflict, Object
from modelrollout.api.command import parse
from modelrollout.core.accept.questions import questions
from modelrollout.core.observation import Observation
from modelrollout.core.plan import Plan, Questions
from modelrollout.core.report.decided import same_actions, same_decision
from modelrollout.resource.rollout import ModelRollout, instance_of
from modelrollout.runtime.apply import apply, store
from modelrollout.runtime.decider import Decider
from modelrollout.runtime.logs import about
from modelrollout.runtime.observe import newest_samples, observe
from modelrollout.runtime.observer import Observer
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.recent import NEXT_SAMPLE, Recent, mark, next_sample, wait_for
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.runtime.world import Key, Snapshot, World
from modelrollout.runtime.writing import Applier

POLLS = 40.0  # looks a second at rollouts that wait for something; each takes some milliseconds
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
    recent: dict[Key, Recent] = field(default_factory=dict)
    waiting: set[Key] = field(default_factory=set)

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
            log.warning("the pass failed, again in %.1f s: %s", wait, str(error) or type(error).__name__)
            return "failed"
        except Exception:
            self.world.forget(key)
            log.exception("the pass failed, again in %.1f s", self.queue.failed(key))
            return "failed"
        if plan is None:
            self._forget(key)
            return "gone"
        self.queue.done(key, self._again_after(key, plan))
        return "done"

    def _again_after(self, key: Key, plan: Plan) -> float:
        """When to look again, seconds. Who only waits, and is looked at again lest something is missed, waits longer
        the more there are: all of them together take no more than ``POLLS`` looks a second."""
        if plan.requeue_after >= min(plan.wake_after, NEXT_SAMPLE):
            self.waiting.discard(key)
            return plan.requeue_after
        self.waiting.add(key)
        return min(plan.wake_after, max(plan.requeue_after, len(self.waiting) / POLLS))

    async def reconcile(self, key: Key) -> Plan | None:
        """What the pass came to; None when the rollout is gone, or on its way out with no candidate."""
        recent = self.recent.get(key)
        if recent is not None:
            now = self.clock()
            asked = questions(recent.rollout, now)
            if recent.is_all_known(self.world.changes(key), asked, now) and not self._is_refused(key):
                if self._is_only_to_be_stored(key, recent, now):
                    return await self._store(key, recent, now)
                return await self._judge(key, recent, asked)
        return await self._look(key, recent)

    def _is_only_to_be_stored(self, key: Key, recent: Recent, now: float) -> bool:
        """Whether nothing is new since the last look, and no time has come, but that to store what that look saw."""
        newest = self.observer.samples.newest_at(key)
        return recent.unsaved and self._waits(recent) <= 0 and newest == recent.judged and now < recent.again_at

    async def _store(self, key: Key, recent: Recent, now: float) -> Plan:
        """Nothing but that."""
        status = recent.rollout.status
        self.recent[key] = recent.stored_as(await store(recent.rollout, status, self.applier))
        return replace(recent.plan, requeue_after=recent.again_at - now)

    async def _look(self, key: Key, recent: Recent | None) -> Plan | None:
        """A whole pass: what there is, what follows from it, and whatever that takes."""
        snapshot = await self.world.look(key)
        changes = self.world.changes(key)
        if snapshot.rollout is None or instance_of(snapshot.rollout) != self.observer.settings.instance:
            return None  # another installation may look after it
        found = ModelRollout.from_json(snapshot.rollout, self.observer.settings.cluster_domain)
        newest = recent if recent is not None and recent.is_of(found, snapshot.rollout.get("status")) else None
        rollout = replace(found, status=newest.rollout.status) if newest is not None else found
        if rollout.deleting and not _has_candidate(rollout, snapshot):
            return None
        rollout = _leaving(rollout) if rollout.deleting else rollout
        snapshot = snapshot.without_strangers(rollout)
        asked = questions(rollout, self.clock())
        seen = await observe(rollout, snapshot, asked, self.observer)
        plan = self.decider.decide(key, rollout, seen)
        if newest is not None and newest.untold:
            plan = replace(plan, events=(*newest.untold, *plan.events))
        if rollout.deleting and not _same_stable(rollout, plan):
            return None
        return await self._carry_out(key, changes, rollout, seen, plan, snapshot)

    async def _judge(self, key: Key, recent: Recent, asked: Questions) -> Plan | None:
        """Only the samples are new. Where more follows from them than evidence, it becomes a whole pass."""
        samples, interval = await newest_samples(key, asked, self.observer)
        seen = replace(
            recent.seen, now=self.clock(), samples=samples, scrape_interval=interval, smoke={}, baseline=None
        )
        plan = self.decider.decide(key, recent.rollout, seen)
        if not same_actions(plan, recent.plan):
            snapshot = (await self.world.look(key)).without_strangers(recent.rollout)
            return await self._carry_out(key, recent.changes, recent.rollout, seen, plan, snapshot)
        self.telemetry.saw(key, plan.status)
        unsaved = recent.unsaved or plan.status != recent.rollout.status
        waits = self._waits(recent) if same_decision(plan.status, recent.rollout.status) else 0.0
        newest = replace(recent.rollout, status=plan.status)
        recent = self._judged(key, replace(recent, rollout=newest, seen=seen, plan=plan, unsaved=unsaved))
        if unsaved and waits <= 0:
            recent = recent.stored_as(await store(recent.rollout, plan.status, self.applier))
        self.recent[key] = recent
        again = min(plan.wake_after, next_sample(seen))
        return replace(plan, requeue_after=min(again, waits) if recent.unsaved else again)

    def _waits(self, recent: Recent) -> float:
        """Seconds until evidence alone has to be stored."""
        return recent.stored_at + wait_for(len(self.observer.samples)) - time.monotonic()

    async def _carry_out(
        self, key: Key, changes: int, rollout: ModelRollout, seen: Observation, plan: Plan, snapshot: Snapshot
    ) -> Plan:
        """Make it so, and remember what the next pass may go by; what could not be applied is tried again soon."""
        body, route = snapshot.rollout, snapshot.virtual_service
        try:
            whole = await apply(rollout, plan, snapshot, self.applier)
        except BaseException:
            # The route is what was decided and the status is not. What was decided holds: by a newer sample the next
            # pass might see it otherwise, and give requests back to a version that has just lost them.
            if snapshot.virtual_service is not route and snapshot.rollout is body:
                self._remember(key, changes, rollout, seen, plan, body or {}, whole=False)
                self.recent[key] = replace(self.recent[key], unsaved=True, untold=plan.events)
            raise
        self.telemetry.saw(key, plan.status)
        if plan.status.trial is None:
            self.recent.pop(key, None)  # thousands are at rest, and nothing of them waits to be stored
        else:
            self._remember(key, changes, rollout, seen, plan, snapshot.rollout or {}, whole)
        return plan if whole else replace(plan, requeue_after=min(plan.requeue_after, _INCOMPLETE))

    def _remember(
        self, key: Key, changes: int, rollout: ModelRollout, seen: Observation, plan: Plan, body: Object, whole: bool
    ) -> None:
        """What the next pass may go by. ``body`` is the ModelRollout as it is stored now."""
        version = body.get("metadata", {}).get("resourceVersion", rollout.resource_version)
        known = self.recent.get(key)
        recent = Recent(
            changes=changes,
            rollout=replace(rollout, status=plan.status, resource_version=version),
            seen=seen,
            plan=plan,
            stored=mark(body.get("status")),
            stored_at=time.monotonic(),
            judged=known.judged if known is not None else None,
            whole=whole,
            looked_at=seen.now,
            unsaved=False,
        )
        self.recent[key] = self._judged(key, recent)

    def _judged(self, key: Key, recent: Recent) -> Recent:
        """Take down how long after its scrape the newest sample was judged by."""
        newest = self.observer.samples.newest_at(key)
        if newest is None or newest == recent.judged:
            return recent
        self.telemetry.judged(max(0.0, recent.seen.now - newest))
        return replace(recent, judged=newest)

    def _is_refused(self, key: Key) -> bool:
        """Whether the API server refuses anything of it, which is seen of its objects."""
        refused = any(whose == key for whose, _ in self.observer.refused)
        return refused or key in self.observer.refused_routes

    def _forget(self, key: Key) -> None:
        self.decider.forget(key)
        self.recent.pop(key, None)
        self.waiting.discard(key)
        self.world.gone(key)
        self.observer.samples.forget(key)
        self.observer.inquiries.forget(key)
        self.observer.references.forget(key)
        self.observer.validations.keep_only(key, ())
        self.observer.comparisons.forget(key)
        self.observer.confirmed.pop(key, None)
        self.observer.entrances.forget(key)
        for refused in [item for item in self.observer.refused if item[0] == key]:
            del self.observer.refused[refused]
        self.observer.refused_routes.pop(key, None)
        self.applier.untaken.pop(key, None)
        self.applier.untold.pop(key, None)
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
