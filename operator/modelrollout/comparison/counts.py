"""The counters of one trial, by the names of ``api/compared.py``. All series are there from the first scrape on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from modelrollout.adapters.exposition import Family, Histogram, Labels, Row
from modelrollout.api import compared as names
from modelrollout.api.compared import LATENCY_BOUNDS, SCORE_BOUNDS, Again, Drop, Excluded, Kind, Outcome
from modelrollout.comparison.compare import Compared
from modelrollout.comparison.copy import Protocol
from modelrollout.comparison.reply import Reply


@dataclass(slots=True)
class _Version:
    """What is counted of one version."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    latency: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS))
    excluded: Counter[Excluded] = field(default_factory=Counter)
    compared: int = 0
    different: float = 0.0
    repeated: dict[Again, float] = field(default_factory=lambda: dict.fromkeys(Again, 0.0))
    kinds: Counter[Kind] = field(default_factory=Counter)
    scores: Histogram = field(default_factory=lambda: Histogram(SCORE_BOUNDS))
    risen: float = 0.0
    fallen: float = 0.0


class Counts:
    """Collects, and gives what is to be scraped. ``labels`` are those of all series; ``started`` is now, in seconds
    since 1970."""

    def __init__(self, labels: Labels, control: str, arms: Sequence[str], started: float) -> None:
        self._labels = labels
        self._started = started
        self._versions = {version: _Version() for version in (control, *arms)}
        self._received: Counter[Protocol] = Counter()
        self._dropped: Counter[Drop] = Counter()

    def receive(self, protocol: Protocol) -> None:
        """A copy has arrived, whatever comes of it."""
        self._received[protocol] += 1

    def drop(self, reason: Drop) -> None:
        """It is not replayed."""
        self._dropped[reason] += 1

    def answer(self, version: str, reply: Reply, outcome: Outcome) -> None:
        """A version's answer to a replay."""
        counted = self._versions[version]
        counted.outcomes[outcome] += 1
        if reply.seconds is not None and outcome is not Outcome.REFUSED:
            counted.latency.add(reply.seconds)

    def exclude(self, version: str, reason: Excluded) -> None:
        """An arm's answer that could not be compared."""
        self._versions[version].excluded[reason] += 1

    def compare(self, version: str, found: Compared) -> None:
        """A version's answer was held against the control's first one."""
        counted = self._versions[version]
        counted.compared += 1
        counted.different += found.share
        if found.first is not None:
            counted.kinds[found.first.kind] += 1

    def repeat(self, version: str, by: Again, share: float) -> None:
        """What differed stayed so when it was asked for once more."""
        self._versions[version].repeated[by] += share

    def score(self, version: str, values: Sequence[float | None]) -> None:
        """The scores of all rows of an answer."""
        for value in values:
            if value is not None:
                self._versions[version].scores.add(value)

    def shift(self, version: str, before: Sequence[float | None], after: Sequence[float | None]) -> None:
        """Scores of an arm beside the control's, row by row."""
        counted = self._versions[version]
        for one, other in zip(before, after, strict=False):
            if one is not None and other is not None:
                counted.risen += max(0.0, other - one)
                counted.fallen += max(0.0, one - other)

    def families(self, queued: int) -> Iterator[Family]:
        """All of it, with the number of copies that wait."""
        started: list[Row] = [("", self._labels, self._started)]
        yield names.STARTED, "gauge", "When this process began to count, seconds since 1970.", started
        received: list[Row] = [("", {**self._labels, "protocol": one}, self._received[one]) for one in Protocol]
        yield names.RECEIVED, "counter", "Copies of requests that arrived.", received
        dropped: list[Row] = [("", {**self._labels, "reason": reason}, self._dropped[reason]) for reason in Drop]
        yield names.DROPPED, "counter", "Copies that were not replayed.", dropped
        yield names.QUEUED, "gauge", "Copies that wait to be replayed.", [("", self._labels, queued)]
        yield from self._answers()
        yield from self._comparisons()
        yield from self._scores()

    def _answers(self) -> Iterator[Family]:
        rows = self._split("outcome", Outcome, lambda version: version.outcomes)
        yield names.ANSWERS, "counter", "Answers to replays, one of each version to each.", rows
        latencies = [row for labels, version in self._all() for row in version.latency.rows(names.LATENCY, labels)]
        yield names.LATENCY, "histogram", "From a replay to its answer, or to its time limit.", latencies
        rows = self._split("reason", Excluded, lambda version: version.excluded, of_control=False)
        yield names.EXCLUDED, "counter", "Answers that could not be compared.", rows

    def _comparisons(self) -> Iterator[Family]:
        compared: list[Row] = [("", labels, version.compared) for labels, version in self._all()]
        yield (
            names.COMPARED,
            "counter",
            "Answers compared with the control's; of the control, with its second.",
            compared,
        )
        different: list[Row] = [("", labels, version.different) for labels, version in self._all()]
        yield names.DIFFERENT, "counter", "Those that differ: the parts of their rows, summed up.", different
        rows = self._split("by", Again, lambda version: version.repeated, of_control=False)
        yield names.REPEATED, "counter", "Those that still differ when they are asked for once more.", rows
        rows = self._split("kind", Kind, lambda version: version.kinds)
        yield names.DIFFERENCES, "counter", "Requests whose answers differ, by the first thing that does.", rows

    def _scores(self) -> Iterator[Family]:
        scores = [row for labels, version in self._all() for row in version.scores.rows(names.SCORES, labels)]
        yield names.SCORES, "histogram", "Scores of the rows that were compared.", scores
        risen: list[Row] = [("", labels, version.risen) for labels, version in self._arms()]
        yield names.SCORE_RISEN, "counter", "By how much scores are above the control's, summed up.", risen
        fallen: list[Row] = [("", labels, version.fallen) for labels, version in self._arms()]
        yield names.SCORE_FALLEN, "counter", "By how much scores are below the control's, summed up.", fallen

    def _all(self) -> Iterator[tuple[Labels, _Version]]:
        for name, version in self._versions.items():
            yield {**self._labels, names.VERSION: name}, version

    def _arms(self) -> Iterator[tuple[Labels, _Version]]:
        yield from islice(self._all(), 1, None)

    def _split(
        self,
        label: str,
        values: Iterable[StrEnum],
        counted: Callable[[_Version], Mapping[Any, float]],
        of_control: bool = True,
    ) -> list[Row]:
        """One row for each version and value; those that were not counted are 0."""
        versions = self._all() if of_control else self._arms()
        each = [(labels, counted(version)) for labels, version in versions]
        listed = list(values)
        return [("", {**labels, label: value}, found.get(value, 0)) for labels, found in each for value in listed]
