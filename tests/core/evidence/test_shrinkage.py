"""What a segment learns from the others: all of it where they are alike, nothing where they are not, never too much."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from modelrollout.core.evidence.allocation import Allocation
from modelrollout.core.evidence.belief import Belief
from modelrollout.core.evidence.shrinkage import Posteriors, between, borrowed, shrunken, without_each
from modelrollout.core.evidence.thompson import Posterior

Pairs = Sequence[tuple[float, float]]  # successes and requests of one version, segment by segment


def one_version(pairs: Pairs, *, more_is_better: bool = True, overdispersion: float = 1.0) -> list[Posterior]:
    """The posteriors of a version, segment by segment."""
    beliefs = {str(place): {"v": Belief(*pair)} for place, pair in enumerate(pairs)}
    found = shrunken(beliefs, more_is_better=more_is_better, overdispersion=overdispersion)
    return [known["v"] for known in found.values()]


def other_rate(pairs: Pairs, place: int) -> float:
    """What the other segments say of one."""
    good, requests = np.array(pairs, dtype=float).T
    return float(borrowed(good, requests - good).rate[place])


def test_the_only_segment_has_the_plain_posterior() -> None:
    assert one_version([(30, 400)]) == [Posterior(31.0, 371.0)]
    assert one_version([(0, 0)]) == [Posterior(1.0, 1.0)]


def test_alike_segments_know_nearly_what_all_their_requests_say() -> None:
    """Three others of the same size are what may be borrowed; the doubt whether they are alike takes a half or so."""
    for one in one_version([(20, 400)] * 4):
        assert one.mean == pytest.approx(0.05, abs=0.002)
        assert 400 + 1200 / 3 < one.a + one.b - 2 < 1600


def test_two_alike_know_no_more_than_both_have_seen() -> None:
    large, small = one_version([(20, 400), (10, 200)])
    assert 450 < large.a + large.b - 2 < 600
    assert 300 < small.a + small.b - 2 < 600


def test_the_doubt_goes_with_the_number_of_segments() -> None:
    known = [one_version([(20, 400)] * segments)[0] for segments in (2, 4, 40)]
    borrows = [one.a + one.b - 402 for one in known]
    assert borrows == sorted(borrows)
    assert borrows[-1] == pytest.approx(1200), "three average segments, and no doubt"


def test_unlike_segments_keep_to_themselves() -> None:
    for one, successes in zip(one_version([(200, 4000), (800, 4000), (400, 4000)]), (200, 800, 400), strict=True):
        assert one.a + one.b - 4002 < 200, "twenty in a hundred would be"
        assert one.mean == pytest.approx(successes / 4000, abs=0.005)


def test_a_segment_without_requests_gets_about_what_all_say() -> None:
    found = one_version([(50, 1000), (52, 1000), (48, 1000), (0, 0)])[-1]
    assert found.mean == pytest.approx(0.05, abs=0.001)
    assert 999 < found.a + found.b - 2 < 3000, "at most as sure as the three together"


def test_no_more_than_three_average_segments_are_borrowed() -> None:
    found = one_version([(500, 10_000)] * 16)
    assert all(one.a + one.b - 10_002 == pytest.approx(30_000) for one in found)


def test_many_requests_learn_little_from_few() -> None:
    large, small = one_version([(5000, 100_000), (0, 20)])
    assert large.mean == pytest.approx(0.05, abs=1e-4)
    assert small.mean == pytest.approx(0.05, abs=0.01)


def test_the_mean_compares_versions_and_not_the_segments_they_were_sent_to() -> None:
    """Two versions alike: 2 % here, 10 % there, and the third segment is asked about. One got the requests of the first
    segment, the other one those of the second: sums would say 2.5 and 9.5 %."""
    here, there = [(180, 9000), (60, 600), (0, 0)], [(12, 600), (900, 9000), (0, 0)]
    one, other = other_rate(here, 2), other_rate(there, 2)
    assert sum(a for a, _ in here) / 9600 == pytest.approx(0.025)
    assert sum(a for a, _ in there) / 9600 == pytest.approx(0.095)
    assert one == pytest.approx(other, abs=0.003)
    assert one == pytest.approx(0.06, abs=0.003)


def test_opposite_shares_of_alike_versions_make_none_look_better() -> None:
    """The same drawn 200 times, with 2 to 10 % in six segments and shares of 90 and 10 % that follow the level: sums
    are twice as high for one version as for the other. The priors differ by a quarter, with the weight of 100 requests
    in most cases, since little is borrowed where rates differ so much."""
    rng, rates = np.random.default_rng(1), np.array([0.02, 0.04, 0.05, 0.06, 0.08, 0.10])
    requests, means, sums, worth = np.array([900] * 3 + [100] * 3), [], [], []
    for _ in range(200):
        drawn = [(rng.binomial(n, rates).astype(float), n) for n in (requests, requests[::-1])]
        priors = [borrowed(good, n - good) for good, n in drawn]
        means.append([prior.rate.mean() for prior in priors])
        worth.append([prior.requests.mean() for prior in priors])
        sums.append([good.sum() / n.sum() for good, n in drawn])
    (low, high), (small, large) = np.mean(means, axis=0), np.mean(sums, axis=0)
    assert high / low < 1.3
    assert large / small > 1.7
    assert np.median(worth) < 100


def test_bursts_make_segments_less_sure_and_less_different() -> None:
    pairs = [(40, 1000), (80, 1000), (60, 1000)]
    plain, bursts = one_version(pairs), one_version(pairs, overdispersion=4.0)
    assert bursts[0].a + bursts[0].b < plain[0].a + plain[0].b
    assert bursts[0].mean > plain[0].mean > 0.04, "what chance explains is taken for chance"
    assert one_version([(40, 1000)], overdispersion=4.0) == [Posterior(11.0, 241.0)]


def test_less_is_better_is_the_same_of_failures() -> None:
    pairs = [(40, 1000), (80, 900), (3, 50)]
    turned = one_version([(requests - bad, requests) for bad, requests in pairs])
    found = one_version(pairs, more_is_better=False)
    assert [(one.a, one.b) for one in found] == [pytest.approx((one.a, one.b)) for one in turned]


def test_rates_that_differ_by_chance_alone_differ_by_nothing_on_average() -> None:
    """tau^2 of drawn segments is right: about 0 of equal ones, and that of the rates' distribution otherwise."""
    rng, requests = np.random.default_rng(1), np.array([100.0, 400.0, 2000.0, 5000.0, 800.0, 50.0, 3000.0, 900.0])
    true = 0.05 * 0.95 / (40 + 1)  # variance of beta(2, 38)
    found = []
    for _ in range(1000):
        good = rng.binomial(requests.astype(int), rng.beta(2.0, 38.0, len(requests))).astype(float)
        found.append(between(good, requests - good))
    assert np.mean(found) == pytest.approx(true, rel=0.1)
    good = rng.binomial(requests.astype(int), 0.05, (300, len(requests))).astype(float)
    assert np.mean([between(one, requests - one) for one in good]) < 0.02 * true


