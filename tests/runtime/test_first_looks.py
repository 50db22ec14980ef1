"""Whom an operator that begins looks at first, with a real Prometheus: where answers failed while no operator was
there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from modelrollout.adapters.metrics.reader import Reader
from modelrollout.adapters.metrics.scraping import Scraping
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.api.route import EVERYBODY
from modelrollout.core.evidence import Counters
from modelrollout.core.observation import Sample
from modelrollout.resource.rollout import CLUSTER_DOMAIN, ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.first_looks import LATER, FirstLooks
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.samples import SampleCache
from modelrollout.runtime.world import Key
from tests.core.phases import NEW, TEN
from tests.core.world import CANARY, World
from tests.prometheus_server import Scraped

pytestmark = pytest.mark.apiserver

OLD = "1.0.1"
NAMES = ("calm", "failing", "worse")


def counter(name: str, version: str, code: str) -> str:
    service = f"{name}-{version.replace('.', '-')}.prod.svc.cluster.local"
    return f'envoy_cluster_upstream_rq{{cluster_name="outbound|8501||{service}",response_code="{code}"}}'


@pytest.fixture
def failed(scraped: Scraped) -> Iterator[dict[str, float]]:
    """The counters, to be written; all have answered well so far."""
    scraped.source.answers = True
    scraped.source.lines = {"envoy_server_live": 1.0}
    scraped.source.lines |= {counter(name, version, "200"): 1000.0 for name in NAMES for version in (OLD, NEW)}
    scraped.source.lines |= {counter(name, NEW, "500"): 0.0 for name in NAMES}
    yield scraped.source.lines
    scraped.source.lines = {}


def under_trial(name: str) -> ModelRollout:
    """With 10 % of the requests."""
    analysis = {"provider": "envoy", "clientCancels": "Ignore", "metrics": [{"name": "errors"}]}
    world = World.of(CANARY).configure(analysis=analysis, strategy={"canary": {"steps": [TEN]}}).installed()
    world.apply(version=NEW).run(20)
    assert world.weight == 10
    return replace(world.rollout, name=name)


@asynccontextmanager
async def cache_of(url: str) -> AsyncIterator[SampleCache]:
    """As a process has it when it begins."""
    prometheus = Prometheus(url, timeout=5, threads=2)
    reader = Reader(prometheus, Scraping(prometheus, 1.0, time.monotonic))
    try:
        yield SampleCache(reader, lambda key, delay: None, poll=0.1, clock=time.monotonic)
    finally:
        prometheus.close()


def judged(rollout: ModelRollout, sample: Sample) -> ModelRollout:
    """Its status as it was stored after this sample."""
    counters, _ = Counters(NEW, OLD).after(sample, 1.0)
    trial = rollout.status.trial
    assert trial is not None
    (arm,) = trial.arms
    metrics = tuple(item.model_copy(update={"counters": counters.to_status()}) for item in arm.metrics)
    trial = trial.model_copy(update={"arms": (arm.model_copy(update={"metrics": metrics}),)})
    return replace(rollout, status=rollout.status.model_copy(update={"trial": trial}))


async def stored(scraped: Scraped) -> dict[Key, ModelRollout]:
    """All of them, judged by what was counted until now."""
    await asyncio.to_thread(scraped.wait_for_scrape)
    found = {}
    async with cache_of(scraped.url) as cache:
        for name in NAMES:
            rollout = under_trial(name)
            assert isinstance(rollout.spec, Spec)
            wanted = Subscription(("prod", name), rollout.spec.analysis, OLD, (NEW,), (EVERYBODY,))
            sample = (await cache.of(wanted))["errors", EVERYBODY]
            assert isinstance(sample, Sample)
            found["prod", name] = judged(rollout, sample)
    return found


async def order(trials: dict[Key, ModelRollout], url: str) -> list[str]:
    """Those that are looked at at once, in their order; the others are looked at later."""
    clock = [0.0]
    queue = WorkQueue[Key](lambda: clock[0])
    async with cache_of(url) as cache:
        await FirstLooks(cache, queue, CLUSTER_DOMAIN).plan(trials)
    assert len(queue) == len(trials)
    at_once = []
    for _ in trials:
        try:
            async with asyncio.timeout(0.1):
                at_once.append((await queue.take())[1])
        except TimeoutError:
            break
    clock[0] = LATER
    for _ in range(len(trials) - len(at_once)):
        async with asyncio.timeout(5):
            await queue.take()
    return at_once


def test_who_failed_most_while_no_operator_was_there_is_looked_at_first(
    scraped: Scraped, failed: dict[str, float]
) -> None:
    async def body() -> None:
        trials = await stored(scraped)
        failed[counter("failing", NEW, "500")] = 30.0
        failed[counter("worse", NEW, "500")] = 90.0
        await asyncio.to_thread(scraped.wait_for_scrape)
        assert await order(trials, scraped.url) == ["worse", "failing"]

    asyncio.run(body())


def test_without_prometheus_all_wait_for_the_lists(scraped: Scraped, failed: dict[str, float]) -> None:
    async def body() -> None:
        assert await order(await stored(scraped), "http://127.0.0.1:9") == []

    asyncio.run(body())
