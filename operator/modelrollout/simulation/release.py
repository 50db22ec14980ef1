"""The release itself: pass after pass of the product's own ``decide``, on a made-up clock.

The operator looks twice a second, because it cannot know when the next sample comes. Here that is known, so the clock
jumps from one thing that can change something to the next: a new sample, an edit, or the time that the last plan or
the release's own clock asks for. A time limit that falls between two samples (maxHold, maxBlind, noTrafficAfter) is
therefore noticed at the next sample.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from modelrollout.api.base import to_json
from modelrollout.api.status import Status
from modelrollout.core.accept.questions import questions
from modelrollout.core.decide import POLL_SECONDS, decide
from modelrollout.core.observation import Observation
from modelrollout.core.plan import DesiredVersion, Plan, Questions
from modelrollout.core.progress.size import full_at_first
from modelrollout.core.validate.probed import Probed
from modelrollout.resource.rollout import ModelRollout, parse_status
from modelrollout.resource.spec import Spec
from modelrollout.simulation.cast import Cast
from modelrollout.simulation.cluster import Cluster, Smoke
from modelrollout.simulation.copies import Compared, Copies
from modelrollout.simulation.fitness import Fitness
from modelrollout.simulation.person import Person
from modelrollout.simulation.source import EPOCH, Samples, Source, moment


@dataclass(frozen=True, slots=True)
class Edit:
    """The owner applies another spec, ``at`` seconds after the start. It must judge the same metrics."""

    at: float
    spec: Spec


@dataclass(frozen=True, slots=True)
class Release:
    """What is played: a rollout whose status names the stable version, and where the samples come from.

    ``duration`` in seconds; ``restarts`` are the times from which on the operator is killed in its next pass. Both
    ``restarts`` and ``edits`` ascend. ``approve_after`` in seconds: how long a person takes to approve what waits for
    approval; None: nobody does.
    """

    rollout: ModelRollout
    cast: Cast
    source: Source
    duration: float
    smoke: Smoke
    fitness: Fitness = field(default_factory=Fitness)
    copies: Copies | None = None
    restarts: tuple[float, ...] = ()
    edits: tuple[Edit, ...] = ()
    approve_after: float | None = None

    def rollout_at(self, time: float, status: Status) -> ModelRollout:
        """The resource as a pass finds it."""
        edits = [edit for edit in self.edits if edit.at <= time]
        if not edits:
            return replace(self.rollout, status=status)
        generation = self.rollout.generation + len(edits)
        return replace(self.rollout, spec=edits[-1].spec, generation=generation, status=status)


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
        return self.status.trial is None and bool(self.status.history)


def play(release: Release) -> Iterator[Frame]:
    """The passes of a release until it is over, or its time is."""
    cluster, status, time = first_cluster(release), release.rollout.status, 0.0
    kills, person = list(release.restarts), Person(release.approve_after)
    while True:
        route, said = cluster.route, person.says(time, status)
        if kills and time >= kills[0]:
            kills = [kill for kill in kills if kill > time]
            carry_out(release, cluster, one_pass(release, cluster, status, time, said))  # and then it is killed
            status = stored(status)
        frame = one_pass(release, cluster, status, time, said)
        carry_out(release, cluster, frame)
        status = frame.status
        if cluster.route != route:
            release.source.route(time, cluster.route)
        yield frame
        time = next_time(release, frame, person.next_word(time, status))
        if frame.over or time > release.duration:
            return


def carry_out(release: Release, cluster: Cluster, frame: Frame) -> None:
    """All that a pass wants."""
    cluster.apply(frame.plan, moment(frame.time))
    if release.copies is not None:
        release.copies.plan(frame.time, frame.plan.comparer)


def first_cluster(release: Release) -> Cluster:
    """The stable version alone, with all the traffic."""
    stable, spec = release.rollout.status.stable, release.rollout.spec
    assert stable is not None, "a simulated release begins with a stable version"
    assert isinstance(spec, Spec), "a simulated release begins with a spec that is in order"
    return Cluster(DesiredVersion(stable.version, stable.uri, stable.digest, full_at_first(spec.serving)))


def one_pass(release: Release, cluster: Cluster, status: Status, time: float, said: str | None = None) -> Frame:
    """Ask, observe, decide. ``said`` is the command of a person."""
    rollout = replace(release.rollout_at(time, status), command=said)
    now = moment(time)
    asked = questions(rollout, now)
    samples = release.source.read(time, asked.splits) if asked.samples else {}
    compared = release.copies.see(time, asked) if release.copies is not None else Compared()
    seen = Observation(
        now=now,
        workloads=dict(cluster.workloads),
        route=cluster.live,
        samples=samples,
        validation=release.fitness.probe(asked),
        shadow=compared.shadow,
        unshadowed=compared.unshadowed,
        mirrors=compared.mirrors,
        smoke=probed(release, asked, time),
        baseline=release.source.baseline() if asked.baseline else None,
        scrape_interval=release.source.scrape_interval,
    )
    return Frame(time, samples, decide(rollout, seen))


def probed(release: Release, asked: Questions, time: float) -> dict[str, Probed]:
    """The smoke requests that are due."""
    strategy = asked.spec.strategy if asked.spec is not None and asked.smoke else None
    check = strategy.chosen.smoke(strategy.settings) if strategy is not None else None
    return release.smoke.probe(check, asked.smoke, time) if check is not None else {}


def stored(status: Status) -> Status:
    """The status as a new process finds it: written as JSON and read again."""
    return parse_status(json.loads(json.dumps(to_json(status))))


def next_time(release: Release, frame: Frame, word: float | None = None) -> float:
    """When the next pass can come to something else than this one; ``word``: when a person will say something."""
    time, scrapes = frame.time, release.source.scrapes
    index = bisect_right(scrapes, time)
    times = [time + release.source.scrape_interval, *scrapes[index : index + 1], *asked_times(frame)]
    times += [edit.at for edit in release.edits]
    times += [word] if word is not None else []
    return round(min(later for later in times if later > time), 3)


def asked_times(frame: Frame) -> Iterator[float]:
    """The times that the plan asks for. While it would only poll, those that the status names."""
    trial, comparer = frame.status.trial, frame.plan.comparer
    if frame.plan.requeue_after < POLL_SECONDS or trial is None:
        yield frame.time + frame.plan.requeue_after
    elif comparer is not None and comparer.mirrors:
        return  # every scrape has something new to say
    elif trial.route is None or not any(trial.route.largest_share(arm.version) for arm in trial.arms):
        yield frame.time + POLL_SECONDS
    elif trial.next_step_at is not None:
        yield trial.next_step_at - EPOCH
