"""Who earns more: the newest sample of a test's reward, taken into what is known, and what that says.

Everything that the tests need to go on is in the status (``ContestStatus``), so that a pass on any replica, after any
interruption, counts every reward exactly once. What cannot be seen decides nothing: no evidence, no winner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from modelrollout.api.analysis import Direction, Metric
from modelrollout.api.status import Competitor, ContestStatus
from modelrollout.core.evidence import BadCount, Count, overdispersion, percent, rate_interval
from modelrollout.core.evidence.allocation import Allocation
from modelrollout.core.evidence.contest import BETA, Contest, Rules
from modelrollout.core.evidence.rounds import Rounds
from modelrollout.core.evidence.settings import EvidenceSettings
from modelrollout.core.evidence.skew import Skew
from modelrollout.core.judge.loading import UNREADABLE, source_of
from modelrollout.core.judge.metric_state import is_brief
from modelrollout.core.observation import Sample
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.strategies import Design

STALE_SCRAPES = EvidenceSettings().stale_scrapes
MUCH = 1e6  # of value remaining: nothing is known yet
OLD_SCRAPES = 2.0  # after a change of the shares: what these show may have been answered before


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a test: as it is told (``status``), and the values that grow."""

    status: ContestStatus
    contest: Contest = field(default_factory=Contest)
    skew: Skew = field(default_factory=Skew)
    rounds: Rounds = field(default_factory=Rounds)
    allocation: Allocation = field(default_factory=Allocation)


@dataclass(frozen=True, slots=True)
class Earned:
    """A raw sample in which a series' ``bad`` are rewards, and its ``trials`` requests and rewards together: both grow,
    and never is one more than the other, though rewards may come when no request does."""

    at: float
    series: Mapping[str, Mapping[str, Count]]
    times: Mapping[str, float]


def compete(state: Pass) -> Pass:
    """The pass with what the newest sample says of who earns more; as it was where nobody competes."""
    if state.strategy.design(state.settings) is None or state.control is None:
        return state if state.trial.contest is None else state.change_trial(contest=None)
    metric = state.spec.analysis.rewards[0]
    before = load(state, metric)
    known = with_shares(state, before)
    sample = state.seen.samples.get((metric.name, state.trial.audience))
    fresh = STALE_SCRAPES * state.seen.scrape_interval
    if isinstance(sample, Sample):
        known = take_in(state, known, sample)
    elif sample is not None and not is_brief(sample, known.status.last_sample_at, state.now, fresh):
        known = replace(known, status=known.status.model_copy(update={"trouble": sample.message}))
    known = believed(state, known) if known.rounds is not before.rounds else known
    return tell(state.change_trial(contest=to_status(state, known)), before.status)


def competing(state: Pass) -> tuple[str, ...]:
    """The versions that compete: the control and every arm that has a share."""
    route, control, audience = state.route, state.control, state.trial.audience
    assert control is not None
    shares = route.split(audience) if route is not None else None
    arms = [arm.version for arm in state.trial.arms if shares is not None and shares.share(arm.version)]
    return (control.version, *arms)


def load(state: Pass, metric: Metric) -> Known:
    """What the status knows. Another reward, or other people's, is another test."""
    source, split = source_of(metric, state.spec.analysis), state.trial.audience
    status = state.trial.contest
    if status is None or (status.metric, status.split, status.source) != (metric.name, split, source):
        status = ContestStatus(metric=metric.name, split=split, source=source)
    status = status.model_copy(update={"noise": noise_known(state, metric, status)})
    try:
        known = Known(
            status,
            Contest.from_status(status.state["contest"]) if status.state else Contest(),
            Skew.from_status(status.state["skew"]) if status.state else Skew(),
            Rounds.from_status(status.counters) if status.counters else Rounds(),
            Allocation.from_status(status.state.get("allocation", {})),
        )
    except UNREADABLE:
        known = Known(ContestStatus(metric=metric.name, split=split, source=source, noise=status.noise))
    return replace(known, contest=known.contest.among(competing(state)))


def noise_known(state: Pass, metric: Metric, status: ContestStatus) -> float | None:
    """In which bursts the control's rewards came before the test; fixed when it begins."""
    if status.noise is not None or state.seen.baseline is None or metric.name not in state.seen.baseline:
        return status.noise
    return overdispersion(state.seen.baseline[metric.name])


def with_shares(state: Pass, known: Known) -> Known:
    """Where requests go by other shares than before, the sample ratio is asked anew."""
    split = state.route.split(state.trial.audience) if state.route is not None else None
    shares = {version: split.share(version) for version in known.contest.versions} if split is not None else {}
    if shares == known.status.shares:
        return known
    status = known.status.model_copy(update={"shares": shares, "shares_since": state.now})
    return replace(known, status=status, skew=Skew())


