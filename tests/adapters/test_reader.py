"""Samples of releases, read from a real Prometheus: what was counted, and what cannot be said.

Prometheus remembers the series of earlier tests for a while, so each test has rollouts of its own.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelrollout.adapters.metrics.base import Provider
from modelrollout.adapters.metrics.bounds import NONE_IN_COMMON
from modelrollout.adapters.metrics.envoy import ENVOY, NO_RESETS, NO_STATUSES
from modelrollout.adapters.metrics.istio import ISTIO
from modelrollout.adapters.metrics.reader import Found, Reader, Samples
from modelrollout.adapters.metrics.scraping import Scraping
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.adapters.metrics.tensorflow_serving import TENSORFLOW_SERVING
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.api.analysis import Analysis
from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW
from modelrollout.core.evidence import PARTS, Count
from modelrollout.core.observation import Sample, Unavailable
from tests.prometheus_server import SCRAPE_SECONDS, Scraped

pytestmark = pytest.mark.apiserver

NEW, NEWER, OLD = "2.4.1187", "2.5.1200", "2.3.1160"
ERRORS = {"name": "errors"}
CLICKS = {
    "name": "clicks",
    "successes": 'clicks_total{workload="{{ workload }}"}',
    "trials": 'views_total{workload="{{ workload }}"}',
}
SUMS = {
    "name": "clicks",
    "successes": 'sum(clicks_total{workload="{{ workload }}"})',
    "trials": 'sum(views_total{workload="{{ workload }}"})',
}
_numbers = itertools.count(1)


@pytest.fixture
def rollout(scraped: Scraped) -> Iterator[str]:
    """A rollout that nobody has asked for, and a source with nothing but the sign that it lives."""
    scraped.source.answers = True
    scraped.source.lines = {"envoy_server_live": 1.0, 'istio_build{component="proxy"}': 1.0}
    yield f"fraud{next(_numbers)}"
    scraped.source.lines = {}


def subscription(
    rollout: str,
    *metrics: dict[str, Any],
    provider: str = "envoy",
    arms: tuple[str, ...] = (NEW,),
    splits: tuple[str, ...] = (EVERYBODY,),
    cancels: str = "Bad",
) -> Subscription:
    analysis = Analysis.model_validate({"provider": provider, "clientCancels": cancels, "metrics": list(metrics)})
    return Subscription(("prod", rollout), analysis, OLD, arms, splits)


def workload(rollout: str, version: str) -> str:
    return f"{rollout}-{version.replace('.', '-')}"


def service(rollout: str, version: str, split: str) -> str:
    return workload(rollout, version) + ("" if split == EVERYBODY else f"-{split}")


def cluster(rollout: str, version: str, split: str = EVERYBODY, port: int = 8501) -> str:
    return f"outbound|{port}||{service(rollout, version, split)}.prod.svc.cluster.local"


def answered(rollout: str, version: str, code: str, split: str = EVERYBODY) -> str:
    name = cluster(rollout, version, split)
    return f'envoy_cluster_upstream_rq{{cluster_name="{name}",response_code="{code}"}}'


HUNG_UP, RESET, TIMED_OUT = "upstream_cx_destroy_local_with_active_rq", "upstream_rq_tx_reset", "upstream_rq_timeout"


def ended(name: str, rollout: str, version: str, split: str = EVERYBODY, port: int = 8501) -> str:
    return f'envoy_cluster_{name}{{cluster_name="{cluster(rollout, version, split, port)}"}}'


def none_lost(rollout: str, *places: tuple[str, str]) -> dict[str, float]:
    """What Envoy shows of requests without an answer from the first moment on: that there were none."""
    return {ended(HUNG_UP, rollout, version, split): 0 for version, split in places}


def answered_by_istio(rollout: str, version: str, code: str, split: str = EVERYBODY, flags: str = "-") -> str:
    host = f"{service(rollout, version, split)}.prod.svc.cluster.local"
    labels = f'destination_service="{host}",response_code="{code}",response_flags="{flags}"'
    return f'istio_requests_total{{reporter="source",{labels}}}'


def bucket(rollout: str, bound: str) -> str:
    cluster = f"outbound|8501||{workload(rollout, NEW)}.prod.svc.cluster.local"
    return f'envoy_cluster_upstream_rq_time_bucket{{cluster_name="{cluster}",le="{bound}"}}'


def seen(rollout: str, version: str, clicks: float, views: float) -> dict[str, float]:
    name = workload(rollout, version)
    return {f'clicks_total{{workload="{name}"}}': clicks, f'views_total{{workload="{name}"}}': views}


def read(scraped: Scraped, *subscriptions: Subscription, provider: Provider = ENVOY) -> Found:
    async def body(prometheus: Prometheus) -> Found:
        return await Reader(prometheus, Scraping(prometheus, 1.0, lambda: 0.0)).built_in(provider, subscriptions)

    return scraped.run(body)


def totals(sample: Sample | Unavailable) -> dict[str, Count]:
    assert isinstance(sample, Sample), sample
    return {version: sum(series.values(), Count(0, 0)) for version, series in sample.series.items()}


def test_errors_of_both_versions_and_of_several_rollouts_at_once(scraped: Scraped, rollout: str) -> None:
    other = f"{rollout}b"
    scraped.source.lines |= {
        answered(rollout, NEW, "200"): 90,
        answered(rollout, NEW, "500"): 10,
        answered(rollout, OLD, "200"): 900,
        answered(other, NEW, "503"): 1,
        **none_lost(rollout, (NEW, EVERYBODY), (OLD, EVERYBODY)),
    }
    scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, ERRORS), subscription(other, ERRORS))
    assert totals(found["prod", rollout]["errors", EVERYBODY]) == {NEW: Count(10, 100), OLD: Count(0, 900)}
    assert totals(found["prod", other]["errors", EVERYBODY]) == {NEW: Count(1, 1), OLD: Count(0, 0)}


BOTH = (MATCHED, EVERYBODY)
SOURCES: dict[str, tuple[Provider, Callable[..., str]]] = {
    "envoy": (ENVOY, answered),
    "istio": (ISTIO, answered_by_istio),
}


@pytest.mark.parametrize(("provider", "line"), SOURCES.values(), ids=SOURCES)
def test_splits_and_arms_of_several_rollouts_by_one_query(
    scraped: Scraped, rollout: str, provider: Provider, line: Callable[..., str]
) -> None:
    """Previews are nobody's evidence: no sample has them in it."""
    other = f"{rollout}b"
    scraped.source.lines |= {
        line(rollout, OLD, "200", MATCHED): 50,
        line(rollout, OLD, "500", MATCHED): 50,
        line(rollout, NEW, "200", MATCHED): 7,
        line(rollout, NEW, "500", MATCHED): 3,
        line(rollout, OLD, "200"): 9000,
        line(rollout, NEWER, "200"): 90,
        line(rollout, NEWER, "500", PREVIEW): 64,
        line(other, OLD, "200"): 40,
        line(other, NEW, "503", PREVIEW): 64,
        **none_lost(rollout, (OLD, MATCHED), (NEW, MATCHED), (OLD, EVERYBODY), (NEWER, EVERYBODY)),
        **none_lost(other, (OLD, EVERYBODY)),
    }
    scraped.wait_for_scrape()
    asked = [
        subscription(rollout, ERRORS, provider=provider.name, arms=(NEW, NEWER), splits=BOTH),
        subscription(other, ERRORS, provider=provider.name),
    ]
    found = read(scraped, *asked, provider=provider)
    assert {place: totals(sample) for place, sample in found["prod", rollout].items()} == {
        ("errors", MATCHED): {OLD: Count(50, 100), NEW: Count(3, 10), NEWER: Count(0, 0)},
        ("errors", EVERYBODY): {OLD: Count(0, 9000), NEW: Count(0, 0), NEWER: Count(0, 90)},
    }
    assert {place: totals(sample) for place, sample in found["prod", other].items()} == {
        ("errors", EVERYBODY): {OLD: Count(0, 40), NEW: Count(0, 0)}
    }


