"""The operator as a process: everything that is shared is built here, in the order in which it depends on each other.

Whatever of it ends, the process ends, and Kubernetes starts it again; but for the loss of the Lease. Either way it goes
on from the status of each rollout.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from modelrollout.adapters.access import Access, open_access
from modelrollout.adapters.cluster import Cluster
from modelrollout.adapters.metrics.reader import Reader
from modelrollout.adapters.metrics.scraping import Scraping
from modelrollout.adapters.prometheus import MOST, MOST_OF_USERS, Prometheus
from modelrollout.adapters.samples import session_without_cookies
from modelrollout.adapters.shadowed import shadowed
from modelrollout.runtime.accepting import Acceptance
from modelrollout.runtime.arms import Arms
from modelrollout.runtime.entrances import Entrances
from modelrollout.runtime.first_looks import FirstLooks
from modelrollout.runtime.inquiry import Inquiries
from modelrollout.runtime.leader import Lease, LeaseLost
from modelrollout.runtime.mesh_filters import MeshFilters
from modelrollout.runtime.observer import Observer
from modelrollout.runtime.prerequisites import CannotStart, wait_for_types
from modelrollout.runtime.probing import Prober
from modelrollout.runtime.queue import WorkQueue, work
from modelrollout.runtime.reconciler import Reconciler
from modelrollout.runtime.references import References
from modelrollout.runtime.samples import SampleCache
from modelrollout.runtime.server import serve
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.shadowing import Comparisons
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.runtime.troubles import Troubles
from modelrollout.runtime.validating import Validations
from modelrollout.runtime.watches import Watches
from modelrollout.runtime.workloads import Refused
from modelrollout.runtime.world import Key, World
from modelrollout.runtime.writing import Applier

STUCK = 120.0  # seconds without the end of a pass, while some are due, until the process is said to be dead
_FOR_URGENT = 4  # workers that only look at rollouts whose arms have requests
_COLLECT_AFTER = 10_000  # new objects, in place of 700: a pass makes thousands
_STALLS_EVERY = 0.05  # seconds
_STATUSES_FIRST = 10.0  # seconds that the lists wait for the statuses of all rollouts
_LEASE_CONNECTIONS = 2  # of its own: it must not wait behind anything

log = logging.getLogger(__name__)


@dataclass
class Operator:
    """The parts of one process, once they are built."""

    settings: Settings
    access: Access
    cluster: Cluster
    telemetry: Telemetry
    queue: WorkQueue[Key]
    world: World
    samples: SampleCache
    reconciler: Reconciler
    arms: Arms
    watches: Watches
    lease_cluster: Cluster
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    reached: bool = False

    def stuck(self) -> str | None:
        """Why this process should be started again. A long queue is no reason: it would be as long afterwards."""
        idle = self.queue.stalled()
        return f"no look at a rollout has ended for {idle:.0f} s, while some are due" if idle > STUCK else None

    def not_ready(self) -> str | None:
        """Why this process cannot work yet."""
        return None if self.reached else "the API server has not answered yet"


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises CannotStart, or whatever ended a part that must not end.

    Who loses the Lease does nothing any more, forgets all that it knew, and stands by: an API server that is away for
    some minutes ends no process, so nothing has to start when it is back.
    """
    while True:
        try:
            await _term(settings)
            return
        except LeaseLost as error:
            log.warning("%s; this replica stops working and stands by", error)


async def _term(settings: Settings) -> None:
    """From the beginning until told to stop. Raises LeaseLost."""
    async with AsyncExitStack() as stack:
        operator = await _build(settings, stack)
        _on_signal(operator.stop)
        try:
            server = serve(settings.listen, operator.telemetry, operator.stuck, operator.not_ready, operator.arms.now)
            await stack.enter_async_context(server)
        except OSError as error:
            raise CannotStart(f"MODELROLLOUT_LISTEN: {settings.listen} cannot be served: {error}") from error
        operator.reached = await wait_for_types(operator.lease_cluster, settings.namespaces, operator.stop)
        lease = _lease(operator)
        if lease is not None and not await _acquire(lease, operator.stop):
            return
        try:
            await _work(operator, lease)
        finally:
            if lease is not None:
                await lease.release()


