"""The suite delay: rewards that come some minutes after the answer, and what not knowing of it costs.

The rules of other tools do not know of it either: each request without a reward is a failure to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot

from bench.stats.bandits import Played, Runs, Scenario, regrets, suite
from bench.stats.mab import dropped
from bench.stats.measures import Measure, mean
from bench.stats.policies import PEERS, Policy, thompson
from bench.stats.product import NAME
from bench.stats.suite import Results

AT_ONCE = "rewards at once"
NAIVE = "every request counts at once"
KEPT = "ModelRollout, nobody dropped"


def late(seconds: float, quick: int = 0) -> Scenario:
    """Rewards after so many seconds on average. Nobody is proven to be worse then while shares move."""
    policies = {KEPT: Policy(thompson, mean_delay=seconds), NAIVE: Policy(thompson, drops=True)}
    return Scenario(200_000, policies | PEERS, delay=seconds, runs=200, quick=quick)


SCENARIOS = {
    AT_ONCE: Scenario(200_000, {NAME: Policy(thompson, drops=True), KEPT: Policy(thompson), **PEERS}, runs=200),
    "after 30 s": late(30.0),
    "after 120 s": late(120.0),
    "after 300 s": late(300.0, quick=20),
    "after 900 s": late(900.0),
}


def measure(found: Mapping[str, Runs]) -> Results:
    """Regret, how many times that of the product it is where rewards come at once and nobody is dropped, and of those
    that drop arms how often they dropped the best one."""
    base = regrets(found[AT_ONCE][KEPT])
    return {
        name: {
            policy: losses(played, base) | (dropped(played) if SCENARIOS[name].policies[policy].drops else {})
            for policy, played in runs.items()
        }
        for name, runs in found.items()
    }


def losses(played: Sequence[Played], base: Sequence[float]) -> dict[str, Measure]:
    """The regret of one policy."""
    return {"regret": mean(regrets(played)), "timesAtOnce": quotient(regrets(played), base)}


def quotient(values: Sequence[float], others: Sequence[float]) -> Measure:
    """Of two means that were measured apart, and 1.96 standard errors to each side, to first order."""
    one, other = mean(values), mean(others)
    value = one["value"] / other["value"]
    margin = value * hypot(*((part["high"] - part["value"]) / part["value"] for part in (one, other)))
    return {"value": value, "low": value - margin, "high": value + margin, "runs": one["runs"]}


SUITE = suite("delay", SCENARIOS, measure)
