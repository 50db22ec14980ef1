"""Examples of answers that differ, in the log: few, and of what the settings name alone.

What a model is asked and what it answers may be personal. So requests are never shown, and of answers only the outputs
that an owner lists in ``compare.show``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelrollout.comparison.compare import Compared
from modelrollout.comparison.reply import Ranked, Row

MOST = 100  # in the life of a process
APART = 1.0  # seconds
LONGEST = 200  # characters of a value

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Examples:
    """``clock`` gives seconds that only rise."""

    control: str
    show: frozenset[str]
    clock: Callable[[], float]
    told: int = 0
    last: float = float("-inf")

    def tell(self, arm: str, found: Compared, expected: Sequence[Row], other: Sequence[Row] | None) -> None:
        """One example, if it may be shown now."""
        first = found.first
        if first is None or first.row is None or first.output not in self.show or other is None:
            return
        now = self.clock()
        if self.told >= MOST or now - self.last < APART:
            return
        self.told, self.last = self.told + 1, now
        place = f"row {first.row} of output {first.output}"
        ours, theirs = other[first.row].get(first.output), expected[first.row][first.output]
        log.info("%s: %s says %s, and %s says %s", place, arm, _shown(ours), self.control, _shown(theirs))
        if self.told == MOST:
            log.info("%d examples of answers that differ have been shown; no more are", MOST)


def _shown(value: object) -> str:
    text = str(dict(zip(value.labels, value.scores, strict=True)) if isinstance(value, Ranked) else value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
