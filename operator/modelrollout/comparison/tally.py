"""Tally: what the replies to one copy add to the counters. No input or output but the examples in the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrollout.api.compared import Again, Excluded, Outcome
from modelrollout.comparison.compare import Compared, Comparison, still
from modelrollout.comparison.counts import Counts
from modelrollout.comparison.examples import Examples
from modelrollout.comparison.reply import Reply, Row
from modelrollout.comparison.scores import scored_output, scores

Rows = tuple[Row, ...]
TWICE = 2
"""How often the control is asked more where an arm differs: why is told in ``core/validate/disagreement``."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Arms that differ, and are asked once more. ``control`` is what it said when it was, if it was already."""

    expected: Rows
    arms: Mapping[str, Compared]
    control: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts for one trial."""

    control: str
    comparison: Comparison
    counts: Counts
    examples: Examples

    def count(self, control: Reply, second: Reply | None, arms: Mapping[str, Reply]) -> Doubtful | None:
        """What is to be asked once more; None where nothing is."""
        self._count_answers(control, arms)
        expected = self._expected(control)
        if isinstance(expected, Excluded):
            for arm in arms:
                self.counts.exclude(arm, expected)
            return None
        if second is not None and second.outcome is Outcome.OK:
            self.counts.compare(self.control, self.comparison.of(expected, second.rows))
        found = self._compared(expected, arms)
        self._count_scores(expected, {arm: arms[arm].rows for arm in found})
        differing = {arm: compared for arm, compared in found.items() if compared.first is not None}
        return Doubtful(expected, differing, (second,) if second is not None else ()) if differing else None

    def count_again(self, doubtful: Doubtful, control: Sequence[Reply], arms: Mapping[str, Reply]) -> None:
        """What differs, after the control was asked ``TWICE`` more and each arm once. Whoever scrapes between the two
        knows nothing of it yet: half of it would look like noise."""
        own = [self.comparison.of(doubtful.expected, reply.rows) for reply in control if reply.outcome is Outcome.OK]
        for arm, found in doubtful.arms.items():
            if len(own) < TWICE:
                self.counts.exclude(arm, Excluded.CONTROL_FAILED)
                continue
            self.counts.compare(arm, found)
            self.counts.repeat(arm, Again.ONCE, still(found, own[:1]))
            if arms[arm].outcome is Outcome.OK:
                wrong = self.comparison.of(doubtful.expected, arms[arm].rows)
                self.counts.repeat(arm, Again.ALWAYS, still(found, own, wrong))

    def _count_answers(self, control: Reply, arms: Mapping[str, Reply]) -> None:
        """What an arm alone refuses is a failure of that arm: users send it, and are answered."""
        self.counts.answer(self.control, control, control.outcome)
        for arm, reply in arms.items():
            alone = reply.outcome is Outcome.REFUSED and control.outcome is Outcome.OK
            self.counts.answer(arm, reply, Outcome.FAILED if alone else reply.outcome)

    def _expected(self, control: Reply) -> Rows | Excluded:
        """What the arms are held against, or why there is nothing."""
        if control.outcome is Outcome.REFUSED:
            return Excluded.CONTROL_REFUSED
        if control.outcome is not Outcome.OK:
            return Excluded.CONTROL_FAILED
        if control.rows is None or not self.comparison.is_finite(control.rows):
            return Excluded.CONTROL_UNREADABLE
        return control.rows

    def _compared(self, expected: Rows, arms: Mapping[str, Reply]) -> dict[str, Compared]:
        found: dict[str, Compared] = {}
        for arm, reply in arms.items():
            if reply.outcome is not Outcome.OK:
                self.counts.exclude(arm, Excluded.ARM_FAILED)
                continue
            compared = self.comparison.of(expected, reply.rows)
            if compared.first is None:
                self.counts.compare(arm, compared)
            self.examples.tell(arm, compared, expected, reply.rows)
            found[arm] = compared
        return found

    def _count_scores(self, expected: Rows, arms: Mapping[str, Rows | None]) -> None:
        """The control's once, whoever is held against it."""
        output = scored_output(self.comparison, expected)
        if output is None or not arms:
            return
        before = scores(expected, output)
        self.counts.score(self.control, before)
        for arm, rows in arms.items():
            after = scores(rows or (), output)
            self.counts.score(arm, after)
            self.counts.shift(arm, before, after)
