"""Lines of text with styles, and the small forms that they are made of: bars, spans of time, shares.

A line is a tuple of spans, so that it can be folded to a terminal's width and measured without counting escape
codes, and so that a test and a log get the same words as a terminal.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import click

from modelrollout.api.base import format_duration
from modelrollout.api.printable import printable


class Style(Enum):
    """What a piece of text means; ``paint`` says what that looks like."""

    PLAIN = "plain"
    TITLE = "title"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    FAINT = "faint"


@dataclass(frozen=True, slots=True)
class Span:
    """Some text in one style. Much of what is shown are others' words, so no escape sequence comes through."""

    text: str
    style: Style = Style.PLAIN

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))


Line = tuple[Span, ...]


def line(*parts: str | Span) -> Line:
    """A line of spans; plain text is a span too."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def plain(content: Line) -> str:
    """The words of a line, with nothing else."""
    return "".join(span.text for span in content).rstrip()


def paint(content: Line) -> str:
    """The line for a terminal; with its words alone where the user wants no colours (https://no-color.org), or the
    terminal has none."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return "".join(span.text for span in content)
    return "".join(_colour(span) for span in content)


def _colour(span: Span) -> str:
    match span.style:
        case Style.PLAIN:
            return span.text
        case Style.TITLE:
            return click.style(span.text, bold=True)
        case Style.GOOD:
            return click.style(span.text, fg="green")
        case Style.WARN:
            return click.style(span.text, fg="yellow")
        case Style.BAD:
            return click.style(span.text, fg="red")
        case Style.FAINT:
            return click.style(span.text, dim=True)


def fold(content: Line, width: int) -> list[Line]:
    """The line as lines of at most ``width`` characters, broken at spaces where there are any, indented as it is."""
    text = "".join(span.text for span in content)
    indent = min(len(text) - len(text.lstrip()), width // 2)
    folded = []
    while len(text) > width:
        at = text.rfind(" ", indent + 1, width + 1)
        at = at if at > 0 else width
        folded.append(_slice(content, 0, at))
        content = (Span(" " * indent), *_slice(content, at + (text[at] == " "), len(text)))
        text = "".join(span.text for span in content)
    return [*folded, content]


def _slice(content: Line, start: int, end: int) -> Line:
    """The characters from ``start`` to ``end``, in their styles."""
    kept, position = [], 0
    for span in content:
        text = span.text[max(start - position, 0) : max(end - position, 0)]
        position += len(span.text)
        if text:
            kept.append(Span(text, span.style))
    return tuple(kept)


def bar(share: float, width: int, style: Style = Style.PLAIN) -> Line:
    """A bar filled to ``share`` (0 to 1). It is full only when the share is 1, and empty only when it is 0."""
    filled = round(width * min(max(share, 0.0), 1.0))
    if share > 0:
        filled = max(filled, 1)
    if share < 1:
        filled = min(filled, width - 1)
    return (Span("█" * filled, style), Span("░" * (width - filled), Style.FAINT))


def towards(evidence: float, bound: float) -> float:
    """How far evidence has come to its bound, 0 to 1, on a scale where equal steps are equal factors.

    Evidence is a likelihood ratio: it starts at 1 and is multiplied by each new answer. Up to 1 nothing is shown.
    """
    if evidence >= bound:
        return 1.0
    return math.log(evidence) / math.log(bound) if evidence > 1 and bound > 1 else 0.0


def lasting(seconds: float) -> str:
    """A span of time as a person says it: at most two units, ``2m10s``, ``3d4h``; never below 0."""
    whole = max(round(seconds), 0)
    for size, next_size in ((86400, 3600), (3600, 60)):
        if whole >= size:
            whole -= whole % next_size
            break
    return format_duration(whole)


def number(value: float) -> str:
    """A number in three significant digits, large ones with thousands apart: ``0.412``, ``12.1``, ``7,301``."""
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e6 else f"{value:.1e}"
    return f"{value:.3g}"


def percent(part: float, whole: float) -> str:
    """A share in percent, three significant digits; a dash when there is no whole."""
    return f"{100 * part / whole:.3g} %" if whole else "–"


def counted(count: int, noun: str) -> str:
    """``1 restart``, ``2 restarts``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(items: Sequence[str], word: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *rest, last = items
    return f"{', '.join(rest)} {word} {last}" if rest else last


def shortened(text: str, length: int) -> str:
    """The text, or its beginning with an ellipsis at the end."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def columns(rows: Sequence[Sequence[str]], gap: int = 3) -> list[str]:
    """Rows of cells with the columns aligned to the left. All the rows have as many cells as the first."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        (" " * gap).join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def table(rows: Sequence[Sequence[Span]], gap: int = 3) -> list[Line]:
    """The same for cells with styles."""
    widths = [max(len(cell.text) for cell in column) for column in zip(*rows, strict=True)]
    return [
        tuple(Span(cell.text.ljust(width + gap), cell.style) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