def test_the_posteriors_are_near_those_of_who_knows_how_rates_are_spread() -> None:
    """Twelve segments of 400 requests with rates drawn from beta(6, 94). Who knows that has the posterior
    beta(6 + successes, 94 + failures); from the counts alone two thirds of what plain rates are off is left. And by
    scipy's quantiles the rates lie in 95 % intervals in 95 % of all cases, so that nothing is counted twice."""
    rng, off, inside = np.random.default_rng(3), [], []
    for _ in range(200):
        rates = rng.beta(6.0, 94.0, 12)
        good = rng.binomial(400, rates)
        found = one_version([(float(successes), 400.0) for successes in good])
        a, b = np.array([(one.a, one.b) for one in found]).T
        exact = (6.0 + good) / 500.0
        off.append((np.abs(a / (a + b) - exact).mean(), np.abs(good / 400.0 - exact).mean()))
        inside.append((beta.ppf(0.025, a, b) < rates) & (rates < beta.ppf(0.975, a, b)))
    shrunk, plain = np.mean(off, axis=0)
    assert shrunk < 0.7 * plain
    assert 0.93 < np.mean(inside) < 0.96


COUNTS = st.one_of(st.floats(0.0, 20.0), st.floats(0.0, 1e7))
PAIRS = st.tuples(COUNTS, COUNTS).map(lambda pair: (min(pair), max(pair)))


@settings(max_examples=60, deadline=None)
@given(st.lists(PAIRS, min_size=1, max_size=8), st.booleans(), st.floats(1.0, 20.0))
def test_any_counts(pairs: list[tuple[float, float]], more: bool, phi: float) -> None:
    own = [Allocation({"v": Belief(*pair)}).posteriors(more_is_better=more, overdispersion=phi)["v"] for pair in pairs]
    found = one_version(pairs, more_is_better=more, overdispersion=phi)
    everything = sum(one.a + one.b - 2.0 for one in own)
    for one, plain in zip(found, own, strict=True):
        assert one.a >= plain.a * (1 - 1e-9)
        assert one.b >= plain.b * (1 - 1e-9)
        assert one.a + one.b - 2.0 <= everything * (1 + 1e-6) + 1e-6, "nobody knows more than all"
    rates = [one.mean for one in own]
    assert min(rates) - 0.5 <= min(one.mean for one in found)
    order = list(range(len(pairs)))[::-1]
    turned = one_version([pairs[place] for place in order], more_is_better=more, overdispersion=phi)
    assert [one.a for one in turned[::-1]] == pytest.approx([one.a for one in found], rel=1e-6)


def test_versions_are_apart_and_some_may_be_missing() -> None:
    beliefs = {
        "de": {"1": Belief(10, 100), "2": Belief(30, 100)},
        "fr": {"2": Belief(28, 100)},
        "it": {},
    }
    found: Posteriors = shrunken(beliefs, more_is_better=True, overdispersion=1.0)
    assert {segment: list(known) for segment, known in found.items()} == {"de": ["1", "2"], "fr": ["2"], "it": []}
    assert found["de"]["1"] == Posterior(11.0, 91.0)
    assert 31.0 < found["de"]["2"].a < 59.0
    assert shrunken({}, more_is_better=True, overdispersion=1.0) == {}


def test_more_successes_than_matured_trials_are_no_failures() -> None:
    assert one_version([(3.0, 1.5), (0.0, 0.0)])[0] == Posterior(4.0, 1.0)


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=10))
def test_all_but_each(values: list[float]) -> None:
    found = without_each(np.array(values))
    for place, one in enumerate(found.tolist()):
        assert one == pytest.approx(sum(values[:place] + values[place + 1 :]))


def test_more_of_its_own_answers_outweigh_the_others() -> None:
    shares = []
    for requests in (0, 100, 1000, 10_000):
        found = one_version([(500, 10_000), (510, 10_000), (490, 10_000), (0.1 * requests, requests)])[-1]
        shares.append(found.mean)
    assert all(one < other for one, other in pairwise(shares))
    assert shares[-1] == pytest.approx(0.1, abs=0.001)
