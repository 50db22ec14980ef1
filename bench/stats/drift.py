"""The suite drift: at half time the best arm changes places with a bad one. How long until it is followed?

The new best one had hardly any requests, and what the old one has gathered speaks for it for long: half an hour at
100 requests a second. The half life of the product's policy here is 20 minutes; the rules of other tools have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.stats.bandits import RATES, Played, Runs, Scenario, regrets, suite
from bench.stats.measures import Measure, mean, median
from bench.stats.policies import PEERS, Policy, thompson
from bench.stats.product import NAME
from bench.stats.suite import Results

MINUTE = 60.0
POLICIES = {
    NAME: Policy(thompson, half_life=20 * MINUTE),
    "ModelRollout, half life 10 min": Policy(thompson, half_life=10 * MINUTE),
    "ModelRollout, half life 60 min": Policy(thompson, half_life=60 * MINUTE),
    "ModelRollout, nothing forgotten": Policy(thompson),
    **PEERS,
}


def changed(other: float) -> tuple[float, ...]:
    """The rates with the best one and another one in each other's place."""
    places = {max(RATES): other, other: max(RATES)}
    return tuple(places.get(rate, rate) for rate in RATES)


SCENARIOS = {
    "6 % and 3 % change places": Scenario(400_000, POLICIES, runs=100, later=changed(0.03), quick=6),
    "6 % and 2 % change places": Scenario(400_000, POLICIES, runs=100, later=changed(0.02), quick=0),
    "nothing changes": Scenario(400_000, POLICIES, runs=100, quick=0),
}


def measure(found: Mapping[str, Runs]) -> Results:
    """Regret, and where something changes the seconds until the new best arm gets more than half of the requests."""
    return {name: {policy: losses(name, played) for policy, played in runs.items()} for name, runs in found.items()}


def losses(name: str, played: Sequence[Played]) -> dict[str, Measure]:
    """The measures of one policy."""
    regret = {"regret": mean(regrets(played))}
    if SCENARIOS[name].later is None:
        return regret
    return regret | {"followed": median([run.followed for run in played])}


SUITE = suite("drift", SCENARIOS, measure)
