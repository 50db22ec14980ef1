"""Recorded counters in place of made-up traffic: what would the operator have done with them?

A file of JSON lines, each one cumulative counter as it was scraped:

    {"at": 5.0, "version": "2.4.1187", "metric": "errors", "bad": 3, "trials": 512}

``at`` is in seconds since the start of the release. Lines with a negative ``at`` are the time before it: stable's own
noise is measured on them. A counter that fell because its process started anew says so with ``"reset": true``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from modelrollout.api.analysis import Analysis
from modelrollout.api.route import EVERYBODY, Route
from modelrollout.api.version import VERSION
from modelrollout.core.evidence import BadCount, Count
from modelrollout.core.observation import Sample
from modelrollout.simulation.gateway import bad_for_users
from modelrollout.simulation.reading import InputError, Node, read_text
from modelrollout.simulation.source import EPOCH, SERIES, Baseline, Samples, sample

_KEYS = ("at", "version", "metric", "bad", "trials", "reset")


@dataclass(frozen=True, slots=True)
class Line:
    """One cumulative counter at one moment."""

    at: float
    version: str
    metric: str
    count: Count


@dataclass(frozen=True)
class RecordedSource:
    """Samples by metric in order of time, all of one split, and the versions that they are of."""

    samples: Mapping[str, tuple[Sample, ...]]
    times: tuple[float, ...]  # of all samples since the start of the release, ascending
    past: Baseline
    arms: tuple[str, ...]
    stable: str

    @cached_property
    def scrape_interval(self) -> float:
        """The usual time between two samples, in seconds."""
        return median(after - before for before, after in pairwise(self.times)) if len(self.times) > 1 else 5.0

    @property
    def scrapes(self) -> Sequence[float]:
        """The times of all samples, ascending."""
        return self.times

    def route(self, time: float, route: Route) -> None:
        """What was recorded was answered at the weights of then; nothing can change it."""

    def read(self, time: float, splits: Sequence[str]) -> Samples:
        """The newest samples at ``time``. There are some of everybody's requests alone."""
        newest = {metric: _newest(samples, time) for metric, samples in self.samples.items()}
        return {
            (metric, EVERYBODY): found for metric, found in newest.items() if found is not None and EVERYBODY in splits
        }

    def baseline(self) -> Baseline | None:
        """Stable's increments before the release, by metric; None when nothing of it was recorded."""
        return self.past or None

    def served(self, time: float) -> Count:
        """What the versions under trial answered until ``time``, all of them together."""
        return sum((self._served_by(arm, time) for arm in self.arms), Count(0, 0))

    def _served_by(self, version: str, time: float) -> Count:
        totals = {metric: _total(samples, version, time) for metric, samples in self.samples.items()}
        trials = max((count.trials for count in totals.values()), default=0)
        return Count(min(trials, bad_for_users({metric: count.bad for metric, count in totals.items()})), trials)


def _newest(samples: Sequence[Sample], time: float) -> Sample | None:
    return next((found for found in reversed(samples) if found.at <= EPOCH + time + 1e-6), None)


def _total(samples: Sequence[Sample], version: str, time: float) -> Count:
    """All that was counted since the start, resets included."""
    total, last = Count(0, 0), Count(0, 0)
    for found in samples:
        if found.at > EPOCH + time + 1e-6:
            break
        now = found.series.get(version, {}).get(SERIES, last)
        fell = now.trials < last.trials or now.bad < last.bad
        if found.at > EPOCH:
            total += now if fell else Count(now.bad - last.bad, now.trials - last.trials)
        last = now
    return total


def read_samples(path: Path, analysis: Analysis, models: Sequence[str]) -> RecordedSource:
    """The recorded counters of a file: of the versions that the manifest names (``models``) and of the one that served
    before. Raises InputError with one sentence that names the line."""
    lines = list(read_lines(path))
    if not any(line.at >= 0 for line in lines):
        raise InputError(f"{path}: no line has an at of 0 or more, so nothing happens in the release")
    stable = _stable_version(path, lines, models)
    _refuse_other_metrics(path, lines, analysis)
    names = [metric.name for metric in analysis.metrics]
    by_metric = {name: [line for line in lines if line.metric == name] for name in names}
    return RecordedSource(
        samples={name: tuple(_samples(name, by_metric[name])) for name in names},
        times=tuple(sorted({line.at for line in lines if line.at >= 0})),
        past={name: past for name in names if (past := _increments(by_metric[name], stable))},
        arms=tuple(models),
        stable=stable,
    )


def _samples(metric: str, lines: Iterable[Line]) -> Iterator[Sample]:
    counts: dict[str, Count] = {}
    moments: dict[float, dict[str, Count]] = {}
    for line in lines:
        counts[line.version] = line.count
        moments[line.at] = dict(counts)
    for at, now in moments.items():
        if at >= 0:
            yield sample(metric, at, now)


