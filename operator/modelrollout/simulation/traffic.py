"""Traffic: what users send and how each version answers, as written in ``traffic.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isinf
from pathlib import Path

from modelrollout.api.analysis import Analysis, Direction, Metric
from modelrollout.api.base import format_duration
from modelrollout.api.version import VERSION
from modelrollout.simulation.events import (
    Blackout,
    Burst,
    CounterReset,
    Event,
    Outage,
    Restart,
    ScrapeSkew,
    Silence,
    read_events,
)
from modelrollout.simulation.latency import Buckets, Latency, read_latency
from modelrollout.simulation.profile import Profile, read_profile
from modelrollout.simulation.reading import InputError, Node, read_documents


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one version answers: the share of errors, how long answers take, and the successes of other metrics."""

    errors: Profile = field(default_factory=lambda: Profile.constant(0.0))
    latency: Latency | None = None
    rewards: Mapping[str, Profile] = field(default_factory=dict)

    def changes(self) -> Iterator[float]:
        """The times at which something changes."""
        yield from self.errors.changes
        yield from self.latency.changes if self.latency is not None else ()
        for reward in self.rewards.values():
            yield from reward.changes

    def bad(self, metric: Metric, analysis: Analysis, time: float) -> float:
        """The chance that an answer is bad by this metric at ``time``. Raises KeyError where nothing is said of it."""
        if metric.name == "errors":
            return self.errors.at(time)
        if metric.name == "latency":
            if self.latency is None or metric.over is None:
                raise KeyError("latency")
            return self.latency.slower(metric.over, analysis.provider, time)
        success = self.rewards[metric.name].at(time)
        return 1.0 - success if metric.direction is Direction.HIGHER_IS_BETTER else success


@dataclass(frozen=True, slots=True)
class Traffic:
    """``rps`` in requests a second; ``scrape_interval`` and ``duration`` in seconds.

    ``stable_version`` is the name of the version that serves when the release begins, None: not said.
    """

    rps: Profile
    scrape_interval: float
    duration: float
    stable: Behaviour
    candidate: Behaviour
    events: tuple[Event, ...] = ()
    stable_version: str | None = None

    def behaviour(self, role: str) -> Behaviour:
        """Of ``stable`` or ``candidate``."""
        return self.stable if role == "stable" else self.candidate

    def changes(self) -> list[float]:
        """The times, ascending, between which every chance and rate is constant."""
        times = {*self.rps.changes, *self.stable.changes(), *self.candidate.changes()}
        for event in self.events:
            match event:
                case Outage() | Silence() | Burst():
                    times |= {event.at, event.until}
                case CounterReset():
                    times.add(event.at)
        return sorted(time for time in times if 0 < time < self.duration)

    def requests(self, time: float) -> float:
        """Requests a second at ``time``."""
        silent = any(isinstance(event, Silence) and event.at <= time < event.until for event in self.events)
        return 0.0 if silent else self.rps.at(time)

    def outage(self, time: float) -> float:
        """Share of all answers that are errors because of something shared."""
        hit = (event.errors for event in self.events if isinstance(event, Outage) and event.at <= time < event.until)
        return next(hit, 0.0)

    def burst(self, time: float) -> int:
        """How many bad answers come together; 1: each on its own."""
        size = (event.size for event in self.events if isinstance(event, Burst) and event.at <= time < event.until)
        return next(size, 1)

    def blind(self, time: float) -> bool:
        """Whether Prometheus cannot be asked."""
        return any(isinstance(event, Blackout) and event.at <= time < event.until for event in self.events)

    @property
    def skew(self) -> float:
        """By how many seconds stable's counters are older than the candidate's in each sample."""
        return next((event.seconds for event in self.events if isinstance(event, ScrapeSkew)), 0.0)

    @property
    def restarts(self) -> tuple[float, ...]:
        """When the operator is killed, ascending."""
        return tuple(sorted(event.at for event in self.events if isinstance(event, Restart)))


def read_traffic(path: Path) -> Traffic:
    """The traffic of a file. Raises InputError with one sentence."""
    documents = read_documents(path)
    if len(documents) != 1:
        raise InputError(f"{path}: {len(documents)} documents; a traffic file has exactly one")
    return traffic_of(Node(str(path), "", documents[0]))