def test_a_split_without_requests_so_far_is_a_sample_without_series(scraped: Scraped, rollout: str) -> None:
    scraped.source.lines |= {answered(rollout, OLD, "200"): 5}
    scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, ERRORS, splits=BOTH))["prod", rollout]
    matched = found["errors", MATCHED]
    assert isinstance(matched, Sample)
    assert (dict(matched.series), matched.at > 0) == ({}, True)
    assert totals(found["errors", EVERYBODY])[OLD] == Count(0, 5)


def test_splits_that_the_servers_cannot_tell_apart_are_not_read(scraped: Scraped, rollout: str) -> None:
    other = f"{rollout}b"
    labels = f'namespace="prod",modelrollout_dev_rollout="{other}",modelrollout_dev_version="{NEW}",status="OK"'
    scraped.source.lines |= {f":tensorflow:serving:request_count{{{labels}}}": 6}
    scraped.wait_for_scrape()
    asked = [
        subscription(rollout, ERRORS, provider="tensorflow-serving", splits=BOTH),
        subscription(other, ERRORS, provider="tensorflow-serving"),
    ]
    found = read(scraped, *asked, provider=TENSORFLOW_SERVING)
    words = (
        "provider: tensorflow-serving counts by version alone, so requests of traffic.match, or of a segment, would be "
        "counted together with all others; choose istio or envoy, or remove traffic.match, or the segments"
    )
    assert found["prod", rollout] == {("errors", split): Unavailable("errors", words, invalid=True) for split in BOTH}
    assert totals(found["prod", other]["errors", EVERYBODY])[NEW] == Count(0, 6), "everybody alone is read as ever"


