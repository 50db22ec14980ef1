"""The shared samples, with a real Prometheus: what a pass finds, whom a new sample wakes, and how often it is asked."""

from __future__ import annotations

import asyncio
import http.server
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from modelrollout.adapters.metrics.reader import Reader, Samples
from modelrollout.adapters.metrics.scraping import Scraping
from modelrollout.adapters.metrics.subscription import Key, Subscription
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.api.analysis import Analysis
from modelrollout.api.route import EVERYBODY, MATCHED
from modelrollout.core.evidence import Count
from modelrollout.core.observation import Sample, Unavailable
from modelrollout.runtime import samples
from modelrollout.runtime.samples import TOGETHER, SampleCache, failed_since
from tests.prometheus_server import Scraped

pytestmark = pytest.mark.apiserver

NEW, NEWER, OLD = "1.0.2", "1.0.3", "1.0.1"
ERRORS = ("errors", EVERYBODY)
ANALYSIS = Analysis.model_validate({"provider": "envoy", "metrics": [{"name": "errors"}]})
_numbers = itertools.count(1)


@pytest.fixture
def name(scraped: Scraped) -> Iterator[str]:
    """Of a rollout that nobody has asked for; the source lives, and shows nothing else."""
    scraped.source.answers = True
    scraped.source.lines = {"envoy_server_live": 1.0}
    yield f"cached{next(_numbers)}"
    scraped.source.lines = {}


def subscription(
    name: str, *, arms: tuple[str, ...] = (NEW,), splits: tuple[str, ...] = (EVERYBODY,), analysis: Analysis = ANALYSIS
) -> Subscription:
    return Subscription(("prod", name), analysis, OLD, arms, splits)


def answered(name: str, code: str = "200", *, split: str = EVERYBODY) -> str:
    service = f"{name}-1-0-2" + ("" if split == EVERYBODY else f"-{split}")
    cluster = f"outbound|8501||{service}.prod.svc.cluster.local"
    return f'envoy_cluster_upstream_rq{{cluster_name="{cluster}",response_code="{code}"}}'


Story = Callable[[SampleCache, list[Key]], Awaitable[None]]


def play(url: str, story: Story, *, timeout: float = 5, patient_threads: int = 1) -> None:
    async def body() -> None:
        prometheus, patient = (Prometheus(url, timeout=timeout, threads=count) for count in (1, patient_threads))
        woken: list[Key] = []
        reader = Reader(prometheus, Scraping(prometheus, 1.0, time.monotonic), patient)
        try:
            await story(
                SampleCache(reader, lambda key, delay: woken.append(key), poll=0.1, clock=time.monotonic), woken
            )
        finally:
            prometheus.close()
            patient.close()

    asyncio.run(body())


def requests_of(sample: Sample | Unavailable) -> Count:
    assert isinstance(sample, Sample), sample
    return sum(sample.series.get(NEW, {}).values(), Count(0, 0))


async def scrape(scraped: Scraped) -> None:
    await asyncio.to_thread(scraped.wait_for_scrape)


def test_the_first_to_ask_gets_an_answer(scraped: Scraped, name: str) -> None:
    async def story(cache: SampleCache, woken: list[Key]) -> None:
        scraped.source.lines[answered(name)] = 5
        await scrape(scraped)
        found = await cache.of(subscription(name))
        assert requests_of(found[ERRORS]) == Count(0, 5)
        assert woken == []

    play(scraped.url, story)


def test_whose_counters_move_is_woken_and_nobody_else(scraped: Scraped, name: str) -> None:
    async def story(cache: SampleCache, woken: list[Key]) -> None:
        scraped.source.lines |= {answered(name): 5, answered(f"{name}b"): 7}
        await scrape(scraped)
        for one in (name, f"{name}b"):
            await cache.of(subscription(one))
        scraped.source.lines[answered(name, "500")] = 1
        await scrape(scraped)
        await cache.poll()
        assert woken == [("prod", name)]
        assert requests_of((await cache.of(subscription(name)))[ERRORS]) == Count(1, 6)

    play(scraped.url, story)


def test_the_last_answer_of_a_scrape_wakes_at_once_for_what_an_earlier_one_has_shown(
    scraped: Scraped, name: str
) -> None:
    metrics = [{"name": "errors"}, {"name": "latency", "over": "100ms"}]
    both = Analysis.model_validate({"provider": "envoy", "metrics": metrics})

    async def body() -> None:
        prometheus = Prometheus(scraped.url, timeout=5, threads=1)
        delays: list[float] = []
        reader = Reader(prometheus, Scraping(prometheus, 1.0, time.monotonic), prometheus)
        cache = SampleCache(reader, lambda key, delay: delays.append(delay), poll=0.1, clock=time.monotonic)
        scraped.source.lines[answered(name)] = 5
        await scrape(scraped)
        await cache.of(subscription(name, analysis=both))
        scraped.source.lines[answered(name, "500")] = 1
        await scrape(scraped)
        await cache.poll()
        prometheus.close()
        assert delays == [TOGETHER, 0.0], "errors have moved, and latency, which is asked for next, has not"

    asyncio.run(body())


