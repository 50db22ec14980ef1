"""Splits are kept apart: tables of labels and of specs, no Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from modelrollout.adapters.metrics.base import Labels, Provider, Target
from modelrollout.adapters.metrics.counts import answers, tally
from modelrollout.adapters.metrics.envoy import ENVOY
from modelrollout.adapters.metrics.istio import ISTIO
from modelrollout.adapters.metrics.splits import split_problem, untold
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.adapters.metrics.tensorflow_serving import TENSORFLOW_SERVING
from modelrollout.adapters.prometheus import Series
from modelrollout.api.analysis import Analysis, ClientCancels
from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW
from modelrollout.core.evidence import Count
from modelrollout.resource.rollout import parse_spec
from modelrollout.resource.spec import Spec
from tests.adapters.counted import newest

CONTROL, ARMS = "2.3.1160", ("2.4.1187", "2.5.1200")
SUBSCRIPTION = Subscription(("prod", "fraud"), Analysis(), CONTROL, ARMS, (MATCHED, EVERYBODY))


def test_a_subscription_asks_for_every_version_in_every_split() -> None:
    assert [target.host for target in SUBSCRIPTION.targets] == [
        "fraud-2-3-1160-matched.prod.svc.cluster.local",
        "fraud-2-4-1187-matched.prod.svc.cluster.local",
        "fraud-2-5-1200-matched.prod.svc.cluster.local",
        "fraud-2-3-1160.prod.svc.cluster.local",
        "fraud-2-4-1187.prod.svc.cluster.local",
        "fraud-2-5-1200.prod.svc.cluster.local",
    ]


def istio(target: Target, code: str) -> Labels:
    return {"destination_service": target.host, "response_code": code}


def envoy(target: Target, code: str) -> Labels:
    return {
        "__name__": "envoy_cluster_upstream_rq",
        "cluster_name": f"outbound|8501||{target.host}",
        "response_code": code,
    }


SOURCES: dict[str, tuple[Provider, Callable[[Target, str], Labels]]] = {
    "istio": (ISTIO, istio),
    "envoy": (ENVOY, envoy),
}

POPULATIONS = {  # the matched requests fail often, with every version; all others hardly ever
    (MATCHED, CONTROL): Count(50, 100),
    (MATCHED, ARMS[0]): Count(5, 10),
    (MATCHED, ARMS[1]): Count(6, 12),
    (EVERYBODY, CONTROL): Count(9, 9000),
    (EVERYBODY, ARMS[0]): Count(0, 0),
    (EVERYBODY, ARMS[1]): Count(1, 1000),
}


@pytest.mark.parametrize(("provider", "labels"), SOURCES.values(), ids=SOURCES)
def test_two_populations_and_three_versions_from_one_answer(
    provider: Provider, labels: Callable[[Target, str], Labels]
) -> None:
    series = []
    for (split, version), count in POPULATIONS.items():
        target = SUBSCRIPTION.target(version, split)
        for code, value in (("500", count.bad), ("200", count.trials - count.bad)):
            series.append(Series({**labels(target, code), "instance": "gw-0"}, ((10.0, value),)))
    counted = tally(series, provider.identity_of, answers(provider, ClientCancels.BAD))
    assert {
        (split, version): newest(counted[provider.identify(SUBSCRIPTION.target(version, split))]).counts["gw-0"]
        for split, version in POPULATIONS
    } == POPULATIONS


def patterns(query: str) -> list[tuple[str, re.Pattern[str]]]:
    """The labels that a selector matches by regular expressions, which Prometheus anchors at both ends."""
    return [(name, re.compile(pattern)) for name, pattern in re.findall(r"(\w+)=~[`\"]([^`\"]*)[`\"]", query)]


def chooses(query: str, labels: Labels) -> bool:
    return all(pattern.fullmatch(labels[name]) for name, pattern in patterns(query) if name in labels)


NOT_ASKED_FOR: dict[str, Target] = {
    "preview": Target("prod", "fraud", ARMS[0], PREVIEW),
    "a split whose name begins as another": Target("prod", "fraud", ARMS[0], "matched2"),
    "another rollout whose name ends as this": Target("prod", "bigfraud", ARMS[0]),
    "another version that begins as this": Target("prod", "fraud", "2.4.11870"),
    "another namespace": Target("production", "fraud", ARMS[0]),
}


@pytest.mark.parametrize(("provider", "labels"), SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("other", NOT_ASKED_FOR.values(), ids=NOT_ASKED_FOR)
def test_no_query_chooses_what_was_not_asked_for(
    provider: Provider, labels: Callable[[Target, str], Labels], other: Target
) -> None:
    for query in (
        provider.errors_query(SUBSCRIPTION.targets),
        provider.latency_query(SUBSCRIPTION.targets, ["100"]),
        provider.bounds_query(SUBSCRIPTION.targets),
    ):
        assert chooses(query, labels(SUBSCRIPTION.targets[0], "200"))
        assert not chooses(query, labels(other, "200"))


def test_tensorflow_serving_counts_previews_as_it_counts_all_others() -> None:
    """Nothing in its labels tells them apart; that they are sent before counting begins does."""
    identities = {
        TENSORFLOW_SERVING.identify(Target("prod", "fraud", CONTROL, split)) for split in (EVERYBODY, PREVIEW)
    }
    assert len(identities) == 1
    assert not TENSORFLOW_SERVING.tells_splits


MATCH = [{"headers": {"x-staff": {"exact": "yes"}}}]
BY_SERVICE = 'clicks{service="{{ service }}"}'
BY_VERSION = 'clicks{version="{{ version }}"}'


def clicks(successes: str, trials: str) -> dict[str, Any]:
    return {"name": "clicks", "successes": successes, "trials": trials}


def spec(provider: str, *metrics: dict[str, Any], match: bool = True) -> Spec:
    found = parse_spec(
        {
            "model": {"name": "fraud", "version": "2.4.1187", "uri": "https://x.example/1.tar.gz"},
            "traffic": {"hosts": ["fraud"], "match": MATCH if match else []},
            "strategy": {"canary": {"steps": [{"setWeight": 10, "for": "1m"}]}},
            "analysis": {"provider": provider, "metrics": list(metrics)},
        }
    )
    assert isinstance(found, Spec), found
    return found


MIXED = "so requests of traffic.match, or of a segment, would be counted together with all others"
OF_PROVIDER = (
    f"spec.analysis.provider: tensorflow-serving counts by version alone, {MIXED}; choose istio or envoy, or remove "
    "traffic.match, or the segments"
)
OF_QUERY = (
    "{{ service }} or {{ segment }} is missing, "
    + MIXED
    + "; put it into the query, or remove traffic.match, or the segments"
)
ERRORS, LATENCY = {"name": "errors"}, {"name": "latency", "over": "70ms"}

SPECS: dict[str, tuple[Spec, str | None]] = {
    "istio tells splits apart": (spec("istio", ERRORS, LATENCY), None),
    "envoy, too": (spec("envoy", ERRORS, LATENCY), None),
    "the servers do not": (spec("tensorflow-serving", ERRORS), OF_PROVIDER),
    "the servers, where nothing is matched": (spec("tensorflow-serving", ERRORS, match=False), None),
    "the servers, for metrics of one's own alone": (
        spec("tensorflow-serving", clicks(BY_SERVICE, BY_SERVICE)),
        None,
    ),
    "queries with the Service": (spec("istio", clicks(BY_SERVICE, BY_SERVICE)), None),
    "successes without it": (
        spec("istio", ERRORS, clicks(BY_VERSION, BY_SERVICE)),
        f"spec.analysis.metrics[1].successes: {OF_QUERY}",
    ),
    "trials without it": (
        spec("istio", ERRORS, clicks(BY_SERVICE, BY_VERSION)),
        f"spec.analysis.metrics[1].trials: {OF_QUERY}",
    ),
    "queries by version, where nothing is matched": (spec("istio", clicks(BY_VERSION, BY_VERSION), match=False), None),
}


@pytest.mark.parametrize(("one", "problem"), SPECS.values(), ids=SPECS)
def test_which_specs_can_be_judged_by_split(one: Spec, problem: str | None) -> None:
    assert split_problem(one) == problem


@pytest.mark.parametrize(("one", "problem"), SPECS.values(), ids=SPECS)
def test_what_is_accepted_can_be_read(one: Spec, problem: str | None) -> None:
    splits = (MATCHED, EVERYBODY) if one.traffic.match else (EVERYBODY,)
    unread = [untold(one.analysis, metric, splits) for metric in one.analysis.metrics]
    assert any(unread) is (problem is not None)


@pytest.mark.parametrize(
    ("splits", "read"),
    [
        pytest.param((EVERYBODY,), True, id="everybody alone"),
        pytest.param((MATCHED,), False, id="matched alone: the others are counted, too"),
        pytest.param((MATCHED, EVERYBODY), False, id="both"),
    ],
)
def test_in_which_splits_a_count_by_version_can_be_read(splits: tuple[str, ...], read: bool) -> None:
    for analysis in (
        spec("tensorflow-serving", ERRORS).analysis,
        spec("istio", clicks(BY_VERSION, BY_VERSION)).analysis,
    ):
        assert (untold(analysis, analysis.metrics[0], splits) is None) is read
