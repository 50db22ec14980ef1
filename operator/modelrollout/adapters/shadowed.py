"""The counters of a comparer, as Prometheus has scraped them: raw, and the newest of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway, Series
from modelrollout.api import compared
from modelrollout.core.validate.disagreement import Flips
from modelrollout.core.validate.shadowed import Replays, Shadowed

WINDOW = 60.0
"""Seconds. Who was not scraped for so long is not seen; and what was lost before does not tell what can be seen now."""

_EVERY = "modelrollout_shadow_.+"


class NotSeen(Exception):
    """Nothing is known of the comparer; the message says why."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The newest values of one comparer, by name and labels."""

    series: Sequence[Series]

    def sum(self, name: str, **labels: str) -> float:
        """Of all series of a name that have these labels."""
        return sum(map(_value, self._of(name, labels)))

    @property
    def started(self) -> float:
        """When its process began to count, seconds since 1970; 0 where it does not say so."""
        return max(map(_value, self._of(compared.STARTED, {})), default=0.0)

    def lately(self, label: str, name: str) -> dict[str, float]:
        """Of a name, by a label: what was added within ``WINDOW``, which is all where the process is younger, or does
        not say how old it is."""
        return {item.labels.get(label, ""): self._added(item) for item in self._of(name, {})}

    def _added(self, series: Series) -> float:
        (_, before), (last, now) = series.points[0], series.points[-1]
        return now if not self.started or last - self.started <= WINDOW else now - before

    def histogram(self, name: str, version: str) -> tuple[float, ...]:
        """What is in each bin, the last one above all bounds."""
        found = self._of(f"{name}_bucket", {"version": version})
        cumulated = [0.0, *(count for _, count in sorted((float(item.labels["le"]), _value(item)) for item in found))]
        return tuple(count - before for before, count in pairwise(cumulated))

    def _of(self, name: str, labels: Mapping[str, str]) -> list[Series]:
        wanted = {"__name__": name, **labels}
        return [item for item in self.series if wanted.items() <= item.labels.items()]


def _value(series: Series) -> float:
    return series.points[-1][1]


async def shadowed(
    prometheus: Prometheus, place: tuple[str, str, str], control: str, arms: Collection[str]
) -> Mapping[str, Shadowed]:
    """What the comparer of a ``place`` (namespace, rollout, trial) has counted of each arm that it knows. Raises
    NotSeen."""
    labels = ",".join(f'{name}="{value}"' for name, value in zip(compared.LABELS, place, strict=True))
    try:
        found = await prometheus.raw(prometheus.here(f'{{__name__=~"{_EVERY}",{labels}}}'), WINDOW)
    except (PrometheusAway, BadQuery) as error:
        raise NotSeen(str(error)) from error
    counters = newest([item for item in found if item.points])
    known = {item.labels.get(compared.VERSION) for item in counters.series}
    if not known.intersection(arms):
        words = f"Prometheus at {prometheus.url} has no sample of its comparer; does it scrape pods by annotation?"
        raise NotSeen(words)
    return {arm: of_arm(counters, control, arm) for arm in arms if arm in known}


def newest(series: Sequence[Series]) -> Counters:
    """Those of the process that began last, and of several that do not say so of the one that was scraped last. One
    that is about to end is scraped beside the next one for a while, and counted for itself."""
    processes: dict[tuple[str, ...], list[Series]] = {}
    for item in series:
        processes.setdefault(_process(item), []).append(item)
    return max(map(Counters, processes.values()), key=_age, default=Counters(()))


def _age(counters: Counters) -> tuple[float, float]:
    """When the process began, and when it was scraped last."""
    return counters.started, max(item.points[-1][0] for item in counters.series)


def _process(series: Series) -> tuple[str, ...]:
    """Where it is scraped. One that two jobs scrape counts once."""
    return tuple(series.labels.get(name, "") for name in ("instance", "pod", "job"))


def of_arm(counters: Counters, control: str, arm: str) -> Shadowed:
    """Of one arm, beside the control."""
    unfit = [reason.value for reason in compared.UNFIT]
    received = sum(counters.lately("protocol", compared.RECEIVED).values())
    dropped = counters.lately("reason", compared.DROPPED)
    lost = {reason: number for reason, number in dropped.items() if reason not in unfit}
    once, always = (counters.sum(compared.REPEATED, version=arm, by=by.value) for by in compared.Again)
    of_control = [
        counters.sum(compared.EXCLUDED, version=arm, reason=reason.value)
        for reason in compared.Excluded
        if reason is not compared.Excluded.ARM_FAILED
    ]
    return Shadowed(
        flips=Flips(
            compared=counters.sum(compared.COMPARED, version=arm),
            different=counters.sum(compared.DIFFERENT, version=arm),
            once=once,
            always=always,
            noise=(
                counters.sum(compared.DIFFERENT, version=control),
                counters.sum(compared.COMPARED, version=control),
            ),
        ),
        arm=_replays(counters, arm),
        control=_replays(counters, control),
        received=received - sum(number for reason, number in dropped.items() if reason in unfit),
        dropped=sum(lost.values()),
        why=max(lost, key=lambda reason: lost[reason], default=""),
        unusable=sum(of_control),
        started=counters.started,
    )


def _replays(counters: Counters, version: str) -> Replays:
    return Replays(
        answered=counters.sum(compared.ANSWERS, version=version, outcome=compared.Outcome.OK.value),
        failed=counters.sum(compared.ANSWERS, version=version, outcome=compared.Outcome.FAILED.value),
        latency=counters.histogram(compared.LATENCY, version),
        scores=counters.histogram(compared.SCORES, version),
    )