def test_a_scrape_that_shows_nothing_new_wakes_nobody(scraped: Scraped, name: str) -> None:
    async def story(cache: SampleCache, woken: list[Key]) -> None:
        scraped.source.lines[answered(name)] = 5
        await scrape(scraped)
        await cache.of(subscription(name))
        await scrape(scraped)
        await cache.poll()
        assert woken == []

    play(scraped.url, story)


def test_the_loop_asks_by_itself(scraped: Scraped, name: str) -> None:
    async def story(cache: SampleCache, woken: list[Key]) -> None:
        running = asyncio.create_task(cache.run())
        await scrape(scraped)
        await cache.of(subscription(name))
        scraped.source.lines[answered(name)] = 5
        async with asyncio.timeout(60):
            while not woken:
                await scrape(scraped)
        running.cancel()

    play(scraped.url, story)


def test_a_rollout_that_is_forgotten_wakes_nobody(scraped: Scraped, name: str) -> None:
    async def story(cache: SampleCache, woken: list[Key]) -> None:
        await cache.of(subscription(name))
        cache.forget(("prod", name))
        scraped.source.lines[answered(name)] = 5
        await scrape(scraped)
        await cache.poll()
        assert (woken, len(cache)) == ([], 0)

    play(scraped.url, story)


def queries(scraped: Scraped) -> float:
    """How many queries Prometheus has answered."""
    lines = requests.get(f"{scraped.url}/metrics", timeout=5).text.splitlines()
    wanted = 'prometheus_http_requests_total{code="200",handler="/api/v1/query"}'
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))


MANY: dict[str, tuple[int, tuple[str, ...], tuple[str, ...], int]] = {
    "one release": (1, (NEW,), (EVERYBODY,), 1),
    "fifty": (50, (NEW,), (EVERYBODY,), 1),
    "fifty of two arms in two splits, one of them without requests": (50, (NEW, NEWER), (MATCHED, EVERYBODY), 2),
}


@pytest.mark.parametrize(("rollouts", "arms", "splits", "expected"), MANY.values(), ids=MANY)
def test_the_number_of_queries_does_not_depend_on_what_is_asked_for(
    scraped: Scraped, name: str, rollouts: int, arms: tuple[str, ...], splits: tuple[str, ...], expected: int
) -> None:
    """The second query is for the life of the source, when anything is silent."""

    async def story(cache: SampleCache, woken: list[Key]) -> None:
        names = [f"{name}x{number}" for number in range(rollouts)]
        scraped.source.lines |= {answered(one): 1 for one in names}
        await scrape(scraped)
        for one in names:
            await cache.of(subscription(one, arms=arms, splits=splits))
        before = queries(scraped)
        await cache.poll()
        assert queries(scraped) - before == expected

    play(scraped.url, story)


def clicks(word: str) -> Analysis:
    """Errors, and a metric of a user's own by counters with this word."""
    own = {
        "name": "clicks",
        "successes": f'{word}_clicks_total{{workload="{{{{ workload }}}}"}}',
        "trials": f'{word}_views_total{{workload="{{{{ workload }}}}"}}',
    }
    return Analysis.model_validate({"provider": "envoy", "metrics": [{"name": "errors"}, own]})


OWN = clicks("slow")


@contextmanager
def slow_for(url: str, word: str) -> Iterator[tuple[str, threading.Event]]:
    """The same Prometheus, but queries with this word are answered only after the event."""
    released = threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if word in body.decode():
                released.wait()
            answer = requests.post(url + self.path, data=body, headers={"Content-Type": self.headers["Content-Type"]})
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: tests print what is wrong."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", released
    finally:
        released.set()
        server.shutdown()
        server.server_close()


def test_a_slow_query_of_a_user_keeps_nothing_else_waiting(scraped: Scraped, name: str) -> None:
    async def story(cache: SampleCache, woken: list[Key]) -> None:
        scraped.source.lines |= {answered(name): 5, answered(f"{name}b"): 7}
        await scrape(scraped)
        slow = subscription(name, analysis=OWN)
        found = await cache.of(slow)
        assert requests_of(found[ERRORS]) == Count(0, 5), "its own other metric is there"
        assert ("clicks", EVERYBODY) not in found
        assert requests_of((await cache.of(subscription(f"{name}b")))[ERRORS]) == Count(0, 7)
        released.set()
        async with asyncio.timeout(60):
            while ("clicks", EVERYBODY) not in await cache.of(slow):
                await scrape(scraped)
        assert woken == [("prod", name)], "it is told when the answer has come"

    with slow_for(scraped.url, "slow_views_total") as (url, released):
        play(url, story)


