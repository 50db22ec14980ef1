"""For how many of the requests a version is proven good enough: what it does to all of them stays below the floor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from modelrollout.core.evidence import Count, EvidenceSettings, MetricEvidence, Tick, stake_on_floor
from modelrollout.core.evidence.non_inferiority import EVEN, LITTLE, MUCH, proven_share

SETTINGS = EvidenceSettings()

SHARES = {
    "nobody asked": (Count(0, 0), SETTINGS, 0),
    "too few": (Count(0, 15), SETTINGS, 0),
    "a hundred without any error": (Count(0, 100), SETTINGS, 4),
    "the same in bursts": (Count(0, 100), replace(SETTINGS, overdispersion=2.0), 2),
    "a thousand": (Count(0, 1000), SETTINGS, 48),
    "a thousand with one error": (Count(1, 1000), SETTINGS, 22),
    "many, at 2 %": (Count(2000, 100_000), SETTINGS, 3),
    "many, at 20 %": (Count(20_000, 100_000), SETTINGS, 0),
    "without a floor": (Count(0, 100_000), replace(SETTINGS, floor=0.0), 0),
}


@pytest.mark.parametrize(("candidate", "settings", "share"), SHARES.values(), ids=SHARES.keys())
def test_share(candidate: Count, settings: EvidenceSettings, share: int) -> None:
    assert proven_share(candidate, settings) == share


def test_the_whole_proof_is_for_all_requests() -> None:
    evidence = MetricEvidence.start("errors", 0.0, SETTINGS)
    assert evidence.proven_share == 0
    shares = []
    for number in range(1, 40):
        evidence = evidence.after(Tick(5.0 * number, Count(0, 500), Count(0, 500)))
        shares.append(evidence.proven_share)
    assert shares == sorted(shares)
    assert {99, 100} <= set(shares)
    assert evidence.proof >= SETTINGS.proof_needed


@given(st.integers(0, 5000), st.integers(0, 200), st.integers(1, 500))
def test_good_answers_never_lower_it_and_bad_ones_never_raise_it(trials: int, bad: int, more: int) -> None:
    count = Count(min(bad, trials), trials)
    share = proven_share(count, SETTINGS)
    assert proven_share(count + Count(0, more), SETTINGS) >= share
    assert proven_share(count + Count(more, more), SETTINGS) <= share


@pytest.mark.parametrize("share", [2, 10, 50])
def test_who_does_too_much_harm_at_a_share_is_hardly_ever_proven_good_enough_for_it(share: int) -> None:
    """Exactly: the chance to be proven so at any of sixty looks, at the very edge. Whoever has not been by then is
    hardly ever proven later."""
    edge, looks, each, most = SETTINGS.floor * 100 / share, 60, share * 20, 100
    law = binom(each, edge).pmf(np.arange(most))
    alive, proven = np.eye(1, most)[0], 0.0
    for look in range(1, looks + 1):
        alive = np.convolve(alive, law)[:most]
        for bad in range(most):
            if proven_share(Count(min(bad, look * each), look * each), SETTINGS) < share:
                break
            proven += alive[bad]
            alive[bad] = 0.0
    assert 0.05 < proven <= SETTINGS.part_beta


PASTS = {
    "far below the floor": (Count(5, 50_000), MUCH),
    "far above it": (Count(250, 50_000), LITTLE),
    "near it": (Count(50, 50_000), EVEN),
    "hardly anything known": (Count(0, 500), EVEN),
    "nothing known": (Count(0, 0), EVEN),
}


@pytest.mark.parametrize(("past", "stake"), PASTS.values(), ids=PASTS.keys())
def test_stake(past: Count, stake: float) -> None:
    assert stake_on_floor(past, 0.001, 1.0) == stake