def test_every_answer_is_counted_once(scraped: Scraped, rollout: str) -> None:
    """Envoy shows the same answers by code and, under the same name, by class of the code."""
    by_class = answered(rollout, NEW, "2xx").replace("response_code=", "response_code_class=")
    scraped.source.lines |= {answered(rollout, NEW, "200"): 5, by_class: 5}
    scraped.wait_for_scrape()
    assert totals(read(scraped, subscription(rollout, ERRORS))["prod", rollout]["errors", EVERYBODY])[NEW] == Count(
        0, 5
    )


def test_calls_by_grpc_count_by_their_status(scraped: Scraped, rollout: str) -> None:
    call = answered(rollout, NEW, "200").replace("|8501|", "|8500|")
    scraped.source.lines |= {
        answered(rollout, NEW, "200"): 5,
        call: 100,
        ended("grpc_0", rollout, NEW, port=8500): 80,
        ended("grpc_15", rollout, NEW, port=8500): 20,
        ended(RESET, rollout, NEW, port=8500): 0,
    }
    scraped.wait_for_scrape()
    assert totals(read(scraped, subscription(rollout, ERRORS))["prod", rollout]["errors", EVERYBODY])[NEW] == Count(
        20, 105
    )


def lost_by_envoy(rollout: str) -> dict[str, float]:
    """80 requests were answered, 20 given up by their callers and one by Envoy; of the calls 80, 10 and none."""
    return {
        answered(rollout, NEW, "200"): 80,
        answered(rollout, NEW, "504"): 1,
        ended(HUNG_UP, rollout, NEW): 16,
        ended("upstream_rq_cancelled", rollout, NEW): 5,
        ended(TIMED_OUT, rollout, NEW): 1,
        ended("grpc_0", rollout, NEW, port=8500): 80,
        ended(RESET, rollout, NEW, port=8500): 10,
    }


def lost_by_istio(rollout: str) -> dict[str, float]:
    """The same."""
    return {
        answered_by_istio(rollout, NEW, "200"): 160,
        answered_by_istio(rollout, NEW, "504", flags="UT"): 1,
        answered_by_istio(rollout, NEW, "0", flags="DC"): 20,
        answered_by_istio(rollout, NEW, "0", flags="DR"): 10,
    }


LOST: dict[str, tuple[Provider, Callable[[str], dict[str, float]]]] = {
    "envoy": (ENVOY, lost_by_envoy),
    "istio": (ISTIO, lost_by_istio),
}


@pytest.mark.parametrize(("provider", "lines"), LOST.values(), ids=LOST)
def test_answers_that_never_came_are_counted_as_each_release_says(
    scraped: Scraped, rollout: str, provider: Provider, lines: Callable[[str], dict[str, float]]
) -> None:
    other = f"{rollout}b"
    scraped.source.lines |= lines(rollout) | lines(other)
    scraped.wait_for_scrape()
    asked = [
        subscription(rollout, ERRORS, provider=provider.name),
        subscription(other, ERRORS, provider=provider.name, cancels="Ignore"),
    ]
    found = read(scraped, *asked, provider=provider)
    assert totals(found["prod", rollout]["errors", EVERYBODY])[NEW] == Count(31, 191)
    assert totals(found["prod", other]["errors", EVERYBODY])[NEW] == Count(1, 161)


