"""The release itself: pass after pass of the product's own ``decide``, on a made-up clock.

The operator looks twice a second, because it cannot know when the next sample comes. Here that is known, so the clock
jumps from one thing that can change something to the next: a new sample, or the time that the last plan or the
release's own clock asks for. A time limit that falls between two samples (maxHold, maxBlind, noTrafficAfter) is
therefore noticed at the next sample.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from modelrollout.api.base import to_json
from modelrollout.api.resource import ModelRollout, parse_status
from modelrollout.api.rollout import Spec
from modelrollout.api.status import Status
from modelrollout.core.decide import POLL_SECONDS, decide
from modelrollout.core.needs import questions
from modelrollout.core.observation import Observation
from modelrollout.core.plan import Plan
from modelrollout.simulation.cluster import Cluster, Smoke, ready
from modelrollout.simulation.source import EPOCH, Samples, Source, moment


@dataclass(frozen=True, slots=True)
class Release:
    """What is played: a rollout whose status names the stable version, and where the samples come from.

    ``duration`` in seconds; ``restarts`` are the times from which on the operator is killed in its next pass.
    """

    rollout: ModelRollout
    spec: Spec
    source: Source
    duration: float
    smoke: Smoke
    restarts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """One pass: ``time`` in seconds since the start, what was seen of the metrics, and the plan."""

    time: float
    samples: Samples
    plan: Plan

    @property
    def status(self) -> Status:
        """As it is stored after the pass."""
        return self.plan.status

    @property
    def over(self) -> bool:
        """Whether the release has ended."""
        return self.status.candidate is None and bool(self.status.history)


def play(release: Release) -> Iterator[Frame]:
    """The passes of a release until it is over, or its time is."""
    cluster = first_cluster(release)
    status, time, weight = release.rollout.status, 0.0, 0
    kills = list(release.restarts)
    while True:
        if kills and time >= kills[0]:
            kills = [kill for kill in kills if kill > time]
            cluster.apply(one_pass(release, cluster, status, time).plan)  # and then it is killed
            status = stored(status)
        frame = one_pass(release, cluster, status, time)
        cluster.apply(frame.plan)
        status = frame.status
        if candidate_weight(release, cluster) != weight:
            weight = candidate_weight(release, cluster)
            release.source.route(time, weight)
        yield frame
        time = next_time(release, frame)
        if frame.over or time > release.duration:
            return


def first_cluster(release: Release) -> Cluster:
    """The stable version alone, with all the traffic."""
    stable = release.rollout.status.stable
    assert stable is not None, "a simulated release begins with a stable version"
    return Cluster(ready(stable.version, stable.uri, stable.digest, release.spec.serving.replicas))


def candidate_weight(release: Release, cluster: Cluster) -> int:
    """The candidate's live percentage."""
    return cluster.weights.get(release.spec.model.version, 0)


def one_pass(release: Release, cluster: Cluster, status: Status, time: float) -> Frame:
    """Ask, observe, decide."""
    rollout = replace(release.rollout, status=status)
    now = moment(time)
    asked = questions(rollout, now)
    samples = release.source.read(time) if asked.samples else {}
    seen = Observation(
        now=now,
        workloads=dict(cluster.workloads),
        route=cluster.route,
        samples=samples,
        smoke=release.smoke.probe(release.spec, time) if asked.smoke else None,
        baseline=release.source.baseline() if asked.baseline else None,
        scrape_interval=release.source.scrape_interval,
    )
    return Frame(time, samples, decide(rollout, seen))


def stored(status: Status) -> Status:
    """The status as a new process finds it: written as JSON and read again."""
    return parse_status(json.loads(json.dumps(to_json(status))))


def next_time(release: Release, frame: Frame) -> float:
    """When the next pass can come to something else than this one."""
    time, scrapes = frame.time, release.source.scrapes
    index = bisect_right(scrapes, time)
    times = [time + release.source.scrape_interval, *scrapes[index : index + 1], *asked_times(frame)]
    return round(min(later for later in times if later > time), 3)


def asked_times(frame: Frame) -> Iterator[float]:
    """The times that the plan asks for. While it would only poll, those that the status names."""
    running, status = frame.status.release, frame.status
    if frame.plan.requeue_after < POLL_SECONDS or running is None or status.candidate is None:
        yield frame.time + frame.plan.requeue_after
    elif status.candidate.weight == 0:
        yield frame.time + POLL_SECONDS
    elif running.next_step_at is not None:
        yield running.next_step_at - EPOCH
