"""Who wins by the rules of other tools, and what the suite abn makes of it."""

from __future__ import annotations

from math import exp, inf, log, sqrt

import numpy as np
import pytest

from bench.stats import arms, winners
from bench.stats.bandit_tables import HEADS, rows_of
from bench.stats.product import NAME
from bench.stats.suite import Task

NAMED = {
    "one is far ahead": ([1000, 1000, 1000], [50, 100, 50], 1),
    "nothing is known": ([0, 0, 0], [0, 0, 0], None),
    "two are ahead, and alike": ([1000, 1000, 1000], [100, 100, 50], None),
    "one is hardly ahead": ([1000, 1000, 1000], [50, 52, 50], None),
    "ahead of one, not of the other": ([1000, 1000, 1000], [50, 100, 95], None),
}


@pytest.mark.parametrize(("requests", "rewards", "winner"), NAMED.values(), ids=NAMED.keys())
@pytest.mark.parametrize("rule", winners.RULES)
def test_a_winner_is_named(rule: str, requests: list[int], rewards: list[int], winner: int | None) -> None:
    assert winners.RULES[rule](requests, rewards) == winner


def test_iter8_asks_for_its_probability() -> None:
    counts = [1000, 1000], [50, 68]  # the second is better with 95.6 %
    assert winners.iter8(*counts, least=0.95) == 1
    assert winners.iter8(*counts) is None


@pytest.mark.parametrize("requests", [100, 5000, 200_000])
def test_the_sequence_ends_where_a_normal_mixture_has_evidence_enough(requests: int) -> None:
    """On its edge the likelihood ratio of the mixture N(0, rho^2) is 1 / alpha: the other way to write it."""
    alpha, rate, total = 0.05, 0.06, 2 * requests
    deviation = sqrt(total * 2 * rate * (1 - rate) / requests)
    moved = total * winners.half_width(rate, requests, rate, requests, alpha) / deviation
    rho = sqrt((-2 * log(alpha) + log(-2 * log(alpha) + 1)) / 5000)
    evidence = exp(rho**2 * moved**2 / (2 * (1 + total * rho**2))) / sqrt(1 + total * rho**2)
    assert evidence == pytest.approx(1 / alpha)


def test_the_first_that_is_named_stays_the_winner() -> None:
    answers = np.full((3, 2), 1000)
    rewards = np.array([[50, 50], [50, 150], [400, 50]])
    assert arms.named(answers, rewards, winners.iter8) == (1, 2 * arms.LOOK)
    assert arms.named(answers[:1], rewards[:1], winners.iter8) == (-1, inf)


def test_every_rule_is_measured_by_the_same_counts() -> None:
    """No difference is a rule of the product alone."""
    names = (list(arms.CELLS)[-1], next(iter(arms.ALIKE)))
    tasks = [Task(name, arms.work, (name, 0, 2, 1)) for name in names]
    measured = arms.measure([(task, task.run()) for task in tasks])
    assert [set(measured[name]) for name in names] == [{NAME, *winners.RULES}, {NAME}]
    rows = rows_of(measured, HEADS["abn"])
    assert [len(row) for row in rows] == [5] * (1 + 1 + len(measured[names[0]]))
    assert rows[-1][1:4] == (NAME, "2", "0 %")
