"""A store that holds two clusters: counters of the other one, with the very same names, are nobody's evidence here."""

from __future__ import annotations

import pytest

from modelrollout.adapters.metrics.base import Provider
from modelrollout.adapters.metrics.envoy import ENVOY
from modelrollout.adapters.metrics.reader import Found, Reader
from modelrollout.adapters.metrics.registry import PROVIDERS
from modelrollout.adapters.metrics.scraping import Scraping
from modelrollout.adapters.prometheus import Prometheus, with_matchers
from modelrollout.api.route import EVERYBODY
from modelrollout.core.evidence import Count
from tests.adapters.test_reader import ERRORS, NEW, OLD, SOURCES, bucket, latency, rollout, subscription, totals
from tests.prometheus_server import Scraped

pytestmark = pytest.mark.apiserver

__all__ = ["rollout"]  # a fixture

HERE = 'cluster="here"'


def of_cluster(line: str, name: str) -> str:
    """The series as it is in a store of several clusters."""
    return line.replace("{", f'{{cluster="{name}",', 1)


def read_here(
    scraped: Scraped, provider: Provider, rollout: str, *metrics: dict[str, str], matchers: str = HERE
) -> Found:
    asked = subscription(rollout, *metrics, provider=provider.name)

    async def body(unused: Prometheus) -> Found:
        prometheus = Prometheus(scraped.url, timeout=5, threads=4, matchers=matchers)
        try:
            return await Reader(prometheus, Scraping(prometheus, 1.0, lambda: 0.0)).built_in(provider, [asked])
        finally:
            prometheus.close()

    return scraped.run(body)


@pytest.mark.parametrize("name", SOURCES)
def test_only_this_clusters_answers_are_counted(scraped: Scraped, rollout: str, name: str) -> None:
    provider, line = SOURCES[name]
    for cluster, good, bad in (("here", 90, 10), ("there", 1, 999)):
        alive = ("envoy_server_live{}", 'istio_build{component="proxy"}')
        scraped.source.lines |= {of_cluster(item, cluster): 1.0 for item in alive}
        scraped.source.lines |= {
            of_cluster(line(rollout, NEW, "200"), cluster): good,
            of_cluster(line(rollout, NEW, "500"), cluster): bad,
            of_cluster(line(rollout, OLD, "200"), cluster): good,
        }
        hung_up = f'envoy_cluster_upstream_cx_destroy_local_with_active_rq{{cluster_name="outbound|8501||{rollout}'
        for version in (NEW, OLD):
            of_it = f'{hung_up}-{version.replace(".", "-")}.prod.svc.cluster.local"}}'
            scraped.source.lines |= {of_cluster(of_it, cluster): 0}
    scraped.wait_for_scrape()
    found = read_here(scraped, provider, rollout, ERRORS)["prod", rollout]["errors", EVERYBODY]
    assert totals(found) == {NEW: Count(10, 100), OLD: Count(0, 90)}


def test_only_this_clusters_buckets_are_read(scraped: Scraped, rollout: str) -> None:
    for cluster, bounds in (("here", {"50": 40, "+Inf": 100}), ("there", {"60": 1, "+Inf": 1000})):
        scraped.source.lines |= {of_cluster("envoy_server_live{}", cluster): 1.0}
        scraped.source.lines |= {of_cluster(bucket(rollout, le), cluster): count for le, count in bounds.items()}
    scraped.wait_for_scrape()
    found = read_here(scraped, ENVOY, rollout, latency("50ms"))["prod", rollout]["latency", EVERYBODY]
    assert totals(found)[NEW] == Count(60, 100)


def test_a_cluster_that_is_not_scraped_is_away_whatever_others_have(scraped: Scraped, rollout: str) -> None:
    found = read_here(scraped, ENVOY, rollout, ERRORS, matchers='cluster="nowhere"')
    told = str(found["prod", rollout]["errors", EVERYBODY])
    assert "has no sample of envoy_server_live" in told


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_every_selector_of_a_provider_has_braces_to_put_them_in(provider: Provider) -> None:
    for selector in (provider.alive, provider.errors, provider.latency):
        assert f"{{{HERE}," in with_matchers(selector, HERE)
