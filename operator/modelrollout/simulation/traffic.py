"""Traffic: what users send and how each version answers, as written in ``traffic.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isinf
from pathlib import Path

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
from modelrollout.simulation.population import Population, read_populations
from modelrollout.simulation.profile import Profile, read_profile
from modelrollout.simulation.reading import InputError, Node, read_documents


@dataclass(frozen=True, slots=True)
class Traffic:
    """``rps`` in requests a second; ``scrape_interval``, ``duration`` and ``reward_delay`` in seconds.

    ``populations`` are those of ``traffic.match`` or of segments, where the file tells of them, and everybody else.
    ``stable`` is the name of the version that serves when the release begins, None: not said. ``unfit`` are versions
    that do not show what ``spec.validation`` asks for; ``disagreement`` is by version how often it answers otherwise
    than the control, where ``validation.shadow`` compares them. ``reward_delay`` is the mean time from a request to its
    reward.
    """

    rps: Profile
    scrape_interval: float
    duration: float
    populations: tuple[Population, ...]
    events: tuple[Event, ...] = ()
    stable: str | None = None
    unfit: frozenset[str] = frozenset()
    disagreement: Mapping[str, Profile] = field(default_factory=dict)
    reward_delay: float = 0.0

    @property
    def others(self) -> Population:
        """Everybody else."""
        return self.populations[-1]

    def changes(self) -> list[float]:
        """The times, ascending, between which every chance and rate is constant."""
        times = set(self.rps.changes)
        for population in self.populations:
            times |= {time for _, behaviour in population.entries() for time in behaviour.changes()}
        times |= {time for profile in self.disagreement.values() for time in profile.changes}
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
        """By how many seconds stable's counters are older than those of the others in each sample."""
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
    if isinstance(documents[0], dict) and "kind" in documents[0]:
        raise InputError(
            f"{path}: this is a manifest, {documents[0]['kind']}, and no traffic; write for example rps: 100"
        )
    return traffic_of(Node(str(path), "", documents[0]))


def traffic_of(node: Node) -> Traffic:
    """The traffic of a document."""
    fields = node.fields(*_NEEDED, "versions", "matched", "segments", "events", "unfit", "disagreement", "rewardDelay")
    for key, example in _NEEDED.items():
        if key not in fields:
            raise node.error(f"{key} is missing; write for example {example}")
    duration = fields["duration"].seconds(positive=True)
    interval = fields["scrapeInterval"].seconds(positive=True)
    if interval > duration:
        end = format_duration(duration)
        raise fields["scrapeInterval"].error(f"{format_duration(interval)} is longer than the duration {end}")
    populations, stable = read_populations(fields)
    traffic = Traffic(
        rps=read_profile(fields["rps"], _rps),
        scrape_interval=interval,
        duration=duration,
        populations=populations,
        events=read_events(fields["events"], duration) if "events" in fields else (),
        stable=stable,
        unfit=frozenset(_unfit(fields["unfit"])) if "unfit" in fields else frozenset(),
        disagreement=dict(_disagreement(fields["disagreement"])) if "disagreement" in fields else {},
        reward_delay=fields["rewardDelay"].seconds() if "rewardDelay" in fields else 0.0,
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


def _unfit(node: Node) -> Iterator[str]:
    for item in node.items():
        yield _version(item, str(item.value))


def _disagreement(node: Node) -> Iterator[tuple[str, Profile]]:
    for version, item in node.children().items():
        yield _version(item, version), read_profile(item, Node.share)


def _version(node: Node, text: str) -> str:
    try:
        return VERSION.check(text)
    except ValueError as error:
        raise node.error(str(error)) from error


def _rps(node: Node) -> float:
    return node.number(0, 1e6, "a number of requests a second from 0 to 1000000")


def _refuse_what_comes_too_late(node: Node, traffic: Traffic) -> None:
    """A change after the end would be a setting that does nothing."""
    for path, times in _changes_by_path(traffic):
        late = [time for time in times if time >= traffic.duration and not isinf(time)]
        if late:
            end = format_duration(traffic.duration)
            raise node.child(path, None).error(
                f"changes from {format_duration(min(late))} on, which never happens: the duration is {end}"
            )


def _changes_by_path(traffic: Traffic) -> Iterator[tuple[str, tuple[float, ...]]]:
    """In the order in which one takes over from another, so that the entry itself is blamed."""
    yield "rps", traffic.rps.changes
    yield from ((f"disagreement.{version}", profile.changes) for version, profile in traffic.disagreement.items())
    for population in reversed(traffic.populations):
        yield from ((path, tuple(behaviour.changes())) for path, behaviour in population.entries())
