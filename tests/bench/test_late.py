"""The suites late and edits: rewards that come later than is told, and tests that are edited."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from bench.stats import edits, late
from bench.stats.late import CELLS, LATE, LOOK, SHAPES, Rewarded, counted, ended, parts_of
from bench.stats.suite import Form, Suite, Task
from bench.stats.traffic import generator
from modelrollout.core.evidence.proofs import Proofs

WRONG = "exponential, told five times too short"


@pytest.mark.parametrize("shape", SHAPES)
def test_no_reward_is_lost_and_they_come_as_late_as_is_said(shape: str) -> None:
    parts = parts_of(shape)
    assert parts.min() >= 0.0
    assert parts.sum() == pytest.approx(1.0)
    mean = sum(kind.part * kind.mean for kind in SHAPES[shape])
    assert parts @ np.arange(len(parts)) * LOOK == pytest.approx(mean, abs=LOOK)
    rewarded, rng = Rewarded(parts), generator(1, "test")
    total = sum(rewarded.after(100, rng) for _ in range(100))
    assert total + int(rewarded.out.sum()) == 100 * 100


def test_constant_ones_come_at_their_time() -> None:
    rewarded, rng, looks = Rewarded(parts_of("constant")), generator(1, "test"), round(LATE / LOOK)
    came = [rewarded.after(100, rng) for _ in range(2 * looks)]
    assert came == [0] * looks + [100] * looks


def test_the_control_is_still_rewarded_for_what_it_was_asked_before() -> None:
    first = next(counted(CELLS[WRONG], generator(1, "test")))
    (asked, came), (arm_asked, arm_came) = first
    assert asked == pytest.approx(arm_asked, rel=0.1)
    assert came > 3 * arm_came


@pytest.mark.parametrize(
    "name", [WRONG, "a narrow hump, told five times too short", "four of five at once, told to come at once"]
)
def test_nobody_wins_by_a_delay_that_is_told_wrong_and_without_asking_all_delays_the_control_would(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "DURATION", 5400.0)
    assert ended(CELLS[name], generator(1, "test")) == (-1, inf)
    monkeypatch.setattr(Proofs, "_by_any_delay", lambda *asked: True)
    assert ended(CELLS[name], generator(1, "test"))[0] == 0


def test_the_better_one_is_found_all_the_same() -> None:
    for name, better in (
        ("6 % beside 5 %, exponential, told right", 1),
        ("6 % beside 5 %, exponential, told five times too short", 1),
        ("6 % beside 5 %, half soon, half late, told right", 1),
        ("5 % beside 6 %, exponential, told right", 0),
    ):
        winner, at = ended(CELLS[name], generator(1, "test"))
        assert winner == better
        assert at < late.DURATION


def test_what_is_measured() -> None:
    better = "6 % beside 5 %, exponential, told right"
    ends = {WRONG: [(-1, inf), (0, 300.0)], better: [(1, 600.0), (0, 300.0)]}
    found = late.measure([(Task(name, late.work, ()), parts) for name, parts in ends.items()])
    assert found[WRONG]["ModelRollout"]["wrong"]["value"] == 0.5
    assert found[better]["ModelRollout"]["wrong"]["value"] == 0.5
    assert set(found[better]["ModelRollout"]) == {"wrong", "delay"}


@pytest.mark.parametrize("name", edits.CELLS)
def test_a_test_is_edited_and_the_same_seed_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "DURATION", 600.0)
    assert edits.work(name, 0, 2, 1) == edits.work(name, 0, 2, 1)


@pytest.mark.parametrize("suite", [late.SUITE, edits.SUITE], ids=["late", "edits"])
def test_the_quick_form_has_some_runs_of_some_cells(suite: Suite) -> None:
    quick, full = suite.tasks(Form(quick=True)), suite.tasks(Form())
    assert 0 < len({task.cell for task in quick}) < len({task.cell for task in full})
