"""Scenario: all that a simulation was given, and the release that it makes of a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.simulation.answered import refuse_unanswered
from modelrollout.simulation.cast import Cast
from modelrollout.simulation.cluster import Smoke
from modelrollout.simulation.copies import Copies
from modelrollout.simulation.fitness import Fitness
from modelrollout.simulation.generated import GeneratedSource
from modelrollout.simulation.manifest import Played, read_manifest, serving
from modelrollout.simulation.reading import InputError
from modelrollout.simulation.recorded import RecordedSource, read_samples
from modelrollout.simulation.release import Release
from modelrollout.simulation.source import Source
from modelrollout.simulation.traffic import Traffic, read_traffic


@dataclass(frozen=True, slots=True)
class Scenario:
    """A rollout with its stable version, and either made-up traffic or recorded counters. ``approve_after`` in seconds:
    how long a person takes to approve; None: nobody does."""

    rollout: ModelRollout
    spec: Spec
    given: Traffic | RecordedSource
    approve_after: float | None = None

    @property
    def cast(self) -> Cast:
        """The versions that it is about."""
        assert self.rollout.status.stable is not None
        return Cast.of(self.spec, self.rollout.status.stable.version)

    @property
    def candidate(self) -> str:
        """The version of the spec's model."""
        return self.cast.candidate

    @property
    def stable(self) -> str:
        """The version that serves when the release begins."""
        return self.cast.stable

    @property
    def duration(self) -> float:
        """Seconds after which the simulation ends, whatever the release has come to."""
        return self.given.duration if isinstance(self.given, Traffic) else self.given.times[-1]

    @property
    def scrape_interval(self) -> float:
        """Seconds between two samples."""
        return self.given.scrape_interval

    def release(self, seed: int) -> Release:
        """The release of this seed. Recorded counters are the same for every seed."""
        traffic = self.given if isinstance(self.given, Traffic) else None
        return Release(
            rollout=self.rollout,
            cast=self.cast,
            source=self.source(seed),
            duration=self.duration,
            smoke=Smoke(traffic, self.stable, seed),
            fitness=Fitness(traffic.unfit if traffic is not None else frozenset()),
            copies=Copies(traffic, self.cast, seed) if traffic is not None else None,
            restarts=traffic.restarts if traffic is not None else (),
            approve_after=self.approve_after,
        )

    def source(self, seed: int) -> Source:
        """Where the samples come from."""
        if isinstance(self.given, Traffic):
            return GeneratedSource(self.given, self.spec.analysis, self.cast, seed)
        return self.given


def from_traffic(manifest: Path, traffic: Path) -> Scenario:
    """The only rollout of a file under made-up traffic. Raises InputError with one sentence."""
    return under_traffic(read_manifest(manifest), traffic)


def from_samples(manifest: Path, samples: Path) -> Scenario:
    """The only rollout of a file under recorded counters. Raises InputError with one sentence."""
    return under_samples(read_manifest(manifest), samples)


def under_traffic(manifest: Played, traffic: Path) -> Scenario:
    """A rollout under made-up traffic. Raises InputError with one sentence."""
    rollout, spec = manifest
    given = read_traffic(traffic)
    scenario = Scenario(serving(rollout, spec, given.stable, str(traffic)), spec, given)
    refuse_unanswered(given, spec, scenario.cast, str(traffic))
    return scenario


def under_samples(manifest: Played, samples: Path) -> Scenario:
    """A rollout under recorded counters. Raises InputError with one sentence."""
    rollout, spec = manifest
    if spec.traffic.match or spec.segments:
        what = "traffic.match" if spec.traffic.match else "segments"
        raise InputError(
            f"{samples}: the manifest has {what}, and recorded counters do not tell whose requests they count; leave "
            f"{what} out, or give --traffic"
        )
    if spec.asked_before_traffic.shadow is not None:
        raise InputError(
            f"{samples}: the manifest has validation.shadow, and recorded counters do not tell what was answered; "
            "leave it out, or give --traffic"
        )
    known = rollout.status.stable.version if rollout.status.stable is not None else ""
    given = read_samples(samples, spec.analysis, Cast.of(spec, known).arms)
    return Scenario(serving(rollout, spec, given.stable, str(samples)), spec, given)