async def _build(settings: Settings, stack: AsyncExitStack) -> Operator:
    access = await stack.enter_async_context(open_access())
    limits = {"timeout": settings.api_timeout, "connect_timeout": settings.api_connect_timeout}
    api = await stack.enter_async_context(access.session(connections=settings.api_connections, **limits))
    leasing = await stack.enter_async_context(access.session(connections=_LEASE_CONNECTIONS, **limits))
    watching = await stack.enter_async_context(access.session(connections=0, timeout=0, connect_timeout=10))
    http = await stack.enter_async_context(session_without_cookies())
    prometheus, patient = _prometheus(settings, stack, MOST), _prometheus(settings, stack, MOST_OF_USERS)
    # Specs are checked by queries that may be as slow as their authors like: no metric of anybody waits for those.
    checking = patient.a_few(max(1, settings.prometheus_threads // 4))
    cluster, telemetry = Cluster(api, access.server, patient=True), Telemetry()
    ordinary = max(1, settings.workers - _FOR_URGENT)
    queue = WorkQueue[Key](urgent=partial(_has_requests, telemetry), ordinary=ordinary)
    world = World(cluster, settings.cluster_domain)
    scraping = Scraping(prometheus, settings.scrape_interval, time.monotonic)
    samples = SampleCache(Reader(prometheus, scraping, patient), queue.add, poll=settings.poll, clock=time.monotonic)
    prober = Prober(cluster, http, settings.smoke_timeout, patient)
    refused: dict[tuple[Key, str], Refused] = {}
    refused_routes: dict[Key, str] = {}
    entrances = Entrances(domain=settings.cluster_domain)
    filters = MeshFilters(settings.mesh_hash_namespace)
    observer = Observer(
        samples=samples,
        inquiries=Inquiries(Acceptance(cluster, checking, settings, world), time.monotonic),
        references=References(cluster, checking, time.monotonic),
        validations=Validations(time.monotonic, prober.ask),
        smokes=Validations(time.monotonic, prober.ask),
        comparisons=Comparisons(time.monotonic, partial(shadowed, patient)),
        settings=settings,
        clock=time.time,
        refused=refused,
        refused_routes=refused_routes,
        confirmed={},
        troubles=Troubles(cluster, time.monotonic),
        entrances=entrances,
        filters=filters,
    )
    applier = Applier(cluster, world, settings.platform, time.time, refused, refused_routes, telemetry.wrote)
    reconciler = Reconciler(queue, world, observer, applier, telemetry, settings.pass_timeout, time.time)
    telemetry.gauge("modelrollout_queue_length", "Rollouts that wait to be looked at.", lambda: len(queue))
    telemetry.gauge("modelrollout_queue_overdue_seconds", "Age of the oldest of them that is due.", queue.overdue)
    telemetry.gauge("modelrollout_releases_watched", "Rollouts whose samples are asked for.", lambda: len(samples))
    first = FirstLooks(samples, queue, settings.cluster_domain)
    arms = Arms(cluster, telemetry, settings.namespaces, first.plan, settings.instance)
    stop = asyncio.Event()
    # kopf takes the signals when it starts, and would end our workers in no order of ours.
    taken = partial(_on_signal, stop)
    watches = Watches(
        access,
        cluster,
        watching,
        world,
        queue,
        settings.namespaces,
        settings.holder,
        taken,
        entrances,
        filters,
    )
    lease = Cluster(leasing, access.server)
    return Operator(settings, access, cluster, telemetry, queue, world, samples, reconciler, arms, watches, lease, stop)


def _has_requests(telemetry: Telemetry, key: Key) -> bool:
    """Whether an arm has requests of users: nothing is more urgent than looking at it."""
    status = telemetry.statuses.get(key)
    return status is not None and any(arm.weight > 0 for arm in status.arms)


def _prometheus(settings: Settings, stack: AsyncExitStack, most: int) -> Prometheus:
    prometheus = Prometheus(
        settings.prometheus_url,
        timeout=settings.prometheus_timeout,
        threads=settings.prometheus_threads,
        token_file=settings.prometheus_token_file,
        most=most,
        matchers=settings.prometheus_matchers,
    )
    stack.callback(prometheus.close)
    return prometheus


def _on_signal(stop: asyncio.Event) -> None:
    """As process 1 of a container there is no default action for SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _lease(operator: Operator) -> Lease | None:
    settings = operator.settings
    if settings.lease_namespace is None:
        return None
    return Lease(
        operator.lease_cluster,
        settings.lease_namespace,
        settings.lease_name,
        settings.holder,
        settings.lease_duration,
        settings.lease_renew,
    )


async def _acquire(lease: Lease, stop: asyncio.Event) -> bool:
    """Stand by until the Lease is ours; False when the process is told to end before. What was asked for in that very
    moment may have been given: it goes back, or nobody would lead until it runs out."""
    acquiring, stopping = asyncio.create_task(lease.acquire()), asyncio.create_task(stop.wait())
    await asyncio.wait({acquiring, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not acquiring.done():
        acquiring.cancel()
        await asyncio.wait({acquiring})
        await lease.release()
        return False
    acquiring.result()
    return True


def _collect_less() -> None:
    """What is there by now stays: modules, types, settings. Python's collector need not go through it again, and again,
    while passes make and drop thousands of values."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 50)


async def _work(operator: Operator, lease: Lease | None) -> None:
    """Watch, sample and reconcile until told to stop, or until one of the parts ends."""
    logging.getLogger("kopf").setLevel(logging.NOTSET)
    _collect_less()
    parts: list[Coroutine[Any, Any, None]] = [_watch(operator), operator.samples.run(), operator.arms.run()]
    parts += [_measure_stalls(operator.telemetry)]
    parts += [work(operator.queue, operator.reconciler.one_pass) for _ in range(operator.settings.workers)]
    parts += [lease.keep()] if lease is not None else []
    tasks = [asyncio.create_task(part) for part in parts]
    stopping = asyncio.create_task(_stopped(operator.stop))
    try:
        done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # raises what ended a part
    finally:
        logging.getLogger("kopf").setLevel(logging.CRITICAL)  # it complains of connections that close now
        for task in (*tasks, stopping):
            task.cancel()
        await asyncio.gather(*tasks, stopping, return_exceptions=True)


async def _watch(operator: Operator) -> None:
    """Lists take seconds of this one loop, and whose versions have requests has to be known first; but not at any
    price."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_STATUSES_FIRST):
            await operator.arms.tried.wait()
    await operator.watches.run()


async def _measure_stalls(telemetry: Telemetry) -> None:
    """How long whoever is due has to wait for the loop."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _STALLS_EVERY
        await asyncio.sleep(_STALLS_EVERY)
        telemetry.stalled(max(0.0, loop.time() - due))


async def _stopped(stop: asyncio.Event) -> None:
    await stop.wait()