def test_a_server_that_answers_nobody_is_seen(scraped: Scraped, rollout: str) -> None:
    """No code and no status of it is ever born."""
    scraped.source.lines |= {ended(HUNG_UP, rollout, NEW): 7, ended(RESET, rollout, NEW, port=8500): 3}
    scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, ERRORS))["prod", rollout]["errors", EVERYBODY]
    assert totals(found)[NEW] == Count(10, 10)


def test_an_envoy_that_hides_answers_that_never_came_makes_the_metric_invalid(scraped: Scraped, rollout: str) -> None:
    """But not for whom they do not count."""
    other = f"{rollout}b"
    scraped.source.lines |= {answered(rollout, OLD, "200"): 10, answered(other, OLD, "200"): 10}
    scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, ERRORS), subscription(other, ERRORS, cancels="Ignore"))
    assert found["prod", rollout]["errors", EVERYBODY] == Unavailable("errors", NO_RESETS, invalid=True)
    assert totals(found["prod", other]["errors", EVERYBODY])[OLD] == Count(0, 10)


def test_calls_by_grpc_whose_status_nobody_keeps_make_the_metric_invalid(scraped: Scraped, rollout: str) -> None:
    """In the split in which they are."""
    other = f"{rollout}b"
    call = answered(rollout, NEW, "200", MATCHED).replace("|8501|", "|8500|")
    scraped.source.lines |= {answered(rollout, NEW, "200"): 60, call: 1000, answered(other, NEW, "200"): 7}
    scraped.source.lines |= none_lost(rollout, (NEW, EVERYBODY))
    scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, ERRORS, splits=BOTH), subscription(other, ERRORS))
    assert found["prod", rollout]["errors", MATCHED] == Unavailable("errors", NO_STATUSES, invalid=True)
    assert totals(found["prod", rollout]["errors", EVERYBODY])[NEW] == Count(0, 60)
    assert totals(found["prod", other]["errors", EVERYBODY])[NEW] == Count(0, 7)


def test_no_requests_so_far_is_a_sample_without_series(scraped: Scraped, rollout: str) -> None:
    scraped.wait_for_scrape()
    sample = read(scraped, subscription(rollout, ERRORS))["prod", rollout]["errors", EVERYBODY]
    assert isinstance(sample, Sample)
    assert dict(sample.series) == {}
    assert sample.at > 0


def test_a_source_that_is_not_scraped_is_away(scraped: Scraped, rollout: str) -> None:
    scraped.source.lines |= {answered(rollout, NEW, "200"): 5}
    scraped.wait_for_scrape()
    scraped.source.answers = False
    for _ in range(6):
        scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, ERRORS))["prod", rollout]["errors", EVERYBODY]
    assert found == Unavailable(
        "errors",
        f"Prometheus at {scraped.url} has no sample of envoy_server_live from the last 3s: are the sources of "
        "provider envoy scraped?",
    )


def latency(over: str) -> dict[str, Any]:
    return {"name": "latency", "over": over}


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        pytest.param("100ms", Count(30, 100), id="a bound there is"),
        pytest.param("70ms", Count(30, 100), id="the next bound above"),
        pytest.param("50ms", Count(60, 100), id="the lowest bound"),
        pytest.param("1ms", Count(60, 100), id="below all bounds"),
    ],
)
def test_slow_answers(scraped: Scraped, rollout: str, over: str, expected: Count) -> None:
    scraped.source.lines |= {bucket(rollout, "50"): 40, bucket(rollout, "100"): 70, bucket(rollout, "+Inf"): 100}
    scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, latency(over)))["prod", rollout]["latency", EVERYBODY]
    assert totals(found)[NEW] == expected


