"""The gateway's counters by way of a real Prometheus, as the operator reads a metric of one's own."""

from __future__ import annotations

import time

import pytest

from modelrollout.adapters.metrics.base import Target
from modelrollout.adapters.metrics.custom import combine, fill, read
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.core.evidence import Moments
from tests.prometheus_server import Scraped
from tests.rewards.stage import Stage, play, reward

pytestmark = pytest.mark.apiserver

LABELS = '{rollout_namespace="{{ namespace }}",rollout="{{ rollout }}",version="{{ version }}"}'


async def counted(prometheus: Prometheus, version: str) -> tuple[float, float]:
    """Bad answers and all answers of a version, at the newest scrape."""
    target = Target("prod", "fraud", version)

    async def moments(name: str) -> dict[str, Moments]:
        return dict(await read(prometheus, fill(name + LABELS, target), 60.0, 1.0, time.time()))

    successes = await moments("modelrollout_reward_sum_total")
    trials = await moments("modelrollout_reward_count_total")
    (found,) = combine(successes, trials, turned=True).values()
    return found[max(found)]


def test_the_operator_reads_what_was_rewarded(scraped: Scraped, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[dict[str, float]] = []

    async def story(stage: Stage) -> None:
        pages.append(await stage.metrics())
        await stage.post([reward(number % 4 == 0, request=number) for number in range(40)])  # no numbers
        await stage.post([reward(int(number % 4 == 0), request=number) for number in range(40)])
        await stage.post([reward(0.5, request=f"{number}-b", version="2.4.1186") for number in range(10)])
        pages.append(await stage.metrics())

    play(story)
    for page, control, arm in ((pages[0], (0, 0), (0, 0)), (pages[1], (5, 10), (30, 40))):
        monkeypatch.setattr(scraped.source, "lines", page)
        scraped.wait_for_scrape()
        assert scraped.run(lambda client: counted(client, "2.4.1186")) == control
        assert scraped.run(lambda client: counted(client, "2.4.1187")) == arm