def _increments(lines: Iterable[Line], stable: str) -> tuple[Count, ...]:
    """Stable's counts between the samples before the release; the one at 0 ends the last of them."""
    past = [line.count for line in lines if line.version == stable and line.at <= 0]
    rises = [(before, after) for before, after in pairwise(past) if _rose(before, after)]
    return tuple(Count(after.bad - before.bad, after.trials - before.trials) for before, after in rises)


def _rose(before: Count, after: Count) -> bool:
    return 0 <= after.bad - before.bad <= after.trials - before.trials


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file, checked one against the other."""
    last: dict[tuple[str, str], Line] = {}
    for number, text in enumerate(read_text(path).splitlines(), 1):
        if not text.strip():
            continue
        node = Node(f"{path}:{number}", "", _json(f"{path}:{number}", text))
        line, reset = _line(node)
        before = last.get((line.version, line.metric))
        if before is not None:
            _refuse_backwards(node, before, line, reset)
        last[line.version, line.metric] = line
        yield line


def _json(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{where}: this is no JSON: {error}") from error


def _line(node: Node) -> tuple[Line, bool]:
    fields = node.fields(*_KEYS)
    for key in _KEYS[:-1]:
        if key not in fields:
            raise node.error(f"{key} is missing; a line has {', '.join(_KEYS[:-1])}")
    reset = "reset" in fields
    if reset and fields["reset"].value is not True:
        raise fields["reset"].error("reset is true or not there")
    at = fields["at"].number(-1e9, 1e9, "a time in seconds since the start of the release")
    try:
        version = VERSION.check(str(fields["version"].value))
        count = Count(fields["bad"].value, fields["trials"].value)
    except BadCount as error:
        raise node.error(str(error)) from error
    except ValueError as error:
        raise fields["version"].error(str(error)) from error
    return Line(at, version, str(fields["metric"].value), count), reset


def _refuse_backwards(node: Node, before: Line, line: Line, reset: bool) -> None:
    what = f"{line.metric} of {line.version}"
    if line.at <= before.at:
        raise node.error(f"at {line.at:g} is not after {before.at:g}, the last line of {what}; put them in order")
    fell = line.count.trials < before.count.trials or line.count.bad < before.count.bad
    if fell and not reset:
        raise node.error(
            f"{what} falls from {before.count.bad} bad of {before.count.trials} to {line.count.bad} of "
            f'{line.count.trials}: counters are cumulative; if its process started anew, add "reset": true'
        )
    if not fell and line.count.bad - before.count.bad > line.count.trials - before.count.trials:
        raise node.error(
            f"{what} has {line.count.bad - before.count.bad} more bad answers but only "
            f"{line.count.trials - before.count.trials} more answers than at {before.at:g}; do both count the same?"
        )


def _stable_version(path: Path, lines: Iterable[Line], models: Sequence[str]) -> str:
    others = sorted({line.version for line in lines} - set(models))
    if len(others) != 1:
        found = " and ".join(others) if others else "none"
        raise InputError(
            f"{path}: besides the manifest's {' and '.join(models)} there must be the counters of exactly one version, "
            f"the stable one; there is {found}"
        )
    return others[0]


def _refuse_other_metrics(path: Path, lines: Iterable[Line], analysis: Analysis) -> None:
    judged, recorded = [metric.name for metric in analysis.metrics], {line.metric for line in lines}
    for name in sorted(recorded - set(judged)):
        raise InputError(f"{path}: the manifest has no metric {name}; it judges {', '.join(judged)}")
    for metric in analysis.metrics:
        if metric.max is not None:
            raise InputError(
                f"{path}: {metric.name} is a sum of rewards, and lines hold counts alone; use a traffic file"
            )
    for name in judged:
        if name not in recorded:
            raise InputError(f"{path}: the manifest judges the metric {name}, and no line is of it")


def to_lines(samples: Iterable[Sample], past: Baseline, stable: str, interval: float) -> Iterator[str]:
    """Samples as the lines of a file, after ``past``, stable's increments before the release, at negative times."""
    for metric, counts in past.items():
        total = Count(0, 0)
        for index, count in enumerate(counts):
            yield _text((index - len(counts)) * interval, stable, metric, total, False)
            total += count
    last: dict[tuple[str, str], Count] = {}
    for found in samples:
        for version, series in found.series.items():
            count = series[SERIES]
            before = last.get((found.metric, version), Count(0, 0))
            yield _text(round(found.at - EPOCH, 3), version, found.metric, count, count.trials < before.trials)
            last[found.metric, version] = count


def _text(at: float, version: str, metric: str, count: Count, reset: bool) -> str:
    line = {"at": at, "version": version, "metric": metric, "bad": count.bad, "trials": count.trials}
    return json.dumps(line | ({"reset": True} if reset else {}))
