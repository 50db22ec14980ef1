"""Words of others, made fit to be shown: a container's last words go to terminals and logs of people who trust them."""

from __future__ import annotations

_SPACES = dict.fromkeys((0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029), " ")  # else one line could pose as two
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), "\N{REPLACEMENT CHARACTER}")  # C0, DEL, C1
# Controls of direction make text read otherwise than it is.
_DIRECTIONS = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "")
_TABLE = _DIRECTIONS | _CONTROLS | _SPACES


def shortened(text: str, most: int) -> str:
    """At most so many characters, and whether that is all."""
    return text if len(text) <= most else f"{text[:most]}..."


def printable(text: str) -> str:
    """The text as one line without escape sequences: a terminal does nothing but show it."""
    return text.translate(_TABLE)
