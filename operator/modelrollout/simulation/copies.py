"""The comparer of a simulated release: it is there some seconds after it was wanted, and counts copies of requests.

A version fails copies, or is slow with them, as it is with the requests of users; it answers otherwise than stable as
often as ``disagreement`` of the traffic file says, and says the same when it is asked again. Scores are not made up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import floor

import numpy as np

from modelrollout.api.analysis import Provider
from modelrollout.api.compared import LATENCY_BOUNDS
from modelrollout.core.plan import DesiredComparer, Questions
from modelrollout.core.validate.disagreement import Flips
from modelrollout.core.validate.shadowed import Replays, Shadowed
from modelrollout.simulation.cast import Cast
from modelrollout.simulation.latency import Latency
from modelrollout.simulation.population import Behaviour, Population
from modelrollout.simulation.profile import Profile
from modelrollout.simulation.traffic import Traffic

STARTS = 5.0
"""Seconds until its pod is ready and the mesh knows it."""

_NONE = Profile.constant(0.0)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a pass is told of it, by the names of ``Observation``."""

    shadow: Mapping[str, Shadowed] = field(default_factory=dict)
    unshadowed: str | None = None
    mirrors: bool = False


@dataclass(slots=True)
class _Tally:
    """What is counted of one version."""

    answered: int = 0
    failed: int = 0
    compared: int = 0
    different: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))

    def replays(self) -> Replays:
        """For the verdicts."""
        return Replays(self.answered, self.failed, tuple(self.latency))


class Copies:
    """All times are seconds since the start of the release."""

    def __init__(self, traffic: Traffic, cast: Cast, seed: int) -> None:
        self._traffic, self._cast, self._rng = traffic, cast, np.random.default_rng([seed, 3])
        self._wanted: DesiredComparer | None = None
        self._there_at = self._at = 0.0
        self._received = 0
        self._tallies: dict[str, _Tally] = {}
        self._scraped: Mapping[str, Shadowed] = {}
        scrapes = floor(traffic.duration / traffic.scrape_interval + 1e-9)
        self._scrapes = {round(index * traffic.scrape_interval, 3) for index in range(scrapes + 1)}
        self._stops = sorted({*self._scrapes, *traffic.changes()})

    def plan(self, time: float, wanted: DesiredComparer | None) -> None:
        """What is wanted from ``time`` on. Another one counts from 0."""
        self._run(time)
        before, after = (replace(item, mirrors=False) if item is not None else None for item in (self._wanted, wanted))
        if before != after:
            self._there_at, self._received, self._tallies, self._scraped = time + STARTS, 0, {}, {}
        self._wanted = wanted

    def see(self, time: float, asked: Questions) -> Compared:
        """What Prometheus has of it at ``time``."""
        self._run(time)
        if asked.shadow is None:
            return Compared()
        if self._wanted is None or self._wanted.trial != asked.shadow or time < self._there_at:
            return Compared(unshadowed="its comparer is being started")
        if self._traffic.blind(time) or not self._scraped:
            return Compared(unshadowed="Prometheus has no sample of its comparer", mirrors=True)
        return Compared(self._scraped, mirrors=True)

    def _run(self, time: float) -> None:
        """All copies and scrapes up to ``time``."""
        while self._at < time:
            following = bisect_right(self._stops, self._at)
            end = min([time, *self._stops[following : following + 1]])
            if self._wanted is not None and self._wanted.mirrors:
                self._copy(self._wanted, self._at, end)
            self._at = end
            if end in self._scrapes and not self._traffic.blind(end):
                self._scrape()

    def _copy(self, wanted: DesiredComparer, start: float, end: float) -> None:
        for population in self._traffic.populations:
            rate = self._traffic.requests(start) * population.share * wanted.settings.percent / 100
            self._replay(wanted, population, int(self._rng.poisson(rate * (end - start))), start)

    def _replay(self, wanted: DesiredComparer, population: Population, copies: int, time: float) -> None:
        """Control and arms are asked the same. What control fails is compared with nothing."""
        self._received += copies
        control = population.behaviour(wanted.control, self._cast.stable)
        failed = self._ask(wanted, wanted.control, control, copies, time)
        usable = copies - failed
        self._tally(wanted.control).compared += int(self._rng.binomial(usable, wanted.settings.noise_sample / 100))
        for version in wanted.arms:
            arm = population.behaviour(version, self._cast.stable)
            self._ask(wanted, version, arm, failed, time)
            compared = usable - self._ask(wanted, version, arm, usable, time)
            tally, differs = self._tally(version), self._traffic.disagreement.get(version, _NONE).at(time)
            tally.compared += compared
            tally.different += int(self._rng.binomial(compared, differs))

    def _ask(self, wanted: DesiredComparer, version: str, behaviour: Behaviour, copies: int, time: float) -> int:
        """How many copies a version fails: answers that are errors, or come after the time limit."""
        well = (1.0 - self._traffic.outage(time)) * (1.0 - behaviour.errors.at(time))
        if behaviour.latency is not None:
            well *= 1.0 - behaviour.latency.slower(wanted.settings.timeout, Provider.ISTIO, time)
        tally, failed = self._tally(version), int(self._rng.binomial(copies, 1.0 - well))
        tally.answered, tally.failed = tally.answered + copies - failed, tally.failed + failed
        if behaviour.latency is not None:
            drawn = self._rng.multinomial(copies, _bins(behaviour.latency, time))
            tally.latency = [before + int(more) for before, more in zip(tally.latency, drawn, strict=True)]
        return failed

    def _tally(self, version: str) -> _Tally:
        return self._tallies.setdefault(version, _Tally())

    def _scrape(self) -> None:
        if self._wanted is None or self._at < self._there_at:
            return
        control = self._tally(self._wanted.control)
        self._scraped = {version: self._of(self._tally(version), control) for version in self._wanted.arms}

    def _of(self, arm: _Tally, control: _Tally) -> Shadowed:
        return Shadowed(
            flips=Flips(arm.compared, arm.different, arm.different, arm.different, (0.0, control.compared)),
            arm=arm.replays(),
            control=control.replays(),
            received=self._received,
            unusable=control.failed,
        )


def _bins(latency: Latency, time: float) -> list[float]:
    """The chance of each bin of the comparer's histogram, the last one above all bounds."""
    above = [1.0, *(latency.slower(bound, Provider.ISTIO, time) for bound in LATENCY_BOUNDS), 0.0]
    return [max(0.0, before - after) for before, after in pairwise(above)]
