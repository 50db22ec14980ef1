"""Raw counters become what was counted, whatever the series do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.core.evidence import BadCount, Count, Counters, SeriesCounters, Tick

NEW, OLD = "2.4.1187", "2.3.1160"
SCRAPE = 5.0


@dataclass(frozen=True)
class Sample:
    at: float
    series: Mapping[str, Mapping[str, Count]] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)


Pairs = Mapping[str, tuple[int, int]]


def sample(at: float, candidate: Pairs, stable: Pairs, times: Mapping[str, float] | None = None) -> Sample:
    return Sample(
        at,
        {
            NEW: {name: Count(*pair) for name, pair in candidate.items()},
            OLD: {name: Count(*pair) for name, pair in stable.items()},
        },
        times or {},
    )


def ticks(*samples: Sample) -> list[Tick | None]:
    counters, found = Counters(NEW, OLD), []
    for each in samples:
        counters, tick = counters.after(each, SCRAPE)
        found.append(tick)
    return found


def tick(at: float, candidate: tuple[int, int], stable: tuple[int, int]) -> Tick:
    return Tick(at, Count(*candidate), Count(*stable))


def next_of(counters: SeriesCounters, series: Mapping[str, Count]) -> tuple[SeriesCounters, Count | None]:
    """Reporters that were all scraped before, and are scraped again."""
    fold_at = counters.fold.at if counters.fold is not None else 0.0
    return counters.after(series, series.keys(), dict.fromkeys(series, fold_at + SCRAPE))


CASES = [
    pytest.param(
        [sample(0, {}, {"a": (7, 5000)})],
        [None],
        id="the first sample only sets the base",
    ),
    pytest.param(
        [sample(0, {"c": (2, 90)}, {"a": (7, 5000)}), sample(5, {"c": (3, 140)}, {"a": (9, 5450)})],
        [None, tick(5, (1, 50), (2, 450))],
        id="differences",
    ),
    pytest.param(
        [sample(0, {}, {"a": (7, 5000)}), sample(5, {"a": (1, 50)}, {"a": (7, 5400)})],
        [None, tick(5, (1, 50), (0, 400))],
        id="a new series of a reporter that was scraped without it counts from 0",
    ),
    pytest.param(
        [sample(0, {}, {}, {"pod": 0.0}), sample(5, {"pod": (1, 50)}, {}, {"pod": 5.0})],
        [None, tick(5, (1, 50), (0, 0))],
        id="one that was scraped and had counted nothing counts from 0",
    ),
    pytest.param(
        [
            sample(0, {}, {"a": (7, 5000)}),
            sample(5, {"b": (0, 9)}, {"a": (7, 5400), "b": (900, 90_000)}),
            sample(10, {"b": (1, 19)}, {"a": (7, 5800), "b": (901, 90_040)}),
        ],
        [None, tick(5, (0, 0), (0, 400)), tick(10, (1, 10), (1, 440))],
        id="a reporter that was never seen only sets its base",
    ),
    pytest.param(
        [sample(0, {"c": (30, 900)}, {"a": (0, 10)}), sample(5, {"c": (2, 20)}, {"a": (0, 20)})],
        [None, tick(5, (2, 20), (0, 10))],
        id="a value that falls far was reset",
    ),
    pytest.param(
        [
            sample(0, {}, {"a": (5, 1000)}),
            sample(5, {}, {"a": (4, 990)}),
            sample(10, {}, {"a": (7, 1100)}),
        ],
        [None, tick(5, (0, 0), (0, 0)), tick(10, (0, 0), (2, 100))],
        id="one that falls a little was read out of order, by a clock that is ahead",
    ),
    pytest.param(
        [
            sample(10, {"g": (0, 100), "h": (5, 5000)}, {"g": (0, 1000), "h": (5, 9000)}, {"g": 10.0, "h": 9.0}),
            sample(12, {"g": (0, 90), "h": (9, 5060)}, {"g": (0, 950), "h": (6, 9500)}, {"g": 8.0, "h": 12.0}),
            sample(15, {"g": (1, 150), "h": (9, 5060)}, {"g": (2, 1450), "h": (6, 9500)}, {"g": 15.0, "h": 12.0}),
        ],
        [None, None, tick(15, (5, 110), (3, 950))],
        id="a reporter whose sample is older than known is waited for, and nothing of it is counted again",
    ),
    pytest.param(
        [
            sample(0, {}, {"a": (5, 100), "b": (1, 10)}),
            sample(5, {}, {"b": (1, 20)}),
            sample(10, {}, {"b": (1, 30)}),
            sample(15, {}, {"b": (1, 35)}),
            sample(20, {}, {"a": (6, 130), "b": (1, 40)}),
        ],
        [None, None, tick(10, (0, 0), (0, 20)), tick(15, (0, 0), (0, 5)), tick(20, (0, 0), (1, 35))],
        id="an absent reporter is waited for until it missed a scrape, and keeps its last value",
    ),
    pytest.param(
        [sample(0, {}, {"a": (5, 100)}), sample(5, {}, {}), sample(10, {}, {"a": (0, 30)})],
        [None, None, tick(10, (0, 0), (0, 30))],
        id="absent and then reset",
    ),
    pytest.param(
        [sample(5, {}, {"a": (5, 100)}), sample(5, {}, {"a": (6, 130)}), sample(4, {}, {"a": (9, 190)})],
        [None, None, None],
        id="a sample that is not newer is no tick",
    ),
    pytest.param(
        [sample(0, {}, {"a": (5, 100)}), sample(60, {}, {"a": (6, 700)})],
        [None, tick(60, (0, 0), (1, 600))],
        id="missed scrapes make one larger tick",
    ),
    pytest.param(
        [Sample(0), Sample(5, {OLD: {"a": Count(1, 9)}}), Sample(10, {OLD: {"a": Count(2, 19)}})],
        [None, tick(5, (0, 0), (0, 0)), tick(10, (0, 0), (1, 10))],
        id="a version without series has not answered yet",
    ),
]


@pytest.mark.parametrize(("samples", "expected"), CASES)
def test_what_was_counted_between_samples(samples: list[Sample], expected: list[Tick | None]) -> None:
    assert ticks(*samples) == expected


def test_an_older_sample_leaves_the_counters_as_they_were() -> None:
    counters, _ = Counters(NEW, OLD).after(sample(5, {}, {"a": (5, 100)}), SCRAPE)
    assert counters.after(sample(4, {}, {"a": (1, 2)}), SCRAPE) == (counters, None)


def test_more_new_bad_answers_than_answers_are_refused_and_the_base_stays() -> None:
    counters, _ = Counters(NEW, OLD).after(sample(0, {}, {"a": (5, 100)}), SCRAPE)
    with pytest.raises(BadCount, match="from 5 bad of 100 to 50 of 110"):
        counters.after(sample(5, {}, {"a": (50, 110)}), SCRAPE)
    assert counters.after(sample(10, {}, {"a": (6, 120)}), SCRAPE)[1] == tick(10, (0, 0), (1, 20))


# What happens to each of some series between two samples: (what, new bad answers, new good ones).
happenings = st.tuples(st.sampled_from(["grow", "grow", "restart", "absent"]), st.integers(0, 9), st.integers(0, 9))


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), happenings), max_size=8))
def test_every_answer_of_a_series_that_is_seen_is_counted_once(history: Any) -> None:
    raw = {"a": Count(3, 40), "b": Count(0, 5)}
    counters, _ = next_of(SeriesCounters(), raw)
    for interval in history:
        happened, absent = Count(0, 0), set()
        for name, (what, bad, good) in interval.items():
            before, more = raw.get(name, Count(0, 0)), Count(bad, bad + good)
            if what == "absent":
                absent.add(name)
                continue
            if what == "restart" and 2 * more.trials < before.trials:  # otherwise nobody could tell
                raw[name] = more
            else:
                raw[name] = before + more
            happened += more
        counters, counted = next_of(counters, {name: count for name, count in raw.items() if name not in absent})
        assert counted == happened


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=6),
    st.lists(st.integers(1, 5), min_size=1, max_size=6),
)
def test_it_does_not_matter_how_counts_are_split_between_series(increments: Any, parts: Any) -> None:
    def split(total: int, part: int) -> list[int]:
        return [total // part + (1 if i < total % part else 0) for i in range(part)]

    whole, many = SeriesCounters(), SeriesCounters()
    sums, split_sums = Count(0, 0), [Count(0, 0)] * 5
    for (bad, good), part in zip(increments, parts, strict=False):
        sums += Count(bad, bad + good)
        pieces = zip(split(bad, part), split(good, part), strict=True)
        for i, (piece, rest) in enumerate(pieces):
            split_sums[i] += Count(piece, piece + rest)
        whole, from_one = next_of(whole, {"only": sums})
        many, from_many = next_of(many, {f"part-{i}": count for i, count in enumerate(split_sums)})
        assert from_one == from_many


@given(st.lists(st.lists(st.integers(0, 100), min_size=3, max_size=3), min_size=2, max_size=12))
def test_whoever_is_asked_in_whatever_order_no_answer_is_counted_twice(asked: list[list[int]]) -> None:
    """Three gateways of unlike age, each seen at any earlier moment; its counts say how old it is: ten a second."""
    counters, counted, newest, first = Counters(NEW, OLD), 0, dict.fromkeys("abc", 0), dict.fromkeys("abc", 0)
    for index, moments in enumerate(asked):
        times = dict(zip("abc", (float(moment) for moment in moments), strict=True))
        series = {name: (0, 10_000 * (index_of + 1) + 10 * int(times[name])) for index_of, name in enumerate("abc")}
        before = counters
        counters, found = counters.after(sample(max(times.values()), {}, series, times), SCRAPE)
        if index == 0:
            first = newest = {name: int(at) for name, at in times.items()}
        elif counters != before:
            newest = {name: max(newest[name], int(at)) for name, at in times.items()}
        counted += found.stable.trials if found is not None else 0
    assert counted <= 10 * sum(newest[name] - min(first[name], newest[name]) for name in "abc")


def test_folded_series_wait_for_a_whole_round_too() -> None:
    def proxies(second: int, late: int) -> Sample:
        times = {f"proxy-{i}": float(second - (late if i == 199 else 0)) for i in range(200)}
        return Sample(float(second), {OLD: {name: Count(0, 1000 + 10 * int(at)) for name, at in times.items()}}, times)

    counters, _ = Counters(NEW, OLD).after(proxies(10, late=0), SCRAPE)
    waiting, none = counters.after(proxies(15, late=5), SCRAPE)
    assert (waiting, none) == (counters, None)
    assert counters.after(proxies(16, late=0), SCRAPE)[1] == Tick(16.0, Count(0, 0), Count(0, 200 * 60))


class TestManySeries:
    """More series than are kept one by one: a version behind 200 proxies."""

    @staticmethod
    def proxies(number: int, requests: int, bad: int = 0, skip: int = 0) -> dict[str, Count]:
        return {f"proxy-{i}": Count(bad, requests + i) for i in range(skip, number)}

    def base(self, number: int = 200) -> SeriesCounters:
        counters, _ = next_of(SeriesCounters(), self.proxies(number, 1000))
        return through_json(counters)

    def test_they_are_counted_like_any_others(self) -> None:
        counters, counted = next_of(self.base(), self.proxies(200, 1050, bad=1))
        assert counted == Count(200, 200 * 50)
        assert next_of(through_json(counters), self.proxies(200, 1051, bad=1))[1] == Count(0, 200)

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param({"proxy-199": Count(0, 3)}, id="a large series restarts"),
            pytest.param({"proxy-64": Count(0, 1063)}, id="one falls by a single answer"),
            pytest.param({"new": Count(0, 5)}, id="one is born, or was forgotten before"),
        ],
    )
    def test_an_interval_in_which_a_change_could_hide_is_left_out_whole(self, change: dict[str, Count]) -> None:
        counters, counted = next_of(self.base(), self.proxies(200, 1050) | change)
        assert counted is None
        after = self.proxies(200, 1060, bad=1) | {name: now + Count(0, 10) for name, now in change.items()}
        next_counted = next_of(counters, after)[1]
        assert next_counted is not None
        assert next_counted.trials == 10 * len(after)

    def test_an_absent_one_leaves_the_interval_out_too(self) -> None:
        missing = self.proxies(199, 1050)
        counters, counted = next_of(self.base(), missing)
        assert counted is None
        assert next_of(counters, self.proxies(199, 1060))[1] == Count(0, 1990)

    def test_a_small_one_that_restarts_is_seen_by_itself(self) -> None:
        restarted = self.proxies(200, 1050) | {"proxy-0": Count(1, 7)}
        assert next_of(self.base(), restarted)[1] == Count(1, 199 * 50 + 7)

    def test_dead_ones_are_forgotten_first(self) -> None:
        counters, _ = next_of(SeriesCounters(), self.proxies(60, 1000))
        alive = {f"new-{i}": Count(0, 10) for i in range(60)}
        counters, counted = next_of(counters, alive)
        assert counted == Count(0, 600)
        assert next_of(counters, {name: Count(1, 20) for name in alive})[1] == Count(60, 600)

    def test_one_that_was_forgotten_is_not_taken_for_a_new_one(self) -> None:
        counters, _ = next_of(SeriesCounters(), self.proxies(60, 1000))
        alive = {f"new-{i}": Count(0, 10) for i in range(60)}
        counters, _ = next_of(counters, alive)
        assert next_of(counters, alive | self.proxies(60, 1001))[1] is None

    def test_what_is_kept_stays_small(self) -> None:
        counters = Counters(NEW, OLD)
        for i in range(20):
            series = {f"a-long-name-of-a-series-of-pod-{i}-{j}": Count(5 * 10**8, 10**9) for j in range(300)}
            counters, _ = counters.after(Sample(SCRAPE * i, {NEW: series, OLD: series}), SCRAPE)
        assert len(json.dumps(counters.to_status())) < 8000


def through_json(counters: SeriesCounters) -> SeriesCounters:
    restored = SeriesCounters.from_status(json.loads(json.dumps(counters.to_status())))
    assert restored == counters
    return restored


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(0, 10**12)), max_size=4), st.floats(0, 1e10))
def test_the_status_brings_all_of_it_back(history: Any, start: float) -> None:
    counters = Counters(NEW, OLD)
    for i, series in enumerate(history):
        now = {name: Count(trials // 2, trials) for name, trials in series.items()}
        counters, _ = counters.after(Sample(start + SCRAPE * i, {NEW: now}), SCRAPE)
        assert Counters.from_status(json.loads(json.dumps(counters.to_status()))) == counters
