"""Canary: which step is held, and what comes next."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.route import Route
from modelrollout.strategies.base import ArmView, View
from modelrollout.strategies.canary import BAKE, CanaryMemory, CanaryStrategy
from modelrollout.strategies.canary_settings import Canary

SPECS: dict[str, dict[str, Any]] = {
    "steps": {"canary": {"steps": [{"setWeight": 10, "for": "30s"}, {"setWeight": 50, "for": "30s"}]}},
    "evidence": {"canary": {"evidence": {"start": 5, "max": 50}, "bake": "20s"}},
    "approval": {
        "canary": {
            "steps": [
                {"setWeight": 10, "for": "30s"},
                {"approval": {}},
                {"setWeight": 50, "for": "30s"},
                {"pause": {"for": "10s"}},
            ]
        }
    },
}
"""For the properties of the core."""

STRATEGY = CanaryStrategy()
NOW = 1000.0


def settings(*steps: dict[str, Any], **more: Any) -> Canary:
    """A canary of these steps."""
    return Canary.model_validate({"steps": list(steps), **more})


TEN, FIFTY = {"setWeight": 10, "for": "30s"}, {"setWeight": 50}
APPROVAL: dict[str, Any] = {"approval": {}}
THREE = settings(TEN, APPROVAL, FIFTY, bake="1m")
RISING = Canary.model_validate({"evidence": {"start": 4, "max": 16}})
AT_EIGHT = "step 2 of 3: weight 8 % until proven not worse"


def view(
    share: int, memory: CanaryMemory, proven: bool = False, proven_share: int = 0, **more: Any
) -> View[CanaryMemory]:
    """One arm at this share."""
    arm = ArmView("1.1.2", share, ready=True, proven=proven, proven_share=proven_share)
    route = Route.model_validate(
        {
            "splits": [
                {"name": "everybody", "shares": {k: v for k, v in (("1.0.1", 100 - share), ("1.1.2", share)) if v}}
            ]
        }
    )
    return View("1.0.1", "1.1.2", (arm,), route, memory, NOW, **more)


def at(step: str, since: float = NOW) -> CanaryMemory:
    """A step that is held since then."""
    return CanaryMemory(step=step, step_started_at=since)


CASES: dict[str, tuple[Canary, View[CanaryMemory], int, str | None, str]] = {
    "nothing begun": (THREE, view(0, CanaryMemory()), 10, "10:0", "step 1 of 3: weight 10 % for 30s"),
    "its time is not over": (THREE, view(10, at("10:0")), 10, "10:0", "step 1 is held for 30s"),
    "its time is over": (THREE, view(10, at("10:0", NOW - 30)), 10, "10:1", "step 2 of 3: approval"),
    "waits for a person": (
        THREE,
        view(10, at("10:1", NOW - 99)),
        10,
        "10:1",
        "step 2 waits for approval: modelrollout promote",
    ),
    "a person said so": (
        THREE,
        view(10, at("10:1"), approved="10:1 approval"),
        50,
        "50:0",
        "step 3 of 3: weight 50 % until proven not worse",
    ),
    "another step was approved": (
        THREE,
        view(10, at("10:1"), approved="10:2 approval"),
        10,
        "10:1",
        "step 2 waits for approval: modelrollout promote",
    ),
    "not proven": (THREE, view(50, at("50:0")), 50, "50:0", "step 3 is held until the candidate is proven not worse"),
    "proven good enough for the next weight": (RISING, view(4, at("4:0"), proven_share=8), 8, "8:0", AT_EIGHT),
    "proven good enough for less": (
        RISING,
        view(4, at("4:0"), proven_share=7),
        4,
        "4:0",
        "step 1 is held until the candidate is proven good enough for 8 %",
    ),
    "for all requests that is not enough": (
        RISING,
        view(16, at("16:0"), proven_share=99),
        16,
        "16:0",
        "step 3 is held until the candidate is proven not worse",
    ),
    "the weight after an approval counts": (
        settings({"setWeight": 4}, APPROVAL, FIFTY),
        view(4, at("4:0"), proven_share=49),
        4,
        "4:0",
        "step 1 is held until the candidate is proven good enough for 50 %",
    ),
    "stepEarly takes the whole proof": (
        settings(TEN, FIFTY, stepEarly=True),
        view(10, at("10:0"), proven_share=99),
        10,
        "10:0",
        "step 1 is held for 30s",
    ),
    "proven": (THREE, view(50, at("50:0"), proven=True), 95, None, "all steps are done"),
    "skip all": (
        THREE,
        view(10, at("10:0"), skip=True),
        95,
        None,
        "a person asked for it, and skipped weight 10 % for 30s, approval, weight 50 % until proven not worse",
    ),
    "the step was edited away": (settings(TEN, FIFTY), view(10, at("10:1")), 10, "10:0", "step 1 is held for 30s"),
    "all the weights were edited": (
        settings({"setWeight": 5, "for": "1m"}, {"setWeight": 80}),
        view(10, at("10:0")),
        10,
        "5:0",
        "step 1 is held for 1m",
    ),
    "the memory was lost": (
        THREE,
        view(50, CanaryMemory()),
        50,
        "50:0",
        "step 3 is held until the candidate is proven not worse",
    ),
    "as 0.1 counted": (
        THREE,
        view(10, CanaryMemory(step_index=1, step_started_at=NOW)),
        10,
        "10:1",
        "step 2 waits for approval: modelrollout promote",
    ),
    "approved as 0.1 wrote it": (
        THREE,
        view(10, CanaryMemory(step_index=1, approved_step=1)),
        50,
        "50:0",
        "step 3 of 3: weight 50 % until proven not worse",
    ),
}


@pytest.mark.parametrize(("given", "seen", "share", "step", "why"), CASES.values(), ids=CASES.keys())
def test_next(given: Canary, seen: View[CanaryMemory], share: int, step: str | None, why: str) -> None:
    move = STRATEGY.next(given, seen)
    assert move.route.share("1.1.2", "everybody") == share
    assert (move.memory.step, move.why) == (step, why)


def test_bake_is_watched_and_ends_by_the_clock_or_a_person() -> None:
    move = STRATEGY.next(THREE, view(50, at("50:0"), proven=True))
    assert (move.step, move.until, move.watched, move.winner) == (BAKE, NOW + 60, True, None)
    baking = view(100, move.memory)
    assert STRATEGY.next(THREE, baking).winner is None
    assert STRATEGY.next(THREE, view(100, move.memory, approved=BAKE)).winner == "1.1.2"
    over = CanaryMemory(bake_until=NOW)
    assert STRATEGY.next(THREE, view(100, over)).winner == "1.1.2"


@pytest.mark.parametrize(
    ("bake", "share"),
    [("1m", 95), ({"for": "1m"}, 95), ({"for": "1m", "control": 20}, 80), ({"for": "1m", "control": 0}, 100)],
    ids=["short", "long", "more for the control", "none for it"],
)
def test_the_control_keeps_its_share_of_the_bake(bake: Any, share: int) -> None:
    steps = settings(FIFTY, bake=bake)
    move = STRATEGY.next(steps, view(50, at("50:0"), proven=True))
    assert move.route.share("1.1.2", "everybody") == share
    assert STRATEGY.next(steps, view(share, move.memory)).route == move.route


def test_a_bake_that_began_with_all_requests_keeps_them_unless_the_spec_says_otherwise() -> None:
    memory = CanaryMemory(bake_until=NOW + 60)
    assert STRATEGY.next(THREE, view(100, memory)).route == Route.to("1.1.2")
    edited = settings(TEN, bake={"for": "1m", "control": 10})
    assert STRATEGY.next(edited, view(100, memory)).route.share("1.1.2", "everybody") == 90


def test_before_the_last_round_there_is_no_bake() -> None:
    assert STRATEGY.next(THREE, view(50, at("50:0"), proven=True, is_last=False)).winner == "1.1.2"


def test_an_edited_step_keeps_its_clock() -> None:
    longer = settings({"setWeight": 10, "for": "2m"}, FIFTY)
    move = STRATEGY.next(longer, view(10, at("10:0", NOW - 60)))
    assert move.until == NOW + 60


@pytest.mark.parametrize(
    ("memory", "share", "column"),
    [
        (CanaryMemory(), 0, "0/3"),
        (at("10:0"), 10, "1/3"),
        (at("10:1"), 10, "2/3"),
        (CanaryMemory(bake_until=NOW), 100, "3/3"),
    ],
)
def test_outline(memory: CanaryMemory, share: int, column: str) -> None:
    outline = STRATEGY.outline(THREE, memory, [ArmView("1.1.2", share, ready=True)])
    assert outline.column == column
    assert list(outline.names) == [
        "weight 10 % for 30s",
        "approval",
        "weight 50 % until proven not worse",
        "95 %, stable keeps 5 %, bake 1m",
    ]
