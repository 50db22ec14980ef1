"""The ways to move traffic. One file for each, one line in the registry."""

from __future__ import annotations

from typing import Any

from modelrollout.strategies.ab_test import AbTestStrategy
from modelrollout.strategies.bandit import BanditStrategy
from modelrollout.strategies.base import ArmView, Design, Move, Outline, SmokeCheck, Standing, Strategy, View
from modelrollout.strategies.blue_green import BlueGreenStrategy
from modelrollout.strategies.canary import CanaryStrategy
from modelrollout.strategies.contextual_bandit import ContextualBanditStrategy
from modelrollout.strategies.split import SplitStrategy

AnyStrategy = Strategy[Any, Any]
"""A strategy whatever its settings and its memory are."""

STRATEGIES: dict[str, AnyStrategy] = {
    strategy.name: strategy
    for strategy in (
        CanaryStrategy(),
        BlueGreenStrategy(),
        SplitStrategy(),
        AbTestStrategy(),
        BanditStrategy(),
        ContextualBanditStrategy(),
    )
}
"""By the name of the field in ``spec.strategy``, in the order in which people read of them."""

__all__ = [
    "STRATEGIES",
    "AnyStrategy",
    "ArmView",
    "Design",
    "Move",
    "Outline",
    "SmokeCheck",
    "Standing",
    "Strategy",
    "View",
]
