"""The chance of ever naming a wrong winner is given out once: no edit gives back what was spent of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import fsum

import numpy as np
import pytest

from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.proofs import BETA, Proofs
from modelrollout.core.evidence.stakes import Evidence, Stakes

A, B, C, D = "1.0.0", "1.0.1", "1.0.2", "1.0.3"
RULES = Rules(overdispersion=1.0)


def known(values: Mapping[tuple[str, str], float]) -> Evidence:
    """That the first is better than the second; 1 of whom nothing is known."""
    return lambda one, other: values.get((one, other), 1.0)


def wealth(stakes: Stakes, evidence: Evidence) -> float:
    """What is left in all."""
    return stakes.free + fsum(stakes.left(evidence).values())


@pytest.mark.parametrize("seed", range(20))
def test_no_edit_raises_what_is_left(seed: int) -> None:
    """Versions come and go, and come back, and questions are put anew, at any evidence."""
    rng = np.random.default_rng(seed)
    names, stakes = [A, B, C, D, "2.0.0", "2.0.1"], Stakes.of((A, B), 2)
    for _ in range(30):
        there = list(stakes.parts)
        evidence = known({(one, other): float(10 ** rng.normal(-0.5, 1)) for one in there for other in there})
        before = wealth(stakes, evidence)
        if rng.random() < 0.2:
            stakes, evidence = stakes.anew(evidence, decided=True), known({})
        chosen = [name for name in names if rng.random() < 0.5] or [A]
        after = stakes.among(chosen, evidence, decided=True)
        assert wealth(after, compared(stakes, after, evidence)) <= before + 1e-6 <= 1 + 2e-6
        stakes = after


def compared(before: Stakes, after: Stakes, evidence: Evidence) -> Evidence:
    """What the comparisons stand at when some have come: those of who was there go on."""
    there = before.parts.keys()
    return known(
        {
            (one, other): evidence(one, other) if other in there else before.start(one, evidence)
            for one in after.parts.keys() & there
            for other in after.parts
        }
    )


def test_who_is_there_first_shares_alike() -> None:
    assert Stakes().among((A, B, C), known({}), decided=False).parts == dict.fromkeys((A, B, C), pytest.approx(1 / 3))


def test_who_comes_before_anything_was_spent_shares_alike() -> None:
    after = Stakes().among((A,), known({}), decided=False).among((A, B, C), known({}), decided=False)
    assert after.parts == dict.fromkeys((A, B, C), pytest.approx(1 / 3))
    assert after.begun == 0


def test_what_a_version_that_left_had_is_given_to_the_next_and_no_more() -> None:
    spent = known({(A, B): 0.5, (B, A): 0.1})
    after = Stakes.of((A, B), 2).among((A,), spent, decided=True)
    assert after.free == pytest.approx(0.05)
    assert after.least == {A: 0.5}
    again = after.among((A, C), known({}), decided=True)
    assert again.parts[C] == pytest.approx((0.05 + 0.25) / 2), "as much as the other one has left"
    assert again.start(A, known({})) == 0.5, "whom it is not better than may have changed"


def played(contest: Contest, rates: Mapping[str, float], ticks: int, seed: int = 1) -> Contest:
    """So many ticks of a thousand requests to each version."""
    rng = np.random.default_rng(seed)
    for tick in range(ticks):
        new = {version: (1000, int(rng.binomial(1000, rates[version]))) for version in contest.versions}
        contest = contest.after(5.0 * tick, new, RULES)
    return contest


def replaced(contest: Contest) -> Contest:
    """B is replaced by C."""
    return contest.among((A, C), 1.0)


def taken_out_and_in(contest: Contest) -> Contest:
    """B leaves, and comes again."""
    return contest.among((A,), 1.0).among((A, B), 1.0)


def anew(contest: Contest) -> Contest:
    """Another query."""
    return contest.anew(1.0).among((A, B), 1.0)


EDITS: dict[str, Callable[[Contest], Contest]] = {
    "an arm is replaced": replaced,
    "an arm is taken out and put in again": taken_out_and_in,
    "the query is edited": anew,
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_gives_nothing_back(edit: Callable[[Contest], Contest]) -> None:
    """Two that are alike were compared for long, which has cost; who wins after that needs as much more."""
    before = played(Contest().among((A, B)), {A: 0.05, B: 0.05}, 100)
    spent = before.evidence(A, B, RULES)
    assert spent < 0.5
    after = edit(before)
    bar = Proofs(after, RULES).needed(A) / after.evidence(A, after.versions[1], RULES)
    assert bar >= 0.99 * Proofs(before, RULES).needed(A) / spent
    assert Proofs(after, RULES).alike_needed == 2 / BETA


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_before_anything_could_be_proven_costs_nothing(edit: Callable[[Contest], Contest]) -> None:
    before = played(Contest().among((A, B)), {A: 0.05, B: 0.05}, 3)
    assert not before.is_known
    after = edit(before)
    assert Proofs(after, RULES).needed(A) == pytest.approx(2 / RULES.false_winner)
    assert Proofs(after, RULES).alike_needed == 1 / BETA


def test_less_that_is_no_difference_is_another_question() -> None:
    before = played(Contest().among((A, B)), {A: 0.05, B: 0.05}, 100)
    after = before.asked_closer()
    assert Proofs(after, RULES).alike == 1
    assert Proofs(after, RULES).alike_needed == 2 / BETA
    assert after.evidence(A, B, RULES) == before.evidence(A, B, RULES), "who is better is no other one"


def test_the_better_one_still_wins_after_edits() -> None:
    rates = {A: 0.05, B: 0.06, C: 0.06}
    contest = played(Contest().among((A, C)), rates, 60)
    contest = played(anew(contest.among((A, B), 1.0)), rates, 400, seed=2)
    assert Proofs(contest, RULES).winner == B


def test_it_is_stored_and_read() -> None:
    contest = replaced(played(Contest().among((A, B)), {A: 0.05, B: 0.05}, 100))
    assert Contest.from_status(contest.to_status()) == contest


def test_a_status_of_an_operator_that_kept_no_ledger_is_read() -> None:
    contest = played(Contest().among((A, B)), {A: 0.05, B: 0.05}, 10)
    status = contest.to_status()
    del status["stakes"]
    for pair in status["pairs"]:
        del pair[2]["start"]
    assert Contest.from_status(status) == contest
