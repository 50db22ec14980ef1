"""Examples of answers that differ, in the log: few, and of what the settings name alone.

What a model is asked and what it answers may be personal. So requests are never shown, and of answers only the outputs
that an owner lists in ``compare.show``. ``modelrollout describe`` reads them from there (``cli/examples``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from modelrollout.api.compared import EXAMPLES
from modelrollout.api.shadow import Compare, How, OutputRule
from modelrollout.comparison.compare import Compared, Comparison
from modelrollout.comparison.reply import Ranked, Row

MOST = 100  # in the life of a process
APART = 1.0  # seconds
LONGEST = 200  # characters of a value

log = logging.getLogger(EXAMPLES)


@dataclass(slots=True)
class Examples:
    """``clock`` gives seconds that only rise."""

    control: str
    rules: Compare
    clock: Callable[[], float]
    told: int = 0
    last: float = float("-inf")
    _shown: Comparison = field(init=False)

    def __post_init__(self) -> None:
        self._shown = of_shown(self.rules)

    def tell(self, arm: str, found: Compared, expected: Sequence[Row], other: Sequence[Row] | None) -> None:
        """One example, if it may be shown now: the first output that differs and is named."""
        now = self.clock()
        if found.first is None or not self.rules.show or self.told >= MOST or now - self.last < APART:
            return
        first = self._shown.of(expected, other).first
        if first is None or first.row is None or first.output is None or other is None:
            return
        self.told, self.last = self.told + 1, now
        place = f"row {first.row} of output {first.output}"
        ours, theirs = other[first.row].get(first.output), expected[first.row][first.output]
        log.info("%s: %s says %s, and %s says %s", place, arm, _cut(ours), self.control, _cut(theirs))
        if self.told == MOST:
            log.info("%d examples of answers that differ have been shown; no more are", MOST)


def of_shown(rules: Compare) -> Comparison:
    """The same rules for the outputs that may be shown, and nothing else is looked at."""
    every = Comparison(rules)
    named = tuple(
        OutputRule.model_validate({**every.rule(name).model_dump(include=set(OutputRule.model_fields)), "name": name})
        for name in rules.show
    )
    return Comparison(Compare(by=How.IGNORE, outputs=named))


def _cut(value: object) -> str:
    text = str(dict(zip(value.labels, value.scores, strict=True)) if isinstance(value, Ranked) else value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
