"""Who is better by delays of any shape: a mixture of all that there are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.stats import gamma

from modelrollout.core.evidence.any_delay import is_alike, is_better
from modelrollout.core.evidence.any_shape import YOUNG, Mixture, Point
from modelrollout.core.evidence.delays import Delays, due
from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.nonnegative import least_squares
from modelrollout.core.evidence.one_shape import FURTHEST, explained
from modelrollout.core.evidence.seen import Seen
from modelrollout.core.evidence.timeline import Past, Timeline

CONTROL, ARM = "1.0.0", "1.0.1"
RATE, LOOK, LATE = 100.0, 60.0, 600.0
NEEDED = 4.7  # the log of 40, and what suits best
ANY, DENIED = (-FURTHEST, FURTHEST), ((-FURTHEST, 0.0),)

Came = Callable[[Floats], Floats]
"""The part of the rewards that has come so many seconds after the request."""


def hump(order: float, mean: float = LATE) -> Came:
    return lambda after: np.asarray(gamma.cdf(after, order, scale=mean / order), dtype=np.float64)


def both(of: float, one: Came, other: Came) -> Came:
    """A part of one kind, and the rest of another."""

    def came(after: Floats) -> Floats:
        return np.asarray(of * one(after) + (1.0 - of) * other(after), dtype=np.float64)

    return came


def all_at(late: float) -> Came:
    return lambda after: np.where(after >= late, 1.0, 0.0)


SHAPES: dict[str, Came] = {
    "exponential": hump(1),
    "constant": all_at(LATE),
    "a hump": hump(4),
    "a narrow hump": hump(25),
    "four of five at once": both(0.8, all_at(0.0), all_at(LATE)),
    "half soon, half late": both(0.5, hump(1, LATE / 10), hump(1, 1.9 * LATE)),
}
OF_TWO_KINDS = ("four of five at once", "half soon, half late")


def expected(shape: str, earns: float, seconds: float) -> Timeline:
    """A test in which everything is as expected: the control was asked by all before, and each has a half now.
    ``earns`` is what the arm earns for one reward of the control."""
    line = Timeline().with_past({CONTROL: ((-1e6, 0.0, RATE),), ARM: ()})
    asked = RATE / 2.0 * LOOK
    for start in np.arange(0.0, seconds, LOOK):
        came = float(SHAPES[shape](start + np.arange(LOOK) + 0.5).mean())
        new = {CONTROL: (asked, asked * (2.0 - came) / 2.0), ARM: (asked, asked * earns * came / 2.0)}
        line = line.after(start + LOOK, LOOK, new)
    return line


def seen_of(line: Timeline, one: str, other: str) -> Seen:
    seen = Seen.of(line, one, other)
    assert seen is not None
    return seen


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seconds", [300, 900, 2400, 5400])
def test_what_the_control_was_asked_before_makes_it_no_better_by_any_shape(shape: str, seconds: float) -> None:
    for one, other in ((CONTROL, ARM), (ARM, CONTROL)):
        found = is_better(expected(shape, 1.0, seconds), one, other)
        assert found is not None
        assert found.surplus < 1.0, one


@pytest.mark.parametrize("shape", OF_TWO_KINDS)
def test_by_shapes_that_have_a_name_alone_it_would_be_where_delays_are_of_two_kinds(shape: str) -> None:
    found = explained(seen_of(expected(shape, 1.0, 1500), CONTROL, ARM), DENIED)
    assert found.surplus > NEEDED


@pytest.mark.parametrize("shape", SHAPES)
def test_the_better_arm_is_found_in_the_first_hour_and_the_better_control_after_it(shape: str) -> None:
    arm = is_better(expected(shape, 1.2, 3000), ARM, CONTROL)
    control = is_better(expected(shape, 0.8, 7200), CONTROL, ARM)
    assert arm is not None
    assert control is not None
    assert min(arm.surplus, control.surplus) > NEEDED


def test_in_the_first_hour_what_has_not_come_at_all_may_still_come() -> None:
    """At once, and the control is better by far; or a part of the rewards is later than the test is old."""
    for seconds, wins in ((YOUNG - 2 * LOOK, False), (YOUNG + 2 * LOOK, True)):
        line = Timeline().with_past({CONTROL: ((-1e6, 0.0, RATE),), ARM: ()})
        for end in np.arange(LOOK, seconds + 1.0, LOOK):
            line = line.after(float(end), LOOK, {CONTROL: (3000, 1500), ARM: (3000, 1000)})
        found = is_better(line, CONTROL, ARM)
        assert found is not None
        assert (found.surplus > NEEDED) is wins


def test_no_difference_is_proven_of_delays_of_two_kinds() -> None:
    early, late = (is_alike(expected("four of five at once", 1.0, end), CONTROL, ARM, 0.2) for end in (600, 7200))
    assert early is not None
    assert late is not None
    assert early.surplus < 3.0 < late.surplus


EVER, LATELY = (-1e6, 0.0, RATE), (-7.0, 0.0, RATE / 2.0)


@pytest.mark.parametrize(
    ("shares", "control", "arm", "alike"),
    [
        ((0.5, 0.5), (), (), True),
        ((0.9, 0.9), (), (), True),
        ((0.5, 0.5), (LATELY,), (LATELY,), True),
        ((0.5, 0.6), (), (), False),
        ((0.5, 0.5), (EVER,), (), False),
        ((0.9, 0.9), (LATELY,), (LATELY,), False),
        ((1.0, 1.0), (), (), False),
    ],
    ids=[
        "the same",
        "more",
        "asked before the first tick",
        "shares change",
        "a past",
        "other shares before",
        "one none",
    ],
)
def test_delays_tell_versions_apart_where_they_were_not_asked_alike(
    shares: tuple[float, float], control: tuple[Past, ...], arm: tuple[Past, ...], alike: bool
) -> None:
    """By the reward gateway, at shares that stay, nothing is asked for what is not known of the delays."""
    rng, line = np.random.default_rng(1), Timeline().with_past({CONTROL: control, ARM: arm})
    for look in range(40):
        share = shares[look >= 20]
        asked = {CONTROL: float(rng.poisson(3000 * share)), ARM: float(rng.poisson(3000 * (1.0 - share)))}
        line = line.after(LOOK * (look + 1), LOOK, {who: (each, 0.1 * each) for who, each in asked.items()})
    assert seen_of(line, ARM, CONTROL).alike is alike


@pytest.mark.parametrize("delay", [0.0, 90.0, 130.0, 599.0])
def test_in_spans_that_are_alike_a_delay_is_a_mixture_of_whole_spans(delay: float) -> None:
    """Exactly, whatever was asked when: that is why no shape is left out."""
    line = Timeline().with_past({ARM: ((-1e6, 0.0, 70.0),)})
    for look, asked in enumerate((300, 60, 600, 0, 900, 30, 60, 90, 1200, 10, 400, 20)):
        line = line.after(LOOK * (look + 1), LOOK, {ARM: (asked, 0)})
    low = LOOK * np.floor(delay / LOOK)
    means = np.array([low, low + LOOK, delay])
    (found,) = due(line, (ARM,), Delays(means, np.full(3, np.inf)))
    part = (delay - low) / LOOK
    assert (1.0 - part) * found[0] + part * found[1] == pytest.approx(found[2], abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_likelihood_is_that_of_a_slow_search(shape: str) -> None:
    """By multiplying each part, which makes it larger with every step (K. Lange et al., 2000): never by much."""
    rng = np.random.default_rng(1)
    line = expected(shape, 1.1, 1800)
    noisy = Timeline().with_past(line.past)
    for span in line.spans:
        new = {who: (span.asked[who], float(rng.poisson(span.earned[who]))) for who in span.asked}
        noisy = noisy.after(noisy.ended + span.seconds, span.seconds, new)
    mixture = Mixture.of(seen_of(noisy, ARM, CONTROL))
    quick = mixture.best(ANY)
    weights, ratio = np.full(len(mixture.delays.means), 1.0 / len(mixture.delays.means)), 1.0
    mine, theirs = mixture.seen.mine, mixture.seen.theirs
    for _ in range(2000):
        first, second = weights @ mixture.first, weights @ mixture.second
        every = (mine + theirs) / (ratio * first + second)
        weights *= (mixture.first @ (mine / first) + mixture.second @ (theirs / second)) / (
            mixture.first @ (ratio * every) + mixture.second @ every
        )
        weights /= weights.sum()
        first, second = weights @ mixture.first, weights @ mixture.second
        ratio = float(mine.sum() / (first @ ((mine + theirs) / (ratio * first + second))))
    slow = mixture.likelihood(Point(weights, float(np.log(ratio))))
    assert quick.likelihood >= slow - 0.3
    denied = max(mixture.best(DENIED[0], begin).likelihood for begin in (None, quick.point))
    assert denied <= quick.likelihood + 0.02


def test_more_rewards_than_requests_are_not_explained_by_what_is_still_to_come() -> None:
    """Nearly all are rewarded, and each version has more and more requests: a delay would leave too few of them."""
    line = Timeline()
    for look in range(30):
        asked = {CONTROL: 1000.0 + 100.0 * look, ARM: 500.0 + 150.0 * look}
        line = line.after(LOOK * (look + 1), LOOK, {who: (each, 0.95 * each) for who, each in asked.items()})
    mixture = Mixture.of(seen_of(line, ARM, CONTROL))
    found = mixture.best(ANY)
    came = (mixture.seen.mine.sum(), mixture.seen.theirs.sum())
    assert all(found.point.weights @ asked > 0.99 * each for asked, each in zip(mixture.asked, came, strict=True))
    late = np.where(mixture.delays.means == mixture.delays.means.max(), 1.0, 0.0)
    assert mixture.likelihood(Point(late / late.sum(), 0.0)) < found.likelihood - 1000.0


@pytest.mark.parametrize("spans", [(60.0,) * 30, (40.0, 80.0) * 15, (60.0,) * 12 + (600.0,) + (60.0,) * 12], ids=str)
def test_spans_that_differ_make_nobody_better(spans: tuple[float, ...]) -> None:
    """Samples that come unevenly, and a long one after Prometheus was away."""
    line, at = Timeline().with_past({CONTROL: ((-1e6, 0.0, RATE),), ARM: ()}), 0.0
    for seconds in spans:
        came = float(SHAPES["four of five at once"](at + np.arange(seconds) + 0.5).mean())
        asked = RATE / 2.0 * seconds
        at += seconds
        line = line.after(at, seconds, {CONTROL: (asked, asked * (2 - came) / 2), ARM: (asked, asked * came / 2)})
    found = is_better(line, CONTROL, ARM)
    assert found is not None
    assert found.surplus < 1.0


@pytest.mark.parametrize("earned", [0.0, 5.0])
@pytest.mark.parametrize("asked", [0.0, 100.0])
@pytest.mark.parametrize("before", [(), ((-1e6, 0.0, RATE),)], ids=["no past", "a past"])
def test_of_nobody_asked_or_nothing_earned_nothing_is_said(
    asked: float, earned: float, before: tuple[tuple[float, float, float], ...]
) -> None:
    line = Timeline().with_past({CONTROL: before})
    for look in range(5):
        line = line.after(LOOK * (look + 1), LOOK, {CONTROL: (asked, earned), ARM: (2.0 * asked * look, 0.0)})
    found = is_better(line, ARM, CONTROL)
    assert found is not None
    assert found.surplus == pytest.approx(0.0, abs=0.1)


def test_least_squares_are_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    for rows, columns in ((5, 3), (30, 30), (33, 80)):
        matrix, wanted = rng.normal(size=(rows, columns)), rng.normal(size=rows)
        _, distance = nnls(matrix, wanted)
        for begin in (np.zeros(columns), np.full(columns, 1.0), np.eye(columns)[0]):
            found = least_squares(matrix, wanted, begin)
            assert (found >= 0.0).all()
            assert float(np.linalg.norm(matrix @ found - wanted)) == pytest.approx(distance, abs=1e-6)
