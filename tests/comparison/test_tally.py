"""What differs, and what of it is there again: by replies alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from modelrollout.adapters.exposition import page
from modelrollout.api.compared import Outcome
from modelrollout.api.shadow import Compare
from modelrollout.comparison.compare import Comparison
from modelrollout.comparison.counts import Counts
from modelrollout.comparison.examples import Examples
from modelrollout.comparison.reply import Reply
from modelrollout.comparison.tally import Tally

CONTROL, ARM = "1.0.0", "1.1.0"
RIGHT, WRONG, OTHER = (Reply(Outcome.OK, 0.1, ({"y": value},)) for value in (1, 2, 3))
NAN, UNREADABLE = Reply(Outcome.OK, 0.1, ({"y": float("nan")},)), Reply(Outcome.OK, 0.1, None, "it is not JSON")
LONGER = Reply(Outcome.OK, 0.1, ({"y": 1}, {"y": 1}))
DOWN = Reply(Outcome.FAILED)


def fresh() -> tuple[Counts, Tally]:
    """Nothing counted yet."""
    counts = Counts({}, CONTROL, [ARM], 0.0)
    return counts, Tally(CONTROL, Comparison(Compare()), counts, Examples(CONTROL, Compare(), lambda: 0.0))


# Control's answers in their order, the arm's -> how much is there again once, and always
AGAIN: dict[str, tuple[Sequence[Reply], Sequence[Reply], float, float]] = {
    "both repeat themselves": ((RIGHT, RIGHT, RIGHT), (WRONG, WRONG), 1, 1),
    "the arm is wrong in another way": ((RIGHT, RIGHT, RIGHT), (WRONG, OTHER), 1, 1),
    "the arm is right the next time": ((RIGHT, RIGHT, RIGHT), (WRONG, RIGHT), 1, 0),
    "the arm does not answer again": ((RIGHT, RIGHT, RIGHT), (WRONG, DOWN), 1, 0),
    "control says otherwise the next time": ((RIGHT, WRONG, RIGHT), (WRONG, WRONG), 0, 0),
    "control says otherwise the third time": ((RIGHT, RIGHT, WRONG), (WRONG, WRONG), 1, 0),
    "control is unreadable the next time": ((RIGHT, UNREADABLE, RIGHT), (WRONG, WRONG), 0, 0),
    "no number every time": ((RIGHT, RIGHT, RIGHT), (NAN, NAN), 1, 1),
    "unreadable every time": ((RIGHT, RIGHT, RIGHT), (UNREADABLE, UNREADABLE), 1, 1),
    "too many rows every time": ((RIGHT, RIGHT, RIGHT), (LONGER, LONGER), 1, 1),
    "wrong in one way, then in another": ((RIGHT, RIGHT, RIGHT), (LONGER, UNREADABLE), 1, 1),
}


@pytest.mark.parametrize("sampled", [False, True], ids=["without noise", "in the noise sample"])
@pytest.mark.parametrize(("control", "arm", "once", "always"), AGAIN.values(), ids=AGAIN)
def test_what_is_there_again(
    control: Sequence[Reply], arm: Sequence[Reply], once: float, always: float, sampled: bool
) -> None:
    counts, tally = fresh()
    doubtful = tally.count(control[0], control[1] if sampled else None, {ARM: arm[0]})
    assert doubtful is not None
    assert doubtful.control == (tuple(control[1:2]) if sampled else ())
    assert f'modelrollout_shadow_compared_total{{version="{ARM}"}} 0\n' in page(counts.families(0))
    tally.count_again(doubtful, control[1:], {ARM: arm[1]})
    text = page(counts.families(0))
    assert f'modelrollout_shadow_different_total{{version="{ARM}"}} 1\n' in text
    assert f'modelrollout_shadow_repeated_total{{version="{ARM}",by="Once"}} {once}\n' in text
    assert f'modelrollout_shadow_repeated_total{{version="{ARM}",by="Always"}} {always}\n' in text


@pytest.mark.parametrize("more", [(DOWN, RIGHT), (RIGHT, DOWN)], ids=["the next time", "the third time"])
def test_a_control_that_does_not_answer_again_leaves_nothing_to_compare(more: Sequence[Reply]) -> None:
    counts, tally = fresh()
    doubtful = tally.count(RIGHT, None, {ARM: WRONG})
    assert doubtful is not None
    tally.count_again(doubtful, more, {ARM: WRONG})
    text = page(counts.families(0))
    assert f'modelrollout_shadow_compared_total{{version="{ARM}"}} 0\n' in text
    assert f'modelrollout_shadow_excluded_total{{version="{ARM}",reason="ControlFailed"}} 1\n' in text


def test_nothing_is_asked_again_where_nothing_differs() -> None:
    _, tally = fresh()
    assert tally.count(RIGHT, None, {ARM: RIGHT}) is None
    assert tally.count(RIGHT, WRONG, {ARM: RIGHT}) is None
    assert tally.count(DOWN, None, {ARM: WRONG}) is None
