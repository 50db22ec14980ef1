"""The rules of other tools and the usual tests, as they are applied to the same counts.

Each is a re-implementation of a rule, not the tool: "like". Where the tools differ in ways that would only slow them
(Flagger acts one interval after the failed check and counts missing data as a failure), the rule is taken in their
favour. All give the tick of the rollback for each run, NEVER if there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.stats.cells import TICK
from bench.stats.traffic import Counts, Floats, Ints, generator

NEVER = -1
Fired = NDArray[np.bool_]
Z99 = 2.3263478740408408  # standard normal quantile at 0.99: one-sided 1 %, two-sided 98 %
ENOUGH_ERRORS = 5  # what normal approximations are used from


@dataclass(frozen=True, slots=True)
class Looks:
    """Counts of each stretch between two looks, shape (runs, looks), and the tick that ends it."""

    candidate: Ints
    candidate_bad: Ints
    stable: Ints
    stable_bad: Ints
    ends: Ints

    @property
    def rates(self) -> tuple[Floats, Floats]:
        """Shares of bad answers of candidate and stable; 0 without answers."""
        return (
            self.candidate_bad / np.maximum(self.candidate, 1),
            self.stable_bad / np.maximum(self.stable, 1),
        )

    @property
    def so_far(self) -> Looks:
        """The same, each look at everything since the start."""
        return Looks(
            self.candidate.cumsum(axis=1),
            self.candidate_bad.cumsum(axis=1),
            self.stable.cumsum(axis=1),
            self.stable_bad.cumsum(axis=1),
            self.ends,
        )


def looks(counts: Counts, seconds: float) -> Looks:
    """The counts between looks every so many seconds."""
    every = round(seconds / TICK)
    number = counts.candidate.shape[1] // every

    def stretch(part: Ints) -> Ints:
        return np.asarray(part[:, : number * every].reshape(len(part), number, every).sum(axis=2))

    return Looks(
        stretch(counts.candidate),
        stretch(counts.candidate_bad),
        stretch(counts.stable),
        stretch(counts.stable_bad),
        every * np.arange(1, number + 1) - 1,
    )


def first(fired: Fired, ends: Ints) -> Ints:
    """The tick of the first look that fired."""
    return np.where(fired.any(axis=1), ends[fired.argmax(axis=1)], NEVER)


def fixed(counts: Counts, *, seconds: float, failures: int, success: float = 0.99) -> Ints:
    """Rolled back at so many checks, not only in a row, of the candidate's success rate in the last interval.

    Flagger: pkg/controller/scheduler.go (failed checks are counted up to the threshold and never reset by a success).
    Argo Rollouts: analysis/analysis.go (failed measurements above ``failureLimit``).
    """
    seen = looks(counts, seconds)
    failed = (seen.candidate > 0) & (1.0 - seen.rates[0] < success)
    return first(failed.cumsum(axis=1) >= failures, seen.ends)


def relative(counts: Counts, *, seconds: float, failures: int) -> Ints:
    """The comparison that users of Argo Rollouts write by hand: canary > max(1.2 * baseline, 0.0001) (issue 1107)."""
    seen = looks(counts, seconds)
    canary, baseline = seen.rates
    failed = (seen.candidate > 0) & (canary > np.maximum(1.2 * baseline, 1e-4))
    return first(failed.cumsum(axis=1) >= failures, seen.ends)


def kayenta(counts: Counts, *, seconds: float, points: float = 60.0) -> Ints:
    """Mann-Whitney shift interval at 98 % on one point a minute of all the release so far, judged every ``seconds``.

    High when the lower end exceeds a quarter of the Hodges-Lehmann estimate (kayenta-judge, MannWhitneyClassifier);
    the interval from order statistics of the pairwise differences.
    """
    seen = looks(counts, points)
    canary, baseline = seen.rates
    fired = np.zeros(canary.shape, dtype=np.bool_)
    every = round(seconds / points)
    for end in range(every, canary.shape[1] + 1, every):
        fired[:, end - 1] = shifted(canary[:, :end], baseline[:, :end])
    return first(fired, seen.ends)


def shifted(canary: Floats, baseline: Floats) -> Fired:
    """Whether the canary's points lie above the baseline's, shape (runs,)."""
    runs, n = canary.shape
    differences = np.sort((canary[:, :, None] - baseline[:, None, :]).reshape(runs, n * n), axis=1)
    below = int(n * n / 2 - Z99 * np.sqrt(n * n * (2 * n + 1) / 12))
    if below < 1:
        return np.zeros(runs, dtype=np.bool_)
    low, estimate = differences[:, below - 1], np.median(differences, axis=1)
    return np.asarray((low > 0) & (low > 0.25 * np.abs(estimate)))


def iter8(counts: Counts, *, seconds: float, seed: int, draws: int = 2000) -> Ints:
    """Rolled back when the posterior chance that the candidate is worse exceeds 0.99 (Iter8 analytics 1.2).

    Posteriors Beta(0.1 + bad, 0.1 + good) of everything so far, compared by draws, as Iter8 does.
    """
    seen, rng = looks(counts, seconds).so_far, generator(seed, "iter8")
    fired = np.zeros(seen.candidate.shape, dtype=np.bool_)
    alive = np.arange(len(fired))
    for look in range(len(seen.ends)):
        worse = posterior(seen.candidate, seen.candidate_bad, alive, look, draws, rng)
        better = posterior(seen.stable, seen.stable_bad, alive, look, draws, rng)
        fired[alive, look] = (worse > better).mean(axis=1) > 0.99
        alive = alive[~fired[alive, look]]
    return first(fired, seen.ends)


def posterior(answers: Ints, bad: Ints, runs: Ints, look: int, draws: int, rng: np.random.Generator) -> Floats:
    """Draws of the rate of these runs at one look, shape (runs, draws)."""
    a, b = 0.1 + bad[runs, look], 0.1 + answers[runs, look] - bad[runs, look]
    return rng.beta(a[:, None], b[:, None], (len(runs), draws))


def z_test(counts: Counts) -> Ints:
    """The two-sample z-test at p < 0.01, one-sided, repeated at each tick on everything so far."""
    difference, variance, enough = normal(counts)
    return first(enough & (difference > Z99 * np.sqrt(variance)), np.arange(len(difference[0])))


def msprt(counts: Counts, *, alpha: float = 0.01, spread: float = 0.01) -> Ints:
    """Mixture sequential probability ratio test on the difference of rates, prior N(0, spread^2).

    R. Johari, L. Pekelis, D. Walsh, "Always valid inference" (2015), with the normal approximation of the counts.
    """
    difference, variance, enough = normal(counts)
    total = variance + spread**2
    evidence = 0.5 * np.log(variance / total) + difference**2 * spread**2 / (2.0 * variance * total)
    return first(enough & (difference > 0) & (evidence >= np.log(1.0 / alpha)), np.arange(len(difference[0])))


def normal(counts: Counts) -> tuple[Floats, Floats, Fired]:
    """Difference of the rates so far, its variance, and whether there are enough errors, shape (runs, ticks)."""
    seen = looks(counts, TICK).so_far
    canary, baseline = seen.rates
    errors = seen.candidate_bad + seen.stable_bad
    everyone = np.maximum(seen.candidate + seen.stable, 1)
    pooled = np.clip(errors / everyone, 1e-9, 1.0 - 1e-9)
    variance = pooled * (1.0 - pooled) * (1.0 / np.maximum(seen.candidate, 1) + 1.0 / np.maximum(seen.stable, 1))
    return canary - baseline, variance, (errors >= ENOUGH_ERRORS) & (seen.candidate > 0)


Rule = Callable[[Counts], Ints]


def rules(seed: int) -> Mapping[str, Rule]:
    """All of them, by the name in tables."""
    return {
        "Flagger-like, 60 s, threshold 1": partial(fixed, seconds=60, failures=1),
        "Flagger-like, 60 s, threshold 5": partial(fixed, seconds=60, failures=5),
        "Argo-like, 30 s, failureLimit 0": partial(fixed, seconds=30, failures=1),
        "Argo-like, 30 s, failureLimit 3": partial(fixed, seconds=30, failures=4),
        "Argo-like, 1.2 x baseline, 30 s, failureLimit 3": partial(relative, seconds=30, failures=4),
        "Kayenta-like, every 10 min": partial(kayenta, seconds=600),
        "Kayenta-like, every 1 min": partial(kayenta, seconds=60),
        "Iter8-like, every 30 s": partial(iter8, seconds=30, seed=seed),
        "z-test at each scrape": z_test,
        "mSPRT": msprt,
    }
