"""A picture that is kept up to date: redrawn in place on a terminal, as lines that tell of changes anywhere else."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn, TextIO

import click

from modelrollout.api.printable import printable
from modelrollout.cli.feed import Broken, Feed, Snapshot
from modelrollout.cli.text import Line, Span, Style, fold, line, paint, plain

FRAME_SECONDS = 1.0  # between two drawings when nothing happens: the clocks in the picture count seconds

ENTER = "\x1b[?1049h\x1b[?25l"  # the terminal's second screen, no cursor: what was there before comes back at the end
LEAVE = "\x1b[?25h\x1b[?1049l"
HOME, ERASE_LINE, ERASE_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


@dataclass(frozen=True, slots=True)
class Room:
    """What a terminal has, in characters and lines."""

    columns: int
    lines: int

    def takes(self, lines: Sequence[Line]) -> bool:
        """Whether they fit, with the cursor's line below them."""
        return sum(len(fold(content, self.columns)) for content in lines) < self.lines


Picture = Callable[[Snapshot, float, str, Room | None], Sequence[Line]]
"""A snapshot, the moment (seconds since the epoch), a note about the connection and the room that there is (None: all
that is needed) -> lines."""
Words = Callable[[Snapshot], Sequence[str]]
"""A snapshot -> one text for each thing in it, which changes only when something happened."""


def frame(lines: Sequence[Line], room: Room) -> str:
    """The text that puts these lines on a terminal in place of what it shows."""
    most = max(room.lines - 1, 1)
    shown = [part for content in lines for part in fold(content, room.columns)]
    if len(shown) > most:
        hidden = len(shown) - most + 1
        shown = [*shown[: most - 1], line(Span(f"… {hidden} more lines", Style.FAINT))]
    drawn = "".join(f"{paint(content)}{ERASE_LINE}\n" for content in shown)
    return HOME + drawn + ERASE_BELOW


def watch_picture(feed: Feed, picture: Picture, over: Callable[[Snapshot], bool]) -> bool:
    """Redraws until ``over`` says that nothing more can come (True), or until the user stops it (False). The last
    picture stays on the terminal, as a whole."""
    last: Sequence[Line] = ()
    ended = False
    try:
        with second_screen(sys.stdout):
            for snapshot, note in _frames(feed):
                now, size = time.time(), shutil.get_terminal_size()
                room = Room(size.columns, size.lines)
                print(frame(picture(snapshot, now, note, room), room), end="", flush=True)
                last = picture(snapshot, now, note, None)
                ended = over(snapshot)
                if ended:
                    break
    except KeyboardInterrupt:
        pass
    for content in last:
        click.echo(paint(content))
    return ended


@contextmanager
def second_screen(out: TextIO) -> Iterator[None]:
    """The terminal's second screen for as long as the block runs, whatever ends it: being told to end, too."""
    before = signal.signal(signal.SIGTERM, _end)
    print(ENTER, end="", file=out, flush=True)
    try:
        yield
    finally:
        print(LEAVE, end="", file=out, flush=True)
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _: FrameType | None) -> NoReturn:
    """The exit code that a shell gives to a program which a signal has ended."""
    sys.exit(128 + number)


def _frames(feed: Feed) -> Iterator[tuple[Snapshot, str]]:
    """What to draw, whenever there is news and at least once in ``FRAME_SECONDS``."""
    snapshot, note = None, ""
    while True:
        match feed.latest(FRAME_SECONDS):
            case Snapshot() as news:
                snapshot, note = news, ""
            case Broken(message):
                note = f"{message}; trying again"
            case None:
                pass
        if snapshot is not None:
            yield snapshot, note


def watch_words(feed: Feed, words: Words, over: Callable[[Snapshot], bool], stamped: bool = True) -> bool:
    """Prints each text when it is new or has changed; for logs and pipes. Ends and answers as ``watch_picture``."""
    said: set[str] = set()
    try:
        while True:
            match feed.next(FRAME_SECONDS):
                case Snapshot() as snapshot:
                    texts = words(snapshot)
                    for text in texts:
                        if text not in said:
                            say(text, stamped)
                    said = set(texts)
                    if over(snapshot):
                        return True
                case Broken(message):
                    click.echo(f"{message}; trying again", err=True)
                case None:
                    pass
    except KeyboardInterrupt:
        return False


def say(text: str, stamped: bool = True) -> None:
    """A text as a line, with the time of day in UTC before it."""
    stamp = datetime.now(tz=UTC).strftime("%H:%M:%SZ  ") if stamped else ""
    click.echo(f"{stamp}{printable(text)}")


def show(lines: Sequence[Line]) -> None:
    """Prints lines once, in colour on a terminal only."""
    for content in lines:
        click.echo(paint(content) if sys.stdout.isatty() else plain(content))