def take_in(state: Pass, known: Known, sample: Sample) -> Known:
    """What is known with what a sample adds to it."""
    assert state.control is not None
    status = known.status.model_copy(update={"trouble": None})
    earned = Earned(sample.at, {name: _encoded(series) for name, series in sample.series.items()}, sample.times)
    try:
        rounds, new = known.rounds.after(earned, known.contest.versions, state.seen.scrape_interval)
    except BadCount as error:
        fresh, _ = Rounds().after(earned, known.contest.versions, state.seen.scrape_interval)
        return replace(known, status=status.model_copy(update={"trouble": str(error)}), rounds=fresh)
    counted = {version: (count.trials - count.bad, count.bad) for version, count in (new or {}).items()}
    if new is not None and not any(map(any, counted.values())) and rounds.known == known.rounds.known:
        return replace(known, status=status)  # a pass that changes nothing writes nothing
    contest = known.contest.after(sample.at, counted, state.control.version, rules(state, known.status))
    skew, requests = known.skew, {version: counts[0] for version, counts in counted.items()}
    drawn_alone = state.spec.traffic.affinity is None  # else shares are of users, and nobody knows how many there are
    if counted and drawn_alone and known.rounds.at is not None and is_of_these_shares(state, known, known.rounds.at):
        skew = skew.after(requests, status.shares)
    allocation = known.allocation
    if counted and known.rounds.at is not None:
        allocation = allocated(state, allocation, counted, sample.at - known.rounds.at)
    return Known(status.model_copy(update={"last_sample_at": rounds.at}), contest, skew, rounds, allocation)


def following(state: Pass) -> Design | None:
    """How shares follow the rewards; None where they do not."""
    design = state.strategy.design(state.settings)
    return design if design is not None and design.floor is not None else None


def allocated(
    state: Pass, allocation: Allocation, counted: Mapping[str, tuple[int, int]], seconds: float
) -> Allocation:
    """The beliefs after a tick, where shares follow them."""
    design = following(state)
    if design is None:
        return allocation
    return allocation.after(counted, seconds, half_life=design.half_life, mean_delay=design.mean_delay)


def believed(state: Pass, known: Known) -> Known:
    """The status with what is believed now. Not in every pass: it takes some milliseconds."""
    if following(state) is None:
        return known
    decided = rules(state, known.status)
    phi = known.contest.spread.factor(decided.overdispersion)
    chances = known.allocation.chances(more_is_better=decided.more_is_better, overdispersion=phi)
    left = known.allocation.value_remaining(more_is_better=decided.more_is_better, overdispersion=phi)
    told = {"value_remaining": round(left, 5) if left < MUCH else None}
    versions = tuple(Competitor(version=version, chance=round(chance, 6)) for version, chance in chances.items())
    return replace(known, status=known.status.model_copy(update=told | {"versions": versions}))


def is_of_these_shares(state: Pass, known: Known, since: float) -> bool:
    """Whether what was answered after ``since`` (of Prometheus' clock) was all answered by the present shares."""
    changed = known.status.shares_since
    return changed is not None and since >= changed + OLD_SCRAPES * state.seen.scrape_interval


def tell(state: Pass, before: ContestStatus) -> Pass:
    """An Event when the rewards cannot be seen any more, and when they can be again. Before the first one there is
    nothing to be missed."""
    contest = state.trial.contest
    assert contest is not None
    if before.last_sample_at is None:
        return state
    if contest.trouble is not None and before.trouble is None:
        return state.say(Reason.BLIND, f"the reward {contest.metric} cannot be seen: {contest.trouble}", warning=True)
    if contest.trouble is None and before.trouble is not None:
        return state.say(Reason.SIGHT_RESTORED, f"the reward {contest.metric} is back")
    return state


def rules(state: Pass, status: ContestStatus) -> Rules:
    """What decides, by the strategy's settings and the metric's direction."""
    design = state.strategy.design(state.settings)
    assert design is not None
    return Rules(
        false_winner=design.false_winner,
        indifference=design.indifference,
        more_is_better=state.spec.analysis.rewards[0].direction is Direction.HIGHER_IS_BETTER,
        overdispersion=status.noise,
    )


def to_status(state: Pass, known: Known) -> ContestStatus:
    """As it is stored and read by people."""
    decided, contest = rules(state, known.status), known.contest
    running = known.rounds.at is not None
    return known.status.model_copy(
        update={
            "needed": contest.needed(decided),
            "alike": round(contest.alike(decided), 3),
            "alike_needed": 1.0 / BETA,
            "versions": tuple(competitor(known, version, decided) for version in contest.versions),
            "skewed": skewed(known),
            "state": written_state(known) if running else {},
            "counters": known.rounds.to_status() if running else {},
        }
    )


def written_state(known: Known) -> dict[str, object]:
    """The tests' own memory."""
    believed = {"allocation": known.allocation.to_status()} if known.allocation.beliefs else {}
    return {"contest": known.contest.to_status(), "skew": known.skew.to_status(), **believed}


def competitor(known: Known, version: str, decided: Rules) -> Competitor:
    """What one version has earned."""
    contest = known.contest
    count = contest.counts[version]
    interval = rate_interval(count, decided.false_winner, contest.spread.factor(decided.overdispersion))
    others = [other for other in contest.versions if other != version]
    return Competitor(
        version=version,
        requests=count.trials,
        rewards=count.bad,
        rate=round(count.rate, 6) if count.trials else None,
        low=round(interval.low, 6),
        high=round(interval.high, 6),
        against={other: round(contest.evidence(version, other), 3) for other in others},
        chance=next((item.chance for item in known.status.versions if item.version == version), None),
    )


def skewed(known: Known) -> str | None:
    """Why no comparison can be trusted, with both numbers."""
    version = known.skew.broken
    if version is None:
        return None
    got, every = known.skew.requests[version], sum(known.skew.requests.values())
    return (
        f"{version} got {got} of {every} requests ({percent(got / max(1, every))}) where its share is "
        f"{known.status.shares.get(version, 0)} %: the requests do not go where the shares say, or are not all counted"
    )


def _encoded(series: Mapping[str, Count]) -> dict[str, Count]:
    return {reporter: Count(count.bad, count.trials + count.bad) for reporter, count in series.items()}