def traffic_of(node: Node) -> Traffic:
    """The traffic of a document."""
    fields = node.fields("rps", "scrapeInterval", "duration", "stable", "candidate", "events")
    for key, example in _NEEDED.items():
        if key not in fields:
            raise node.error(f"{key} is missing; write for example {example}")
    duration = fields["duration"].seconds(positive=True)
    interval = fields["scrapeInterval"].seconds(positive=True)
    if interval > duration:
        end = format_duration(duration)
        raise fields["scrapeInterval"].error(f"{format_duration(interval)} is longer than the duration {end}")
    stable, version = _read_stable(fields["stable"])
    traffic = Traffic(
        rps=read_profile(fields["rps"], _rps),
        scrape_interval=interval,
        duration=duration,
        stable=stable,
        candidate=_behaviour(fields["candidate"].fields(*_BEHAVIOUR)),
        events=read_events(fields["events"], duration) if "events" in fields else (),
        stable_version=version,
    )
    _refuse_what_comes_too_late(node, traffic)
    return traffic


_NEEDED = {
    "rps": "rps: 100",
    "scrapeInterval": "scrapeInterval: 5s",
    "duration": "duration: 30m",
    "stable": "stable: {errors: 0.005}",
    "candidate": "candidate: {errors: 0.05}",
}
_BEHAVIOUR = ("errors", "latency", "rewards")


def _rps(node: Node) -> float:
    return node.number(0, 1e6, "a number of requests a second from 0 to 1000000")


def _read_stable(node: Node) -> tuple[Behaviour, str | None]:
    fields = node.fields("version", *_BEHAVIOUR)
    given = fields.pop("version", None)
    if given is None:
        return _behaviour(fields), None
    try:
        return _behaviour(fields), VERSION.check(str(given.value))
    except ValueError as error:
        raise given.error(str(error)) from error


def _behaviour(fields: Mapping[str, Node]) -> Behaviour:
    rewards = fields["rewards"].children() if "rewards" in fields else {}
    return Behaviour(
        errors=read_profile(fields["errors"], Node.share) if "errors" in fields else Profile.constant(0.0),
        latency=read_latency(fields["latency"]) if "latency" in fields else None,
        rewards={name: read_profile(item, Node.share) for name, item in rewards.items()},
    )


def _refuse_what_comes_too_late(node: Node, traffic: Traffic) -> None:
    """A change after the end would be a setting that does nothing."""
    for path, times in (
        ("rps", traffic.rps.changes),
        ("stable", tuple(traffic.stable.changes())),
        ("candidate", tuple(traffic.candidate.changes())),
    ):
        late = [time for time in times if time >= traffic.duration and not isinf(time)]
        if late:
            end = format_duration(traffic.duration)
            raise node.child(path, None).error(
                f"changes from {format_duration(min(late))} on, which never happens: the duration is {end}"
            )


def refuse_unanswered(traffic: Traffic, analysis: Analysis, file: str) -> None:
    """Every metric that the manifest judges must have its numbers, and no numbers may be for nothing."""
    names = {metric.name for metric in analysis.metrics}
    for role in ("stable", "candidate"):
        behaviour = traffic.behaviour(role)
        for metric in analysis.metrics:
            try:
                behaviour.bad(metric, analysis, 0.0)
            except KeyError as error:
                key = "latency" if metric.name == "latency" else f"rewards.{metric.name}"
                raise InputError(
                    f"{file}: {role}.{key} is missing: the manifest judges the metric {metric.name}"
                ) from error
        refuse_deaf_buckets(behaviour, analysis, f"{file}: {role}.latency")
        for name in behaviour.rewards:
            if name not in names:
                known = ", ".join(sorted(names))
                raise InputError(
                    f"{file}: {role}.rewards.{name}: the manifest has no metric of this name; it judges {known}"
                )


def refuse_deaf_buckets(behaviour: Behaviour, analysis: Analysis, where: str) -> None:
    """A bound above the last bucket would call no answer slow, however long it took."""
    for metric in analysis.metrics:
        if metric.over is not None and isinstance(behaviour.latency, Buckets) and metric.over > behaviour.latency.last:
            over, last = format_duration(metric.over), format_duration(behaviour.latency.last)
            raise InputError(
                f"{where}: the manifest judges over: {over}, above the last bucket {last}; add one at {over}"
            )
