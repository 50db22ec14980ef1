"""The suite mab: six arms with rates of 2 to 6 %, whose rates stay as they are, and how much each policy loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from bench.stats.bandits import Played, Runs, Scenario, lai_robbins, regrets, suite
from bench.stats.measures import Measure, mean, quantile, share
from bench.stats.policies import PEERS, Policy, thompson
from bench.stats.product import NAME
from bench.stats.suite import Results

OURS = {
    NAME: Policy(thompson, drops=True),
    "ModelRollout, nobody dropped": Policy(thompson),
    "ModelRollout, nobody dropped, floor 0.1 %": Policy(partial(thompson, floor=0.001, total=10_000)),
}
SCENARIOS = {
    "1e5 requests": Scenario(100_000, OURS | PEERS),
    "1e6 requests": Scenario(1_000_000, OURS, batch=2000, runs=100, quick=0),
}


def measure(found: Mapping[str, Runs]) -> Results:
    """What each policy loses in each scenario, and for those that drop arms how often they dropped the best one."""
    return {
        name: {
            policy: losses(played, lai_robbins(SCENARIOS[name]))
            | (dropped(played) if SCENARIOS[name].policies[policy].drops else {})
            for policy, played in runs.items()
        }
        for name, runs in found.items()
    }


def losses(played: Sequence[Played], scale: float) -> dict[str, Measure]:
    """The regret of a policy, its 95th percentile, the same by Lai and Robbins' sum, and the best arm's last share."""
    return {
        "regret": mean(regrets(played)),
        "regretP95": quantile(regrets(played), 0.95),
        "timesLaiRobbins": mean(regrets(played, scale)),
        "bestShare": mean([run.best_share for run in played]),
    }


def dropped(played: Sequence[Played]) -> dict[str, Measure]:
    """How often the best arm was."""
    return {"bestDropped": share(sum(run.dropped for run in played), len(played))}


SUITE = suite("mab", SCENARIOS, measure)
