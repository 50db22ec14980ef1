"""Memory of containers by a real Prometheus: the first sample after a moment, and what is said where there is none."""

from __future__ import annotations

import asyncio

import pytest

from modelrollout.adapters import memory
from modelrollout.adapters.memory import NotMeasured, Place
from modelrollout.adapters.prometheus import Prometheus
from tests.prometheus_server import Scraped

pytestmark = pytest.mark.apiserver


def series(pod: str, namespace: str = "prod", container: str = "serving") -> str:
    return f'{memory.METRIC}{{namespace="{namespace}",pod="{pod}",container="{container}"}}'


def test_the_most_since_a_moment(scraped: Scraped) -> None:
    """What was before it does not count, nor another container, nor a pod of another namespace."""
    lines, place = scraped.source.lines, Place("prod", "serving", ("a", "b"))
    lines |= {series("a"): 900e6, series("b"): 1e6, series("a", "test"): 5e9, series("a", container="fetch"): 5e9}
    scraped.wait_for_scrape()

    async def story(prometheus: Prometheus) -> dict[str, float]:
        before = await memory.newest(prometheus, place)
        assert before.keys() == {"a", "b"}
        lines[series("a")] = 400e6
        found = asyncio.create_task(memory.most_since(prometheus, place, before, 60.0))
        return dict(await found)

    found = scraped.run(story)
    assert found["b"] == 1e6
    # The one scrape that may have read the source just before it was changed is later than the moment, too.
    assert found["a"] in (400e6, 900e6)
    scraped.wait_for_scrape()
    assert scraped.run(story)["a"] == 400e6


def test_a_pod_that_is_scraped_later_is_waited_for(scraped: Scraped) -> None:
    place = Place("prod", "serving", ("late",))

    async def story(prometheus: Prometheus) -> float:
        before = await memory.newest(prometheus, place)
        assert before == {}
        scraped.source.lines[series("late")] = 7e6
        return (await memory.most_since(prometheus, place, before, 60.0))["late"]

    assert scraped.run(story) == 7e6


def test_where_nobody_scrapes_it(scraped: Scraped) -> None:
    place = Place("prod", "serving", ("nobody",))
    with pytest.raises(
        NotMeasured, match=r"has no new sample of container_memory_working_set_bytes of nobody; does it"
    ):
        scraped.run(lambda prometheus: memory.most_since(prometheus, place, {}, 0.0))


def test_where_prometheus_is_away() -> None:
    async def body() -> None:
        prometheus = Prometheus("http://127.0.0.1:9", timeout=1, threads=1)
        try:
            await memory.newest(prometheus, Place("prod", "serving", ("a",)))
        finally:
            prometheus.close()

    with pytest.raises(NotMeasured, match="cannot be reached"):
        asyncio.run(body())
