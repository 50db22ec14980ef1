"""Populations: whose requests they are, and how each version answers them.

All requests are of one population, unless the manifest releases to those of ``traffic.match`` first: these people may
be few, or fail more often, or see another side of the model than everybody else. In the file they are ``matched``, and
whatever is not said of them is as for the others. So are the ``segments`` of a contextual bandit, each by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from modelrollout.api.analysis import Analysis, Metric
from modelrollout.api.route import EVERYBODY, MATCHED, Route, Split
from modelrollout.api.version import VERSION
from modelrollout.simulation.latency import Latency, read_latency
from modelrollout.simulation.profile import Profile, read_profile
from modelrollout.simulation.reading import Node

LITTLE = 1e-9  # by which a sum of shares may miss 1

BEHAVIOUR = ("errors", "latency", "rewards")
"""The keys of a behaviour in the file."""


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
        """The chance that an answer is bad by this metric at ``time``, or is rewarded. Raises KeyError where nothing is
        said of it."""
        if metric.name == "errors":
            return self.errors.at(time)
        if metric.name == "latency":
            if self.latency is None or metric.over is None:
                raise KeyError("latency")
            return self.latency.slower(metric.over, analysis.provider, time)
        success = self.rewards[metric.name].at(time)
        return 1.0 - success if metric.counts_good else success


@dataclass(frozen=True, slots=True)
class Population:
    """Some of the requests. ``split`` is the split that is for them alone; ``share`` is their part of all requests.

    ``candidate`` is how the version of the spec answers, and each other arm that is not in ``versions``.
    """

    split: str
    share: float
    stable: Behaviour
    candidate: Behaviour
    versions: Mapping[str, Behaviour] = field(default_factory=dict)

    def behaviour(self, version: str, stable: str) -> Behaviour:
        """How a version answers them; ``stable`` is the one that served when the release began."""
        return self.stable if version == stable else self.versions.get(version, self.candidate)

    def entries(self) -> Iterator[tuple[str, Behaviour]]:
        """Every behaviour with its path in the file."""
        before = {MATCHED: f"{MATCHED}.", EVERYBODY: ""}.get(self.split, f"segments.{self.split}.")
        yield f"{before}stable", self.stable
        yield f"{before}candidate", self.candidate
        for version, behaviour in self.versions.items():
            yield f"{before}versions.{version}", behaviour

    def split_of(self, route: Route) -> Split:
        """The split that their requests fall into: their own where the route has it."""
        return route.split(self.split) or route.everybody


def read_populations(fields: Mapping[str, Node]) -> tuple[tuple[Population, ...], str | None]:
    """The populations of a traffic file, everybody else last, and the name of the stable version."""
    stable, version = _read_stable(fields["stable"])
    candidate = _read(fields["candidate"], Behaviour())
    versions = dict(_read_versions(fields["versions"], {}, candidate)) if "versions" in fields else {}
    others = Population(EVERYBODY, 1.0, stable, candidate, versions)
    told = {MATCHED: fields["matched"]} if "matched" in fields else {}
    told |= fields["segments"].children() if "segments" in fields else {}
    found = tuple(_read_some(node, split, others) for split, node in told.items())
    rest = 1.0 - sum(population.share for population in found)
    if rest < -LITTLE:
        raise fields["segments" if "segments" in fields else "matched"].error(
            f"the shares sum to {1.0 - rest:g}; at most 1"
        )
    return (*found, replace(others, share=max(0.0, rest))), version


def _read_stable(node: Node) -> tuple[Behaviour, str | None]:
    fields = node.fields("version", *BEHAVIOUR)
    given = fields.pop("version", None)
    return _behaviour(fields, Behaviour()), _version(given, str(given.value)) if given is not None else None


def _read_some(node: Node, split: str, others: Population) -> Population:
    fields = node.fields("share", "stable", "candidate", "versions")
    if "share" not in fields:
        raise node.error("share is missing: which part of the requests is theirs? write for example share: 0.1")
    candidate = _read(fields.get("candidate"), others.candidate)
    versions = dict(others.versions)
    if "versions" in fields:
        versions |= _read_versions(fields["versions"], others.versions, candidate)
    stable = _read(fields.get("stable"), others.stable)
    return Population(split, fields["share"].share(), stable, candidate, versions)


def _read_versions(node: Node, known: Mapping[str, Behaviour], candidate: Behaviour) -> Iterator[tuple[str, Behaviour]]:
    """What an entry leaves out is as the version answers the others, or else as the candidate does."""
    entries = node.children()
    if not entries:
        raise node.error("no version is named; write for example versions: {2.5.1202: {errors: 0.05}}")
    for version, entry in entries.items():
        yield _version(entry, version), _read(entry, known.get(version, candidate))


def _version(node: Node, text: str) -> str:
    try:
        return VERSION.check(text)
    except ValueError as error:
        raise node.error(str(error)) from error


def _read(node: Node | None, usual: Behaviour) -> Behaviour:
    return usual if node is None else _behaviour(node.fields(*BEHAVIOUR), usual)


def _behaviour(fields: Mapping[str, Node], usual: Behaviour) -> Behaviour:
    """What is given, and the rest as usual."""
    rewards = fields["rewards"].children() if "rewards" in fields else {}
    return Behaviour(
        errors=read_profile(fields["errors"], Node.share) if "errors" in fields else usual.errors,
        latency=read_latency(fields["latency"]) if "latency" in fields else usual.latency,
        rewards={**usual.rewards, **{name: read_profile(item, Node.share) for name, item in rewards.items()}},
    )
