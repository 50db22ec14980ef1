"""When two answers are the same. Pure: rows in, and for each row whether it differs.

Whoever reads an output by its name is not disturbed by another one. So outputs that only the second has are no
difference, unless it makes the answer another form: TensorFlow Serving names outputs by REST where there are several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.api.compared import Kind
from modelrollout.api.shadow import Compare, How, Rule
from modelrollout.comparison.reply import Ranked, Row
from modelrollout.core.validate.agreement import decides_the_same
from modelrollout.core.validate.answer import DEPTH, difference, is_number, not_finite, ranking, score_lists


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing by which two answers differ: ``output`` of row ``row``, where it is in one."""

    kind: Kind
    row: int | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """Which rows differ."""

    differs: tuple[bool, ...]
    first: Difference | None = None

    @property
    def share(self) -> float:
        """The part of the rows that differ. Without any row all is the same, or nothing is."""
        if not self.differs:
            return 0.0 if self.first is None else 1.0
        return sum(self.differs) / len(self.differs)

    @classmethod
    def wholly(cls, kind: Kind, rows: int) -> Compared:
        """Nothing of it is the same."""
        return cls((True,) * rows, Difference(kind))


@dataclass(frozen=True, slots=True)
class Comparison:
    """By the rules of ``spec.validation.shadow.compare``."""

    rules: Compare

    @property
    def only_rule(self) -> str | None:
        """The name of an output that comes without its name, where it is known."""
        return self.rules.outputs[0].name if len(self.rules.outputs) == 1 else None

    def rule(self, output: str) -> Rule:
        """Its own, or that of all."""
        return next((own for own in self.rules.outputs if own.name == output), self.rules)

    def is_finite(self, rows: Sequence[Row]) -> bool:
        """Whether all numbers are some, in what is looked at at all."""
        return all(self.rule(name).by is How.IGNORE or _is_finite(value) for row in rows for name, value in row.items())

    def of(self, expected: Sequence[Row], found: Sequence[Row] | None) -> Compared:
        """Row by row. ``found`` is None where it could not be read."""
        if found is None:
            return Compared.wholly(Kind.UNREADABLE, len(expected))
        if len(expected) != len(found):
            return Compared.wholly(Kind.SHAPE, len(expected))
        pairs = zip(expected, found, strict=True)
        differences = [self._of_row(index, one, other) for index, (one, other) in enumerate(pairs)]
        first = next((known for known in differences if known is not None), None)
        return Compared(tuple(known is not None for known in differences), first)

    def _of_row(self, index: int, expected: Row, found: Row) -> Difference | None:
        for name in sorted(expected):
            rule = self.rule(name)
            if rule.by is How.IGNORE:
                continue
            kind = _of_value(rule, expected[name], found[name]) if name in found else Kind.SHAPE
            if kind is not None:
                return Difference(kind, index, name)
        return None


def still(found: Compared, controls: Sequence[Compared], arm: Compared | None = None) -> float:
    """The part of the rows that differ, and still do: the control repeated itself there each time, and, if it was asked
    again, the arm was wrong again. All are against the control's first answer."""
    if not found.differs:
        same = all(one.first is None for one in controls)
        return found.share if same and (arm is None or arm.first is not None) else 0.0
    noise = [any(marks) for marks in zip(*(one.differs for one in controls), strict=True)]
    wrong = found.differs if arm is None else arm.differs
    rows = zip(found.differs, noise, wrong, strict=True)
    return sum(differs and not own and also for differs, own, also in rows) / len(found.differs)


def _of_value(rule: Rule, expected: Any, found: Any) -> Kind | None:
    if not _is_finite(found):
        return Kind.NOT_FINITE
    if _form(expected) != _form(found):
        return Kind.SHAPE
    return None if rule.by is How.SHAPE or _alike(rule, expected, found) else Kind.VALUE


def _alike(rule: Rule, expected: Any, found: Any) -> bool:
    if isinstance(expected, Ranked) and isinstance(found, Ranked):
        return _same_classes(rule, expected, found)
    if rule.by is How.TOP_K and (lists := list(score_lists(expected))):
        others, length = list(score_lists(found)), rule.length
        return all(ranking(one, length) == ranking(other, length) for one, other in zip(lists, others, strict=True))
    if rule.by is How.CLASS_OR_VALUE:
        return decides_the_same(found, expected, rule.tolerance)
    return difference(expected, found, rule.tolerance) is None


def _same_classes(rule: Rule, expected: Ranked, found: Ranked) -> bool:
    if rule.by is not How.NUMBERS:
        return expected.labels[: rule.length] == found.labels[: rule.length]
    ours, theirs = (dict(zip(one.labels, one.scores, strict=True)) for one in (found, expected))
    return difference(theirs, ours, rule.tolerance) is None


def _is_finite(value: Any) -> bool:
    return not_finite(list(value.scores) if isinstance(value, Ranked) else value) is None


def _form(value: Any) -> list[object]:
    """How many values of which kind are where, one after the other."""
    return list(_forms(value, 0))


def _forms(value: Any, depth: int) -> Iterator[object]:
    if isinstance(value, Ranked):
        yield Ranked, len(value.labels)
    elif isinstance(value, list | dict) and depth <= DEPTH:
        yield type(value), sorted(value) if isinstance(value, dict) else len(value)
        for item in value if isinstance(value, list) else (value[key] for key in sorted(value)):
            yield from _forms(item, depth + 1)
    else:
        yield float if is_number(value) else type(value)
