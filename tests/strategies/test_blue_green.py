"""Blue/green: preview, smoke requests, approval, one switch, bake."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.route import Route
from modelrollout.strategies.base import ArmView, View
from modelrollout.strategies.blue_green import BAKE, SWITCH, BlueGreen, BlueGreenMemory, BlueGreenStrategy

SPECS: dict[str, dict[str, Any]] = {
    "smoke": {"blueGreen": {"bake": "1m", "smoke": {"requests": [{"instances": [[1.0]]}], "attempts": 2}}},
    "approval": {"blueGreen": {"bake": "30s", "approval": True}},
    "no bake": {"blueGreen": {"bake": "0s"}},
}
"""For the properties of the core."""

STRATEGY = BlueGreenStrategy()
NOW = 1000.0
BOTH = BlueGreen.model_validate({**SPECS["smoke"]["blueGreen"], "approval": True})
PLAIN = BlueGreen.model_validate({"bake": "1m"})


def view(share: int = 0, passed: bool = False, obstacle: str | None = None, **more: Any) -> View[BlueGreenMemory]:
    """Green at this share."""
    green = ArmView("1.1.2", share, ready=True, smoke_passed=passed, smoke_obstacle=obstacle)
    memory = more.pop("memory", BlueGreenMemory())
    return View("1.0.1", "1.1.2", (green,), Route.to("1.1.2" if share else "1.0.1"), memory, NOW, **more)


CASES: dict[str, tuple[BlueGreen, View[BlueGreenMemory], int, str]] = {
    "smoke requests first": (BOTH, view(), 0, "smoke requests to green are under way"),
    "they do not reach it": (BOTH, view(obstacle="no gateway"), 0, "smoke requests to green are held: no gateway"),
    "a word in advance is none": (BOTH, view(approved=SWITCH), 0, "smoke requests to green are under way"),
    "then a person": (BOTH, view(passed=True), 0, "the switch waits for approval: modelrollout promote"),
    "then the switch": (BOTH, view(passed=True, approved=SWITCH), 100, "green is ready and its smoke requests passed"),
    "at once where nothing is asked for": (PLAIN, view(), 100, "green is ready"),
    "bake": (PLAIN, view(100, memory=BlueGreenMemory(bake_until=NOW + 5)), 100, "bake: watched with all requests"),
    "bake that was lost begins anew": (PLAIN, view(100), 100, "bake: watched with all requests"),
}


@pytest.mark.parametrize(("given", "seen", "share", "why"), CASES.values(), ids=CASES.keys())
def test_next(given: BlueGreen, seen: View[BlueGreenMemory], share: int, why: str) -> None:
    move = STRATEGY.next(given, seen)
    assert (move.route.everybody.share("1.1.2"), move.why, move.winner) == (share, why, None)
    assert (move.route.split("preview") is not None) == (share == 0)


def test_without_a_bake_the_switch_says_that_nobody_judges_it() -> None:
    move = STRATEGY.next(BlueGreen(bake=0.0), view())
    assert (move.winner, move.why) == (
        "1.1.2", "green is ready; bake is 0, so none of its answers to users is judged",
    )  # fmt: skip
    first_round = STRATEGY.next(BlueGreen(bake=0.0), view(is_last=False))
    assert (first_round.winner, first_round.why) == ("1.1.2", "green is ready")


@pytest.mark.parametrize("more", [{"approved": BAKE}, {"memory": BlueGreenMemory(bake_until=NOW)}])
def test_the_bake_ends_by_a_person_or_the_clock(more: dict[str, Any]) -> None:
    memory = more.pop("memory", BlueGreenMemory(bake_until=NOW + 5))
    assert STRATEGY.next(PLAIN, view(100, memory=memory, **more)).winner == "1.1.2"