def test_those_whose_queries_are_slow_do_not_take_all_the_threads(
    scraped: Scraped, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "SLOW", 0.2)
    monkeypatch.setattr(samples, "OWN_QUERIES_EVERY", 0.0)

    async def story(cache: SampleCache, woken: list[Key]) -> None:
        scraped.source.lines |= {answered(f"{name}-quick"): 5, f'quick_views_total{{workload="{name}-quick-1-0-2"}}': 7}
        await scrape(scraped)
        for number in range(2):
            await cache.of(subscription(f"{name}{number}", analysis=OWN))
        await cache.poll()  # by now all of them are known
        asking = asyncio.create_task(cache.poll())
        await asyncio.sleep(0)
        found = await cache.of(subscription(f"{name}-quick", analysis=clicks("quick")))
        assert isinstance(found["clicks", EVERYBODY], Sample), found
        assert not asking.done(), "the slow ones are still waited for"
        released.set()
        await asking

    with slow_for(scraped.url, "slow_") as (url, released):
        play(url, story, timeout=1, patient_threads=2)


RESUBSCRIBED: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "an arm leaves": ({"arms": (NEW,)}, [("errors", MATCHED), ERRORS]),
    "a split is not asked for any more": ({"arms": (NEW, NEWER), "splits": (EVERYBODY,)}, [ERRORS]),
    "another split is asked for": (
        {"arms": (NEW, NEWER), "splits": (MATCHED, "staff", EVERYBODY)},
        [("errors", MATCHED), ERRORS],
    ),
}


@pytest.mark.parametrize(("change", "known"), RESUBSCRIBED.values(), ids=RESUBSCRIBED)
def test_a_change_of_arms_or_splits_makes_no_pass_blind(
    scraped: Scraped, name: str, change: dict[str, Any], known: list[tuple[str, str]]
) -> None:
    """Prometheus is slow at that very moment."""

    async def story(cache: SampleCache, woken: list[Key]) -> None:
        scraped.source.lines |= {answered(name): 5, answered(name, split=MATCHED): 7}
        await scrape(scraped)
        both = (MATCHED, EVERYBODY)
        released.set()
        before = await cache.of(subscription(name, arms=(NEW, NEWER), splits=both))
        released.clear()
        after = await cache.of(subscription(name, **{"splits": both, **change}))
        assert after == {place: before[place] for place in known}
        assert requests_of(after[ERRORS]) == Count(0, 5)

    with slow_for(scraped.url, "envoy_cluster_upstream_rq") as (url, released):
        play(url, story)


def test_what_is_new_is_asked_for_at_once(scraped: Scraped, name: str) -> None:
    async def story(cache: SampleCache, woken: list[Key]) -> None:
        scraped.source.lines |= {answered(name): 5, answered(name, split=MATCHED): 7}
        await scrape(scraped)
        await cache.of(subscription(name))
        found = await cache.of(subscription(name, splits=(MATCHED, EVERYBODY)))
        assert requests_of(found["errors", MATCHED]) == Count(0, 7)
        assert woken == []

    play(scraped.url, story)


def test_many_can_be_asked_for_together_before_anybody_has(scraped: Scraped, name: str) -> None:
    """And only who has asked since is woken by what comes after that."""
    other = f"{name}-other"

    async def story(cache: SampleCache, woken: list[Key]) -> None:
        scraped.source.lines |= {answered(name): 5, answered(other): 7}
        await scrape(scraped)
        await cache.begin([subscription(name), subscription(other)])
        counted = {whose: requests_of(cache.newest(("prod", whose))[ERRORS]) for whose in (name, other)}
        assert counted == {name: Count(0, 5), other: Count(0, 7)}
        assert cache.newest(("prod", "nobody")) == {}
        found = await cache.of(subscription(name))
        assert found == cache.newest(("prod", name))
        scraped.source.lines |= {answered(name): 6, answered(other): 8}
        await scrape(scraped)
        await cache.poll()
        assert woken == [("prod", name)]

    play(scraped.url, story)


def test_without_prometheus_every_metric_is_away() -> None:
    async def story(cache: SampleCache, woken: list[Key]) -> None:
        found = (await cache.of(subscription("fraud")))[ERRORS]
        assert isinstance(found, Unavailable)
        assert not found.invalid

    play("http://127.0.0.1:9", story)


def sample(bad: int, trials: int = 100) -> Sample:
    return Sample("errors", 1.0, {"1.0.2": {"gateway": Count(bad, trials)}, "1.0.1": {"gateway": Count(1, 100)}})


PLACE = ("errors", EVERYBODY)
FAILED: dict[str, tuple[Samples, Samples, int]] = {
    "more answers failed": ({PLACE: sample(3)}, {PLACE: sample(8)}, 5),
    "none did": ({PLACE: sample(3)}, {PLACE: sample(3, trials=200)}, 0),
    "nothing was known before": ({}, {PLACE: sample(8)}, 0),
    "nothing is known now": ({PLACE: sample(3)}, {}, 0),
    "nobody could see": ({PLACE: Unavailable("errors", "away")}, {PLACE: Unavailable("errors", "away")}, 0),
}


@pytest.mark.parametrize("case", FAILED)
def test_where_most_answers_have_failed_is_looked_first(case: str) -> None:
    earlier, now, number = FAILED[case]
    assert failed_since(earlier, now) == number
