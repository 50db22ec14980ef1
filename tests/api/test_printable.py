"""Words of others as they are shown: a table of what somebody may have written."""

from __future__ import annotations

import pytest

from modelrollout.api.printable import printable

WORDS = {
    "plain words": ("no such model: fraud", "no such model: fraud"),
    "other scripts": ("модель 模型 naïve", "модель 模型 naïve"),
    "a colour": ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
    "a title for the terminal's window": ("\x1b]0;owned\x07", "\ufffd]0;owned\ufffd"),
    "the same with one byte": ("\x9b31mred", "\ufffd31mred"),
    "a line that poses as another": (
        "done\n12:00:00 INFO prod/fraud Promoted",
        "done 12:00:00 INFO prod/fraud Promoted",
    ),
    "a return to the line's beginning": ("failed\rPassed", "failed Passed"),
    "lines that Unicode knows": ("a\u2028b\u2029c\x85d", "a b c d"),
    "a backspace": ("bad\x08\x08\x08ok ", "bad\ufffd\ufffd\ufffdok "),
    "letters turned round": ("\u202eevil\u202c", "evil"),
}


@pytest.mark.parametrize("case", WORDS)
def test_a_terminal_does_nothing_but_show_it(case: str) -> None:
    given, shown = WORDS[case]
    assert printable(given) == shown
