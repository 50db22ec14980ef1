"""The ways to move traffic. One file for each, one line in the registry."""

from __future__ import annotations

from modelrollout.api.rollout import Strategy as StrategySpec
from modelrollout.core.strategies.base import Strategy
from modelrollout.core.strategies.blue_green import BlueGreenStrategy
from modelrollout.core.strategies.canary import CanaryStrategy

STRATEGIES: dict[str, Strategy] = {
    "canary": CanaryStrategy(),
    "blueGreen": BlueGreenStrategy(),
}


def name_of(spec: StrategySpec) -> str:
    """The strategy that a spec gives, by its name in YAML."""
    return "canary" if spec.canary is not None else "blueGreen"


def strategy_of(spec: StrategySpec) -> Strategy:
    """The strategy that a spec gives."""
    return STRATEGIES[name_of(spec)]


__all__ = ["STRATEGIES", "Strategy", "name_of", "strategy_of"]