def other(rollout: str, version: str, bound: str, process: str = "gw") -> str:
    """A bucket of any version, as one of several processes counts it."""
    line = bucket(rollout, bound).replace(workload(rollout, NEW), workload(rollout, version))
    return line.replace("{", f'{{process="{process}",')


def of_histogram(rollout: str, version: str, counts: dict[str, float], process: str = "gw") -> dict[str, float]:
    return {other(rollout, version, bound, process): count for bound, count in counts.items()}


COARSE, FINE = {"50": 40.0, "100": 70.0, "+Inf": 100.0}, {"50": 40.0, "75": 60.0, "100": 70.0, "+Inf": 100.0}


def test_each_release_goes_by_the_buckets_that_its_own_versions_have(scraped: Scraped, rollout: str) -> None:
    """Of two rollouts one has a bound that the other has not, by which all answers of the other would be slow."""
    finer = f"{rollout}x"
    for name, counts in ((rollout, COARSE), (finer, FINE)):
        for version in (OLD, NEW):
            scraped.source.lines |= of_histogram(name, version, counts)
    scraped.wait_for_scrape()
    found = read(scraped, subscription(finer, latency("70ms")), subscription(rollout, latency("70ms")))
    assert totals(found["prod", finer]["latency", EVERYBODY])[NEW] == Count(40, 100)
    assert totals(found["prod", rollout]["latency", EVERYBODY])[NEW] == Count(30, 100)


def test_a_release_goes_by_a_bucket_that_all_its_histograms_have(scraped: Scraped, rollout: str) -> None:
    """The gateway and a side car that report one version, and the control, are of different configurations."""
    scraped.source.lines |= of_histogram(rollout, OLD, FINE)
    scraped.source.lines |= of_histogram(rollout, NEW, FINE) | of_histogram(rollout, NEW, COARSE, "side-car")
    scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, latency("70ms")))["prod", rollout]["latency", EVERYBODY]
    assert totals(found) == {NEW: Count(60, 200), OLD: Count(30, 100)}


def test_histograms_with_nothing_in_common_cannot_be_judged(scraped: Scraped, rollout: str) -> None:
    scraped.source.lines |= of_histogram(rollout, OLD, {"50": 40.0, "+Inf": 100.0})
    scraped.source.lines |= of_histogram(rollout, NEW, {"60": 40.0, "+Inf": 100.0})
    scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, latency("50ms")))["prod", rollout]["latency", EVERYBODY]
    assert found == Unavailable("latency", NONE_IN_COMMON, invalid=True)


def test_requests_that_are_overdue_are_told_before_they_end(scraped: Scraped, rollout: str) -> None:
    """Of the version that has them, in the split in which they are; nothing was started since."""
    waiting = {"upstream_rq_total": 100, "upstream_rq_active": 7}
    scraped.source.lines |= {bucket(rollout, "50"): 93, bucket(rollout, "+Inf"): 93}
    scraped.source.lines |= {ended(name, rollout, NEW): value for name, value in waiting.items()}
    scraped.source.lines |= {ended(name, rollout, OLD, MATCHED): value for name, value in waiting.items()}
    for _ in range(3):
        scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, latency("50ms"), splits=BOTH))["prod", rollout]
    told = {split: sample.overdue for (_, split), sample in found.items() if isinstance(sample, Sample)}
    assert told == {EVERYBODY: {NEW: 7}, MATCHED: {OLD: 7}}


def test_a_latency_above_all_buckets_cannot_be_judged(scraped: Scraped, rollout: str) -> None:
    scraped.source.lines |= {bucket(rollout, "50"): 40, bucket(rollout, "+Inf"): 100}
    scraped.wait_for_scrape()
    found = read(scraped, subscription(rollout, latency("1s")))["prod", rollout]["latency", EVERYBODY]
    words = "over 1s is above 50ms, the largest bucket bound of the histogram; lower it"
    assert found == Unavailable("latency", words, invalid=True)


def read_own(scraped: Scraped, asked: Subscription) -> Samples:
    scraped.wait_until_settled()

    async def body(prometheus: Prometheus) -> Samples:
        return await Reader(prometheus, Scraping(prometheus, 1.0, lambda: 0.0)).own(asked, asked.analysis.metrics[0])

    return scraped.run(body)


