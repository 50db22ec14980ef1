"""What is known of a test by a reward in one split, as the status has it: loaded, and by which rules it decides."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from math import inf

from modelrollout.api.analysis import Direction, Metric
from modelrollout.api.contest_status import ContestStatus
from modelrollout.api.route import EVERYBODY
from modelrollout.api.status import Trial
from modelrollout.core.evidence import PARTS, overdispersion
from modelrollout.core.evidence.allocation import Allocation
from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.off_policy import Logged
from modelrollout.core.evidence.rounds import Rounds
from modelrollout.core.evidence.skew import Skew
from modelrollout.core.judge.loading import UNREADABLE, source_of
from modelrollout.core.judge.winners import as_asked, contest_anew, ledger
from modelrollout.core.pass_state import Pass
from modelrollout.strategies import Design


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a test: as it is told (``status``), and the values that grow."""

    status: ContestStatus
    contest: Contest = field(default_factory=Contest)
    skew: Skew = field(default_factory=Skew)
    rounds: Rounds = field(default_factory=Rounds)
    allocation: Allocation = field(default_factory=Allocation)
    logged: Logged | None = None  # what is new in this pass, where it was all answered by known shares


def competing(state: Pass, split: str) -> tuple[str, ...]:
    """The versions that compete in a split: the control and every arm that has a share."""
    assert state.control is not None
    arms = [
        arm.version for arm in state.trial.arms if state.route is not None and state.route.share(arm.version, split)
    ]
    return (state.control.version, *arms)


def load(state: Pass, split: str) -> Known:
    """What the status knows of a split. Another reward, or other people's, is another test, with what
    the one before left (``winners``)."""
    metric = state.spec.analysis.rewards[0]
    fresh = ContestStatus(metric=metric.name, split=split, source=source_in(state, split), largest=metric.max)
    status = next((item for item in contests(state.trial) if item.split == split), fresh)
    if (status.metric, status.source) != (fresh.metric, fresh.source):
        # What the control's past told is of all its requests, whoever is a segment's now.
        status = fresh.model_copy(update={"noise": status.noise}) if state.spec.segments else fresh
    told = {"noise": noise_known(state, status), **past_known(state, status), "largest": metric.max}
    status = status.model_copy(update=told)
    again = contest_anew(ledger(state, split))
    try:
        known = Known(
            status,
            Contest.from_status(status.state["contest"]) if status.state else again,
            Skew.from_status(status.state["skew"]) if status.state else Skew(),
            Rounds.from_status(status.counters) if status.counters else Rounds(),
            Allocation.from_status(status.state.get("allocation", {})),
        )
    except UNREADABLE:
        known = Known(fresh.model_copy(update={"noise": status.noise}), again)
    contest = as_asked(state, known.contest, split)
    return replace(known, contest=contest.among(competing(state, split), known.status.noise))


def contests(trial: Trial) -> tuple[ContestStatus, ...]:
    """What is known in all splits, that of the release first."""
    return (*([trial.contest] if trial.contest is not None else []), *trial.segments)


def source_in(state: Pass, split: str) -> str:
    """A digest of what is counted in a split: the reward's queries, how late it is said to come, and where there are
    segments, whose requests."""
    source, segments = source_of(state.spec.analysis.rewards[0], state.spec.analysis), state.spec.segments
    design = state.strategy.design(state.settings)
    if design is not None and design.mean_delay != 0.0:
        source = blake2b(repr((source, design.mean_delay)).encode(), digest_size=6).hexdigest()
    if not segments:
        return source
    found = state.route.splits if state.route is not None else ()
    whose = [item.who for item in found if (item.name == split if split in segments else item.name in segments)]
    return blake2b(repr((source, whose)).encode(), digest_size=6).hexdigest()


def noise_known(state: Pass, status: ContestStatus) -> float | None:
    """In which bursts the control's rewards came before the test; fixed when it begins."""
    if status.noise is not None or state.seen.baseline is None or status.metric not in state.seen.baseline:
        return status.noise
    return overdispersion(state.seen.baseline[status.metric], parts_of(state.spec.analysis.rewards[0]))


def past_known(state: Pass, status: ContestStatus) -> dict[str, float]:
    """How many requests a second the control had before the test, and for how long that was seen; fixed when it begins.
    Of everybody's alone: which segment a request would have been in, its Service did not say."""
    past = (state.seen.baseline or {}).get(status.metric, ())
    if status.past_rate is not None or status.split != EVERYBODY or not past:
        return {}
    seconds = len(past) * state.seen.scrape_interval
    requests = sum(count.trials for count in past) / parts_of(state.spec.analysis.rewards[0])
    return {"past_rate": requests / seconds, "past_seconds": seconds}


def rules(state: Pass, status: ContestStatus) -> Rules:
    """What decides, by the strategy's settings and the metric's direction."""
    design, metric = state.strategy.design(state.settings), state.spec.analysis.rewards[0]
    assert design is not None
    return Rules(
        false_winner=ledger(state, status.split).false_winner,
        indifference=design.indifference,
        more_is_better=metric.direction is Direction.HIGHER_IS_BETTER,
        overdispersion=status.noise,
        parts=parts_of(metric),
        mean_delay=mean_delay_of(design, status),
    )


def mean_delay_of(design: Design, status: ContestStatus) -> float:
    """How late rewards come, in seconds: as the spec says, or as it was measured; infinite before that."""
    if not design.measures_delay:
        return design.mean_delay or 0.0
    return inf if status.reward_delay is None else status.reward_delay


def parts_of(metric: Metric) -> int:
    """As how many parts the largest reward is counted."""
    return 1 if metric.max is None else PARTS


def following(state: Pass) -> Design | None:
    """How shares follow the rewards; None where they do not."""
    design = state.strategy.design(state.settings)
    return design if design is not None and design.floor is not None else None
