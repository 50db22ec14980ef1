"""What is written to a terminal to put a picture in the place of the last one."""

from __future__ import annotations

import io

import pytest

from modelrollout.cli.live import ENTER, ERASE_BELOW, ERASE_LINE, HOME, LEAVE, Room, frame, second_screen
from modelrollout.cli.text import Span, Style, line

FRAMES = {
    "each line erases what it stands on": (["one", "two"], 20, 10, ["one", "two"]),
    "a long line is folded": (["one two three"], 8, 10, ["one two", "three"]),
    "what has no room is counted": (["1", "2", "3", "4", "5"], 20, 4, ["1", "2", "… 3 more lines"]),
    "exactly full": (["1", "2", "3"], 20, 4, ["1", "2", "3"]),
}


@pytest.mark.parametrize(("texts", "width", "height", "shown"), FRAMES.values(), ids=FRAMES.keys())
def test_frame(texts: list[str], width: int, height: int, shown: list[str]) -> None:
    written = frame([line(Span(text, Style.PLAIN)) for text in texts], Room(width, height))
    assert written.startswith(HOME)
    assert written.endswith(ERASE_BELOW)
    lines = written.removeprefix(HOME).removesuffix(ERASE_BELOW).split(f"{ERASE_LINE}\n")
    assert [text.replace("\x1b[2m", "").replace("\x1b[0m", "") for text in lines] == [*shown, ""]


def test_the_first_screen_comes_back_whatever_happens() -> None:
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt), second_screen(out):
        raise KeyboardInterrupt
    assert out.getvalue() == ENTER + LEAVE
