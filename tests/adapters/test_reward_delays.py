"""How late rewards came, read from a real Prometheus that scrapes the histogram of a reward gateway."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from modelrollout.adapters.metrics.reader import Reader
from modelrollout.adapters.metrics.scraping import Scraping
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.api.analysis import Analysis, Metric
from modelrollout.api.route import EVERYBODY, MATCHED
from modelrollout.core.evidence.delay import Delays
from modelrollout.core.observation import Sample
from tests.prometheus_server import Scraped

pytestmark = pytest.mark.apiserver

OLD, NEW = "1.0.1", "1.1.2"
CLICKS = {
    "name": "clicks",
    "role": "Reward",
    "successes": 'clicks_total{version="{{ version }}"}',
    "trials": 'views_total{version="{{ version }}"}',
}
BY_SEGMENT = CLICKS | {
    "successes": 'clicks_total{version="{{ version }}",segment=~"{{ segment }}|"}',
    "trials": 'views_total{version="{{ version }}",segment=~"{{ segment }}|"}',
}
_numbers = count(1)


@pytest.fixture
def rollout(scraped: Scraped) -> Iterator[str]:
    """A rollout of its own, whose versions are seen."""
    scraped.source.answers = True
    scraped.source.lines = {"envoy_server_live": 1.0}
    for version in (OLD, NEW):
        scraped.source.lines |= {
            f'clicks_total{{version="{version}"}}': 3,
            f'views_total{{version="{version}"}}': 10,
        }
    yield f"late{next(_numbers)}"
    scraped.source.lines = {}


def delayed(rollout: str, version: str, rewards: float, seconds: float) -> dict[str, float]:
    """As the gateway shows it."""
    labels = f'rollout_namespace="prod",rollout="{rollout}",version="{version}"'
    name = "modelrollout_reward_delay_seconds"
    return {f"{name}_count{{{labels}}}": rewards, f"{name}_sum{{{labels}}}": seconds}


def read(scraped: Scraped, rollout: str, since: float | None, split: str = EVERYBODY) -> Sample:
    """The reward's newest sample in a split."""
    own, splits = (CLICKS, (EVERYBODY,)) if split == EVERYBODY else (BY_SEGMENT, (split, EVERYBODY))
    analysis = Analysis.model_validate({"metrics": [{"name": "errors"}, own]})
    subscription = Subscription(("prod", rollout), analysis, OLD, (NEW,), splits, since)
    clicks: Metric = next(metric for metric in analysis.metrics if metric.name == "clicks")

    async def body(prometheus: Prometheus) -> Sample:
        found = await Reader(prometheus, Scraping(prometheus, 1.0, lambda: 0.0)).own(subscription, clicks)
        sample = found["clicks", split]
        assert isinstance(sample, Sample), sample
        return sample

    return scraped.run(body)


def test_the_mean_delay_of_all_versions_together(scraped: Scraped, rollout: str) -> None:
    for rewards in (0, 20, 40):
        scraped.source.lines |= delayed(rollout, OLD, rewards, 60.0 * rewards)
        scraped.source.lines |= delayed(rollout, NEW, rewards, 120.0 * rewards)
        scraped.source.lines |= delayed(f"{rollout}-other", NEW, rewards, 9000.0 * rewards)
        scraped.wait_for_scrape()
    delays = read(scraped, rollout, time.time() - 600).delays
    assert delays is not None
    assert delays.mean == pytest.approx(90.0, rel=0.02)
    assert delays.rewards == pytest.approx(80.0, rel=0.5), "Prometheus guesses what was before the first scrape"


def test_it_is_told_of_whatever_split_is_asked_about(scraped: Scraped, rollout: str) -> None:
    """Of all splits together: the release of ``traffic.match`` is for the matched requests first."""
    for rewards in (0, 20, 40):
        scraped.source.lines |= delayed(rollout, NEW, rewards, 60.0 * rewards)
        scraped.wait_for_scrape()
    delays = read(scraped, rollout, time.time() - 600, MATCHED).delays
    assert delays is not None
    assert delays.mean == pytest.approx(60.0, rel=0.02)


def test_a_gateway_that_starts_anew_makes_no_delay_negative(scraped: Scraped, rollout: str) -> None:
    for rewards in (0, 100, 10, 50):
        scraped.source.lines |= delayed(rollout, NEW, rewards, 30.0 * rewards)
        scraped.wait_for_scrape()
    delays = read(scraped, rollout, time.time() - 600).delays
    assert delays is not None
    assert delays.mean == pytest.approx(30.0, rel=0.02)


def test_without_a_reward_gateway_no_reward_was_measured(scraped: Scraped, rollout: str) -> None:
    scraped.wait_for_scrape()
    delays = read(scraped, rollout, time.time() - 600).delays
    assert delays is not None
    assert replace(delays, window=0.0) == Delays(0.0, 0.0, 0.0)


def test_where_it_is_not_asked_for_nothing_is_read(scraped: Scraped, rollout: str) -> None:
    scraped.wait_for_scrape()
    assert read(scraped, rollout, None).delays is None