@pytest.mark.parametrize("metric", [pytest.param(CLICKS, id="selectors"), pytest.param(SUMS, id="expressions")])
def test_a_metric_that_a_user_brings(scraped: Scraped, rollout: str, metric: dict[str, Any]) -> None:
    scraped.source.lines |= seen(rollout, NEW, 3, 10) | seen(rollout, OLD, 40, 100)
    scraped.wait_for_scrape()
    found = read_own(scraped, subscription(rollout, metric))
    assert totals(found["clicks", EVERYBODY]) == {NEW: Count(7, 10), OLD: Count(60, 100)}


@pytest.mark.parametrize("metric", [pytest.param(CLICKS, id="selectors"), pytest.param(SUMS, id="expressions")])
def test_a_scrape_between_two_questions_makes_no_failures(
    scraped: Scraped, rollout: str, metric: dict[str, Any]
) -> None:
    """Every view of these is a click; whoever reads views of a newer scrape than clicks would count bad ones."""
    asked = subscription(rollout, metric)
    found = []

    async def body(prometheus: Prometheus) -> None:
        reader = Reader(prometheus, Scraping(prometheus, 1.0, time.monotonic))
        end = time.monotonic() + 6 * SCRAPE_SECONDS
        for number in itertools.count(1):
            lines = seen(rollout, NEW, number, number) | seen(rollout, OLD, number, number)
            scraped.source.lines = dict(scraped.source.lines) | lines
            found.append((await reader.own(asked, asked.analysis.metrics[0]))["clicks", EVERYBODY])
            if time.monotonic() > end:
                return

    scraped.run(body)
    counted = [totals(item) for item in found if isinstance(item, Sample)]
    assert len({sample[NEW].trials for sample in counted}) > 3, "several scrapes were read"
    assert [sample for sample in counted if any(count.bad for count in sample.values())] == []
    assert [sample for sample in counted if sample[NEW] != sample[OLD]] == [], "both versions are of one scrape"


def test_a_reward_of_any_size_is_read_in_parts_of_the_largest(scraped: Scraped, rollout: str) -> None:
    sums = {"sum": CLICKS["successes"], "count": CLICKS["trials"], "max": 20}
    asked = subscription(rollout, {"name": "clicks", "role": "Reward"} | sums, {"name": "errors"})
    scraped.source.lines |= seen(rollout, NEW, 30.5, 10) | seen(rollout, OLD, 1000, 100)
    scraped.wait_for_scrape()
    found = read_own(scraped, asked)
    assert totals(found["clicks", EVERYBODY]) == {NEW: Count(15_250, 10 * PARTS), OLD: Count(50 * PARTS, 100 * PARTS)}
    scraped.source.lines |= seen(rollout, NEW, 201, 10)
    scraped.wait_for_scrape()
    refused = read_own(scraped, asked)["clicks", EVERYBODY]
    assert isinstance(refused, Unavailable)
    assert "a sum of 201 of 10 rewards, where each is from 0 to max, 20" in refused.message


BY_SERVICE = {
    "name": "clicks",
    "successes": 'clicks_total{service="{{ service }}"}',
    "trials": 'views_total{service="{{ service }}"}',
}


def seen_by(name: str, clicks: float, views: float) -> dict[str, float]:
    return {f'clicks_total{{service="{name}"}}': clicks, f'views_total{{service="{name}"}}': views}


def test_a_metric_that_a_user_brings_by_split(scraped: Scraped, rollout: str) -> None:
    scraped.source.lines |= {
        **seen_by(service(rollout, OLD, MATCHED), 50, 100),
        **seen_by(service(rollout, NEW, MATCHED), 4, 10),
        **seen_by(service(rollout, OLD, EVERYBODY), 990, 1000),
    }
    scraped.wait_for_scrape()
    found = read_own(scraped, subscription(rollout, BY_SERVICE, splits=BOTH))
    assert {split: totals(sample) for (_, split), sample in found.items()} == {
        MATCHED: {OLD: Count(50, 100), NEW: Count(6, 10)},
        EVERYBODY: {OLD: Count(10, 1000), NEW: Count(0, 0)},
    }


