"""Specs of every registered strategy, for tests that hold for all of them: a strategy's own test brings them."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from modelrollout.strategies import STRATEGIES


def specs() -> dict[str, dict[str, Any]]:
    """``spec.strategy`` by a name for people: SPECS of ``tests/strategies/test_<strategy>.py``."""
    found: dict[str, dict[str, Any]] = {}
    for name in STRATEGIES:
        module = import_module("tests.strategies.test_" + re.sub("([A-Z])", r"_\1", name).lower())
        found |= {f"{name} {case}": spec for case, spec in module.SPECS.items()}
    return found
