"""How many requests are overdue, from what Envoy shows of requests under way; never more than there are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.adapters.metrics.envoy import ENVOY
from modelrollout.adapters.metrics.overdue import SCRAPE_TAKES, overdue
from modelrollout.adapters.prometheus import Series
from modelrollout.core.evidence import Count, Counters
from modelrollout.core.judge.overdue import NONE, count_overdue
from modelrollout.core.observation import Sample

HOST = "fraud-2-4-1187.prod.svc.cluster.local"
Points = dict[float, float]


def shown(
    started: Points, active: Points, port: int = 8501, host: str = HOST, instance: str = "gw-0"
) -> tuple[Series, ...]:
    labels = {"cluster_name": f"outbound|{port}||{host}", "instance": instance}
    return tuple(
        Series({**labels, "__name__": f"envoy_cluster_upstream_rq_{name}"}, tuple(points.items()))
        for name, points in (("total", started), ("active", active))
    )


def found(*series: Series, bound: float = 0.1) -> dict[str, int]:
    assert ENVOY.under_way is not None
    return dict(overdue(series, ENVOY, ENVOY.under_way, bound))


SHOWN: dict[str, tuple[tuple[Series, ...], dict[str, int]]] = {
    "nothing": ((), {}),
    "all under way may be young": (shown({0: 100, 5: 110}, {0: 0, 5: 10}), {}),
    "more than were started since": (shown({0: 100, 5: 110}, {0: 10, 5: 17}), {HOST: 7}),
    "nothing was started since": (shown({0: 100, 5: 100}, {0: 10, 5: 10}), {HOST: 10}),
    "one scrape": (shown({5: 100}, {5: 100}), {}),
    "no scrape long enough ago": (shown({4.5: 100, 5: 100}, {4.5: 10, 5: 10}), {}),
    "the newest that is long enough ago": (shown({0: 0, 3: 90, 5: 100}, {5: 25}), {HOST: 15}),
    "the process began anew": (shown({0: 100, 5: 3}, {0: 0, 5: 3}), {}),
    "who is under way is not shown": (shown({0: 100, 5: 100}, {}), {}),
    "both ports": (shown({0: 1, 5: 1}, {5: 1}) + shown({0: 1, 5: 1}, {5: 2}, port=8500), {HOST: 3}),
    "one port's requests are not the other's": (
        shown({0: 1, 5: 1}, {5: 1}) + shown({0: 1, 5: 9}, {5: 2}, port=8500),
        {HOST: 1},
    ),
    "two gateways": (shown({0: 1, 5: 1}, {5: 1}) + shown({1: 1, 6: 1}, {6: 2}, instance="gw-1"), {HOST: 3}),
    "two versions": (
        shown({0: 1, 5: 1}, {5: 1}) + shown({0: 1, 5: 1}, {5: 2}, host="other"),
        {HOST: 1, "other": 2},
    ),
}


@pytest.mark.parametrize(("series", "expected"), SHOWN.values(), ids=SHOWN)
def test_how_many_are_overdue(series: tuple[Series, ...], expected: dict[str, int]) -> None:
    assert found(*series) == expected


@dataclass(frozen=True)
class Request:
    """``takes`` seconds until it ends; one that ends without an answer is in no histogram."""

    start: float
    takes: float
    answered: bool


MOMENTS = st.floats(0, 60).map(lambda value: round(value, 3))
REQUESTS = st.lists(
    st.builds(Request, MOMENTS, st.sampled_from([0.01, 0.5, 3.0, 9.0, 40.0, math.inf]), st.booleans()), max_size=60
)


@given(REQUESTS, st.sampled_from([0.1, 2.0, 7.0]), st.sampled_from([1.0, 5.0]))
def test_never_more_are_counted_than_were_slow_and_none_twice(
    requests: list[Request], bound: float, interval: float
) -> None:
    """Whatever requests there are and whenever somebody looks."""
    counters, ahead, counted = Counters("new", "old"), NONE, Count(0, 0)
    times = [step * interval for step in range(int(60 / interval) + 30)]
    started = {at: float(sum(one.start <= at for one in requests)) for at in times}
    active = {at: float(sum(one.start <= at < one.start + one.takes for one in requests)) for at in times}
    for number, at in enumerate(times):
        ended = [one for one in requests if one.answered and one.start + one.takes <= at]
        histogram = Count(sum(one.takes > bound for one in ended), len(ended))
        seen = {time: started[time] for time in times[: number + 1]}
        late = found(*shown(seen, {at: active[at]}), bound=bound)
        sample = Sample("latency", at, {"new": {"gw-0": histogram}}, overdue={"new": late.get(HOST, 0)})
        first = counters.at is None
        counters, tick = counters.after(sample, 5.0)
        tick, ahead = count_overdue(tick, ahead, sample, counters)
        if tick is not None:
            counted += tick.candidate
        slow = sum(one.start + bound < at and one.takes > bound for one in requests)
        assert late.get(HOST, 0) <= active[at]
        assert first or counted.bad <= slow
        assert first or counted.bad >= histogram.bad - sum(one.start + one.takes <= 0 for one in requests)


def test_a_scrape_may_take_a_while() -> None:
    """Its numbers are younger than its time; what was started meanwhile is not old."""
    assert found(*shown({0: 0, 1.05: 5}, {1.05: 5}), bound=0.1) == {}
    assert found(*shown({0: 5, 0.1 + SCRAPE_TAKES: 5}, {0.1 + SCRAPE_TAKES: 5}), bound=0.1) == {HOST: 5}