def test_a_split_in_which_nobody_counts_yet_is_silent_while_another_is_not(scraped: Scraped, rollout: str) -> None:
    scraped.source.lines |= seen_by(service(rollout, OLD, EVERYBODY), 990, 1000)
    scraped.wait_for_scrape()
    found = read_own(scraped, subscription(rollout, BY_SERVICE, splits=BOTH))
    matched, everybody = found["clicks", MATCHED], found["clicks", EVERYBODY]
    assert isinstance(matched, Sample)
    assert isinstance(everybody, Sample)
    assert (dict(matched.series), matched.at) == ({}, everybody.at)


def test_a_metric_that_counts_by_version_alone_is_not_read_by_split(scraped: Scraped, rollout: str) -> None:
    scraped.source.lines |= seen(rollout, NEW, 3, 10) | seen(rollout, OLD, 40, 100)
    scraped.wait_for_scrape()
    words = (
        "successes: {{ service }} or {{ segment }} is missing, so requests of traffic.match, or of a segment, would be "
        "counted together with all others; put it into the query, or remove traffic.match, or the segments"
    )
    found = read_own(scraped, subscription(rollout, CLICKS, splits=BOTH))
    assert found == {("clicks", split): Unavailable("clicks", words, invalid=True) for split in BOTH}


WRONG: dict[str, tuple[Callable[[str], dict[str, float]], str, bool]] = {
    "more successes than trials": (lambda rollout: seen(rollout, NEW, 11, 10), "11 successes of 10 trials", True),
    "no series": (lambda rollout: {}, "Prometheus has no sample of views_total", False),
}


@pytest.mark.parametrize(("lines", "words", "invalid"), WRONG.values(), ids=WRONG)
def test_a_metric_that_cannot_be_judged(
    scraped: Scraped, rollout: str, lines: Callable[[str], dict[str, float]], words: str, invalid: bool
) -> None:
    scraped.source.lines |= lines(rollout)
    scraped.wait_for_scrape()
    found = read_own(scraped, subscription(rollout, CLICKS))["clicks", EVERYBODY]
    assert isinstance(found, Unavailable)
    assert words in found.message
    assert found.invalid is invalid


def test_a_query_that_does_not_parse_is_invalid(scraped: Scraped, rollout: str) -> None:
    wrong = {**CLICKS, "trials": 'views_total{workload="{{ workload }}"} +'}
    found = read_own(scraped, subscription(rollout, wrong))["clicks", EVERYBODY]
    assert isinstance(found, Unavailable)
    assert found.invalid
    assert "parse error" in found.message


def test_the_past_of_stable_by_scrape(scraped: Scraped, rollout: str) -> None:
    scraped.source.lines |= {answered(rollout, OLD, "200"): 100}
    for requests in (110, 130):
        scraped.wait_for_scrape()
        scraped.source.lines |= {answered(rollout, OLD, "200"): requests, answered(rollout, OLD, "500"): 2}
    scraped.wait_for_scrape()

    async def body(prometheus: Prometheus) -> object:
        reader = Reader(prometheus, Scraping(prometheus, 1.0, lambda: 0.0))
        return await reader.baseline(subscription(rollout, ERRORS))

    found = scraped.run(body)
    assert isinstance(found, dict)
    assert sum(found["errors"], Count(0, 0)) == Count(2, 32)


def test_the_scrape_interval_is_measured(scraped: Scraped, rollout: str) -> None:
    for _ in range(6):
        scraped.wait_for_scrape()

    async def body(prometheus: Prometheus) -> tuple[float | None, float, float | None]:
        scraping = Scraping(prometheus, None, lambda: 0.0)
        return scraping.known_interval(ENVOY), await scraping.interval(ENVOY), scraping.known_interval(ENVOY)

    before, measured, known = scraped.run(body)
    assert before is None
    assert 0.9 < measured < 60
    assert known == measured


def test_no_prometheus_makes_every_metric_unavailable() -> None:
    scraped = Scraped("http://127.0.0.1:9", None, None)  # type: ignore[arg-type]  # only its address is asked for
    found = read(scraped, subscription("fraud", ERRORS, latency("50ms")))["prod", "fraud"]
    assert {name: (type(item), getattr(item, "invalid", None)) for name, item in found.items()} == {
        ("errors", EVERYBODY): (Unavailable, False),
        ("latency", EVERYBODY): (Unavailable, False),
    }
