"""What a comparer has counted, by its own page and a real Prometheus that scrapes it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping

import pytest

from modelrollout.adapters.exposition import page
from modelrollout.adapters.prometheus import Prometheus, Series
from modelrollout.adapters.shadowed import NotSeen, newest, of_arm, shadowed
from modelrollout.api import compared
from modelrollout.api.compared import Again, Drop, Excluded, Outcome
from modelrollout.comparison.compare import Compared
from modelrollout.comparison.copy import Protocol
from modelrollout.comparison.counts import Counts
from modelrollout.comparison.reply import Reply
from modelrollout.core.validate.disagreement import Flips
from modelrollout.core.validate.shadowed import Shadowed
from tests.prometheus_server import Scraped

CONTROL, ARM, OTHER = "1.0.0", "1.1.0", "1.2.0"
PLACE = ("prod", "fraud", "1800000000-1f2e3d4c")
STARTED = 1800000007.25


def counts(trial: str = PLACE[2]) -> Counts:
    """A comparer of two arms, which has counted nothing."""
    return Counts(dict(zip(compared.LABELS, (*PLACE[:2], trial), strict=True)), CONTROL, [ARM, OTHER], STARTED)


def busy() -> Counts:
    """It has been at work."""
    found = counts()
    for _ in range(10):
        found.receive(Protocol.REST)
    found.receive(Protocol.GRPC)
    for reason in (Drop.QUEUE_FULL, Drop.QUEUE_FULL, Drop.TOO_LARGE, Drop.PINNED):
        found.drop(reason)
    for version, seconds, outcome in (
        (CONTROL, 0.002, Outcome.OK),
        (ARM, 0.3, Outcome.OK),
        (ARM, 2.0, Outcome.FAILED),
        (ARM, None, Outcome.REFUSED),
    ):
        found.answer(version, Reply(outcome, seconds), outcome)
    for why in (Excluded.CONTROL_FAILED, Excluded.CONTROL_UNREADABLE, Excluded.ARM_FAILED):
        found.exclude(ARM, why)
    for rows in ((True,), (True, False), (False,), (False,)):
        found.compare(ARM, Compared(rows))
    found.compare(CONTROL, Compared((True, False, False, False)))
    found.repeat(ARM, Again.ONCE, 1.0)
    found.repeat(ARM, Again.ALWAYS, 0.5)
    found.score(ARM, [0.97, 0.02])
    return found


def lines(found: Counts) -> dict[str, float]:
    """Its page, line by line."""
    text = [line for line in page(found.families(0)).splitlines() if line and not line.startswith("#")]
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in text)}


@pytest.fixture
def source(scraped: Scraped) -> Iterator[dict[str, float]]:
    """What is scraped; nothing of it is left behind."""
    scraped.source.lines = {}
    yield scraped.source.lines
    scraped.source.lines = {}


def seen(
    scraped: Scraped, place: tuple[str, str, str] = PLACE, arms: Collection[str] = (ARM,)
) -> Mapping[str, Shadowed]:
    scraped.wait_for_scrape()
    return scraped.run(lambda prometheus: shadowed(prometheus, place, CONTROL, arms))


@pytest.mark.apiserver
def test_all_that_was_counted_of_an_arm(scraped: Scraped, source: dict[str, float]) -> None:
    source |= lines(busy())
    found = seen(scraped)[ARM]
    assert found.flips == Flips(4, 1.5, 1.0, 0.5, noise=(0.25, 1))
    assert (found.arm.answered, found.arm.failed, found.control.answered) == (1, 1, 1)
    assert (found.received, found.dropped, found.why, found.unusable) == (10, 3, "QueueFull", 2)
    slow = {bound: count for bound, count in zip(compared.LATENCY_BOUNDS, found.arm.latency, strict=False) if count}
    assert slow == {0.5: 1, 2.5: 1}
    assert (len(found.arm.scores), sum(found.arm.scores)) == (len(compared.SCORE_BOUNDS) + 1, 2)
    assert found.started == STARTED
    assert sum(found.control.scores) == 0


@pytest.mark.apiserver
def test_one_that_has_counted_nothing_is_seen(scraped: Scraped, source: dict[str, float]) -> None:
    source |= lines(counts())
    found = seen(scraped, arms=(ARM, OTHER, "9.9.9"))
    assert found.keys() == {ARM, OTHER}, "an arm that it does not know is none of its own"
    assert found[ARM].flips == Flips(0, 0, 0, 0, noise=(0, 0))


@pytest.mark.apiserver
def test_the_comparer_of_another_trial_is_another(scraped: Scraped, source: dict[str, float]) -> None:
    source |= lines(busy()) | lines(counts("1800000000-other"))
    assert seen(scraped, (*PLACE[:2], "1800000000-other"))[ARM].flips.compared == 0
    with pytest.raises(NotSeen, match=r"has no sample of its comparer; does it scrape pods by annotation\?"):
        seen(scraped, (*PLACE[:2], "1800000000-none"))


def test_where_prometheus_is_away() -> None:
    async def body() -> None:
        prometheus = Prometheus("http://127.0.0.1:9", timeout=1, threads=1)
        try:
            await shadowed(prometheus, PLACE, CONTROL, [ARM])
        finally:
            prometheus.close()

    with pytest.raises(NotSeen, match="cannot be reached"):
        asyncio.run(body())


def scraped_at(pod: str, started: float, *points: tuple[float, float], job: str = "pods") -> list[Series]:
    """One process, which has counted so much at these times."""
    labels = {"version": ARM, "pod": pod, "instance": f"{pod}:8080", "job": job}
    begun = Series({**labels, "__name__": compared.STARTED}, tuple((at, started) for at, _ in points))
    return [Series({**labels, "__name__": compared.COMPARED}, points), begun]


# Processes that Prometheus has seen in the last minute -> how many answers the one that counts has compared
PROCESSES: dict[str, tuple[list[Series], float]] = {
    "none": ([], 0),
    "a node went down, and another pod counts": (
        [*scraped_at("a", 100.0, (101.0, 500.0), (106.0, 900.0)), *scraped_at("b", 110.0, (111.0, 40.0))],
        40,
    ),
    "one that is about to end is scraped after the next one": (
        [*scraped_at("a", 100.0, (106.0, 900.0), (112.0, 910.0)), *scraped_at("b", 110.0, (111.0, 40.0))],
        40,
    ),
    "two jobs scrape the same": (
        [*scraped_at("a", 100.0, (101.0, 500.0)), *scraped_at("a", 100.0, (102.0, 510.0), job="monitors")],
        510,
    ),
    "they do not say when they began": (
        [*scraped_at("a", 0.0, (101.0, 500.0)), *scraped_at("b", 0.0, (111.0, 40.0))],
        40,
    ),
}


@pytest.mark.parametrize(("series", "found"), PROCESSES.values(), ids=PROCESSES)
def test_one_process_counts_at_a_time(series: list[Series], found: float) -> None:
    assert of_arm(newest(series), CONTROL, ARM).flips.compared == found


def dropping(started: float, *counts: tuple[float, float, float]) -> list[Series]:
    """A process that began then: the time of each scrape, what it had received and dropped."""
    labels = {"version": ARM, "pod": "a", "instance": "a:8080", "job": "pods"}
    named = {
        compared.STARTED: [(at, started) for at, _, _ in counts],
        compared.RECEIVED: [(at, received) for at, received, _ in counts],
        compared.DROPPED: [(at, dropped) for at, _, dropped in counts],
    }
    mark = {compared.RECEIVED: {"protocol": "rest"}, compared.DROPPED: {"reason": Drop.QUEUE_FULL.value}}
    return [Series({**labels, **mark.get(name, {}), "__name__": name}, tuple(points)) for name, points in named.items()]


# What a comparer has received and dropped until each scrape of the last minute -> what of it is of that minute
LATELY: dict[str, tuple[list[Series], tuple[float, float]]] = {
    "it has just begun": (dropping(995.0, (1000.0, 50, 30)), (50, 30)),
    "it began within the minute": (dropping(950.0, (952.0, 10, 0), (1000.0, 500, 300)), (500, 300)),
    "it has been well for an hour": (dropping(1.0, (940.0, 90_000, 0), (1000.0, 93_000, 2_900)), (3_000, 2_900)),
    "it is well again": (dropping(1.0, (940.0, 90_000, 80_000), (1000.0, 93_000, 80_000)), (3_000, 0)),
    "it does not say when it began": (dropping(0.0, (940.0, 90_000, 10), (1000.0, 93_000, 20)), (93_000, 20)),
}


@pytest.mark.parametrize(("series", "found"), LATELY.values(), ids=LATELY)
def test_what_is_dropped_now_tells_what_can_be_seen_now(series: list[Series], found: tuple[float, float]) -> None:
    seen = of_arm(newest(series), CONTROL, ARM)
    assert (seen.received, seen.dropped) == found


def test_a_container_that_was_started_again_counts_from_0_under_the_same_names() -> None:
    labels = {"version": ARM, "pod": "a", "instance": "a:8080", "job": "pods"}
    counted = Series({**labels, "__name__": compared.COMPARED}, ((101.0, 900.0), (111.0, 40.0)))
    begun = Series({**labels, "__name__": compared.STARTED}, ((101.0, 100.0), (111.0, 109.5)))
    found = of_arm(newest([counted, begun]), CONTROL, ARM)
    assert (found.flips.compared, found.started) == (40, 109.5)
