"""Who earns more: the newest sample of a test's reward, taken into what is known, and what that says.

Everything that the tests need to go on is in the status (``ContestStatus``), so that a pass on any replica, after any
interruption, counts every reward exactly once. What cannot be seen decides nothing: no evidence, no winner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, fsum, inf

from modelrollout.api.contest_status import Competitor, ContestStatus
from modelrollout.core.evidence import BadCount, Count, percent, rate_interval
from modelrollout.core.evidence.allocation import Allocation
from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.proofs import Proofs
from modelrollout.core.evidence.rounds import Rounds
from modelrollout.core.evidence.settings import EvidenceSettings
from modelrollout.core.evidence.skew import Skew
from modelrollout.core.judge.beliefs import believed
from modelrollout.core.judge.delay import (
    asked_before,
    doubted,
    found_under_way,
    past_of,
    shares_stay,
    unsettled,
    with_delay,
)
from modelrollout.core.judge.known import Known, following, load, rules
from modelrollout.core.judge.metric_state import is_brief
from modelrollout.core.judge.value import logged_of, valued
from modelrollout.core.judge.winners import noted, with_ledgers
from modelrollout.core.observation import Sample
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason

STALE_SCRAPES = EvidenceSettings().stale_scrapes
UNPROVEN = "nothing is proven before it is known whether rewards come one by one or in bursts"
OLD_SCRAPES = 2.0  # after a change of the shares: what these show may have been answered before


@dataclass(frozen=True, slots=True)
class Earned:
    """A raw sample in which a series' ``bad`` are rewards, and its ``trials`` requests and rewards together: both grow,
    and never is one more than the other, though rewards may come when no request does. Where rewards are counted in
    parts of the largest one, so are requests."""

    at: float
    series: Mapping[str, Mapping[str, Count]]
    times: Mapping[str, float]


def compete(state: Pass) -> Pass:
    """The pass with what the newest samples say of who earns more; as it was where nobody competes."""
    if state.strategy.design(state.settings) is None or state.control is None:
        gone = state.trial.contest is None and not state.trial.segments
        return state if gone else state.change_trial(contest=None, segments=(), value=None)
    before = [load(state, split) for split in (state.trial.audience, *state.spec.segments)]
    known = [newest(state, item) for item in with_delay(state, before)]
    if any(item.rounds is not old.rounds for item, old in zip(known, before, strict=True)):
        known = believed(state, known)
    contest, *segments = (to_status(state, item) for item in known)
    ledgers = tuple(noted(state, item.status.split, item.contest, item.status.noise) for item in known)
    state = state.change_trial(contest=contest, segments=tuple(segments), value=valued(state, known))
    state = with_ledgers(state, ledgers)
    return tell(state, before[0].status)


def newest(state: Pass, before: Known) -> Known:
    """What is known with what this pass has seen."""
    known = with_shares(state, before)
    sample = state.seen.samples.get((known.status.metric, known.status.split))
    fresh = STALE_SCRAPES * state.seen.scrape_interval
    if isinstance(sample, Sample):
        return take_in(state, known, sample)
    last = known.status.last_read_at or known.status.last_sample_at
    if sample is None or sample.pending or is_brief(sample, last, state.now, fresh):
        return known
    return replace(known, status=known.status.model_copy(update={"trouble": sample.message}))


def with_shares(state: Pass, known: Known) -> Known:
    """Where requests go by other shares than before, the sample ratio is asked anew."""
    split = state.route.split(known.status.split) if state.route is not None else None
    shares = {version: split.share(version) for version in known.contest.versions} if split is not None else {}
    if shares == known.status.shares:
        return known
    status = known.status.model_copy(update={"shares": shares, "shares_since": state.now})
    return replace(known, status=status, skew=Skew())


def take_in(state: Pass, known: Known, sample: Sample) -> Known:
    """What is known with what a sample adds to it."""
    status = known.status.model_copy(update={"trouble": None})
    earned = Earned(sample.at, {name: _encoded(series) for name, series in sample.series.items()}, sample.times)
    try:
        rounds, new = known.rounds.after(earned, known.contest.versions, state.seen.scrape_interval)
    except BadCount as error:
        fresh, _ = Rounds().after(earned, known.contest.versions, state.seen.scrape_interval)
        return replace(known, status=status.model_copy(update={"trouble": str(error)}), rounds=fresh)
    if state.seen.scattered is not None:  # whoever answered, it was by chance: the sample is where counting goes on
        return replace(known, status=status, rounds=rounds)
    decided = rules(state, known.status)
    counted = {
        version: ((count.trials - count.bad) // decided.parts, count.bad) for version, count in (new or {}).items()
    }
    if new is not None and not any(map(any, counted.values())) and rounds.known == known.rounds.known:
        return replace(known, status=status)  # a pass that changes nothing writes nothing
    seconds = sample.at - known.rounds.at if new is not None and known.rounds.at is not None else 0.0
    before = with_past(state, known, from_before(state, known, counted, seconds, decided.mean_delay), counted, seconds)
    stay = shares_stay(known.status, sample.at, decided.mean_delay)
    contest = before.after(sample.at, counted, decided, seconds, shares_stay=stay)
    skew, requests = known.skew, {version: counts[0] for version, counts in counted.items()}
    drawn_alone = state.spec.traffic.affinity is None  # else shares are of users, and nobody knows how many there are
    known_shares = known.rounds.at is not None and is_of_these_shares(state, known, known.rounds.at)
    if counted and drawn_alone and known_shares:
        skew = skew.after(requests, status.shares)
    allocation, logged = known.allocation, None
    if counted and seconds:
        whole = compared(before, contest, counted, decided)
        allocation = allocated(state, allocation, whole, seconds)
        logged = logged_of(known, whole, decided) if known_shares else None
    read = status.last_read_at if rounds.at == status.last_sample_at else state.now
    times = {"since": status.since or rounds.at, "last_sample_at": rounds.at, "last_read_at": read}
    return Known(status.model_copy(update=times), contest, skew, rounds, allocation, logged)


def from_before(
    state: Pass, known: Known, counted: Mapping[str, tuple[int, int]], seconds: float, delay: float
) -> Contest:
    """What is known before a tick; at the first one of a version with what was asked of it before, whose rewards are to
    come. Before the trial that was the control, by all, and who took part in one before; since then as now, where what
    is known was lost or begins anew."""
    contest, asked = known.contest, {version: requests for version, (requests, _) in counted.items()}
    new = contest.not_begun
    if not new or not seconds or not 0.0 < delay < inf:
        return contest
    rates = {version: requests / seconds for version, requests in asked.items()}
    age = inf if found_under_way(state) else max(0.0, state.now - state.trial.started_at)
    since = exp(-age / delay)  # the part that is from before the trial
    first = not any(count.trials for count in contest.counts.values())
    out = {version: (1.0 - since) * delay * rates.get(version, 0.0) if first else 0.0 for version in new}
    for version, past in asked_before(state, known, new, delay, of_all(known, rates)).items():
        out[version] += since * past
    return contest.asked_before(out)


def with_past(
    state: Pass, known: Known, contest: Contest, counted: Mapping[str, tuple[int, int]], seconds: float
) -> Contest:
    """With when versions that are new were asked before: who can say how late rewards come?"""
    new = [version for version in contest.versions if version not in contest.timeline.past]
    if not new or not seconds:
        return contest
    rates = {version: requests / seconds for version, (requests, _) in counted.items()}
    by_all = of_all(known, rates)
    if not by_all:
        return contest  # nobody has asked yet, so nothing says how often it was done before
    past = {version: past_of(state, known, version, rates, by_all) for version in new}
    return replace(contest, timeline=contest.timeline.with_past(past))


def of_all(known: Known, rates: Mapping[str, float]) -> float:
    """All requests a second, by those of the versions that were counted: one that comes is not in its first tick."""
    shares = known.status.shares
    part = fsum(shares.get(version, 0.0) for version, rate in rates.items() if rate) / 100.0
    return fsum(rates.values()) / part if part else 0.0


def compared(
    before: Contest, contest: Contest, counted: Mapping[str, tuple[int, int]], decided: Rules
) -> dict[str, tuple[float, float]]:
    """What a tick has added: by version the rewards, of the largest, and the requests that they are compared with."""
    if not decided.mean_delay:
        return {version: (requests, rewards / decided.parts) for version, (requests, rewards) in counted.items()}
    return {
        version: (
            contest.due[version] - before.due.get(version, 0.0),
            (contest.counts[version].bad - before.counts[version].bad) / decided.parts,
        )
        for version in contest.versions
    }


def allocated(
    state: Pass, allocation: Allocation, counted: Mapping[str, tuple[float, float]], seconds: float
) -> Allocation:
    """The beliefs after a tick, where shares follow them."""
    design = following(state)
    if design is None:
        return allocation
    return allocation.after(counted, seconds, half_life=design.half_life)


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
        message = f"the reward {contest.metric} cannot be seen: {contest.trouble}"
        return state.say(Reason.BLIND, message, warning=True, cause=f"reward {contest.metric}")
    if contest.trouble is None and before.trouble is not None:
        return state.say(Reason.SIGHT_RESTORED, f"the reward {contest.metric} is back")
    return state


def to_status(state: Pass, known: Known) -> ContestStatus:
    """As it is stored and read by people."""
    decided, contest = rules(state, known.status), known.contest
    proofs, running = Proofs(contest, decided), known.rounds.at is not None
    return known.status.model_copy(
        update={
            "needed": proofs.needed(),
            "alike": round(proofs.alike, 3),
            "alike_needed": proofs.alike_needed,
            "versions": tuple(competitor(known, version, decided) for version in contest.versions),
            "skewed": skewed(known),
            "unproven": unsettled(contest, decided.mean_delay) or (None if contest.is_known else UNPROVEN),
            "doubted": doubted(contest, decided),
            "state": written_state(known) if running else {},
            "counters": known.rounds.to_status() if running else {},
        }
    )


def written_state(known: Known) -> dict[str, object]:
    """The tests' own memory."""
    believed = {"allocation": known.allocation.to_status()} if known.allocation.beliefs else {}
    return {"contest": known.contest.to_status(), "skew": known.skew.to_status(), **believed}


def competitor(known: Known, version: str, decided: Rules) -> Competitor:
    """What one version has earned, in the reward's own unit."""
    contest, largest = known.contest, known.status.largest
    count, phi = contest.rated(version, decided.parts), contest.spread.factor(decided.overdispersion, version)
    interval = rate_interval(count, decided.false_winner, phi * decided.parts)
    others = [other for other in contest.versions if other != version]
    return Competitor(
        version=version,
        requests=contest.counts[version].trials // decided.parts,
        due=count.trials // decided.parts if version in contest.due else None,
        rewards=_in_unit(count.bad / decided.parts, largest),
        rate=_in_unit(round(count.rate, 6), largest) if count.trials else None,
        low=_in_unit(round(interval.low, 6), largest),
        high=_in_unit(round(interval.high, 6), largest),
        against={other: round(contest.evidence(version, other, decided), 3) for other in others},
        chance=next((item.chance for item in known.status.versions if item.version == version), None),
    )


def _in_unit(value: float, largest: float | None) -> float:
    """A part of the largest reward in its own unit, without the noise of the float."""
    return value if largest is None else float(f"{value * largest:.9g}")


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
