"""How late rewards come, where ``rewardDelay`` is to be measured.

The reward gateway tells it of the rewards that have come; how late all of them come follows from that (``evidence``).
Until that is known no request counts as one that has earned nothing, nothing is decided, and shares stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import expm1, fsum, inf

from modelrollout.api.analysis import has_variable
from modelrollout.api.base import format_duration
from modelrollout.api.contest_status import ContestStatus
from modelrollout.api.live import REWARD_DELAY, REWARD_SUM
from modelrollout.api.route import EVERYBODY
from modelrollout.core.evidence import percent
from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.delay import LEAST_REWARDS, mean_delay
from modelrollout.core.evidence.proofs import Proofs
from modelrollout.core.evidence.timeline import Past
from modelrollout.core.evidence.waiting import FROM_BEFORE, OLD_ENOUGH
from modelrollout.core.judge.known import Known
from modelrollout.core.judge.past import as_past, spans, still_out
from modelrollout.core.observation import Sample
from modelrollout.core.pass_state import Pass

EVER = 0.0
"""A moment, in seconds since the epoch, before which nobody has to ask."""

LONG = 1500.0
"""Seconds of a past (half an hour is asked for) of which the beginning is not in sight: before, it was alike."""


def is_measured(state: Pass) -> bool:
    """Whether the delay of rewards is asked for."""
    design = state.strategy.design(state.settings)
    return design is not None and design.measures_delay


def asked_before(state: Pass, known: Known, versions: Iterable[str], delay: float, by_all: float) -> dict[str, float]:
    """Of how many requests that versions had before the trial the rewards were still to come when it began, as far as
    they are counted in this split; ``by_all`` are all requests a second now, for what is not known of the past."""
    if not counts_what_was_before(state, known.status.split):
        return {}
    return {version: _out_before(state, known, version, delay, by_all) for version in versions}


def _out_before(state: Pass, known: Known, version: str, delay: float, by_all: float) -> float:
    """The same of one: of the control by what Prometheus told, of an arm by when it took part in a release before."""
    assert state.control is not None
    begun = state.trial.started_at
    if version != state.control.version:
        asked = spans(state.status, version, begun)
        return still_out(asked, begun, delay, as_now=by_all * share_of(state, known, version), by_all=by_all)
    rate, seconds = known.status.past_rate, known.status.past_seconds or inf
    served = inf if rate is None or seconds >= LONG else seconds
    return delay * (by_all if rate is None else rate) * -expm1(-served / delay)


def past_of(state: Pass, known: Known, version: str, rates: Mapping[str, float], by_all: float) -> tuple[Past, ...]:
    """When a version was asked before the first tick of what is known now, as far as the rewards of that are counted;
    ``rates`` are requests a second now, by version."""
    assert state.control is not None
    begun, now = state.trial.started_at, rates.get(version, 0.0)
    until = known.rounds.at if known.rounds.at is not None else begun  # where the first tick begins
    since = ((begun, until, now),) if not known.contest.timeline.spans and until > begun else ()
    if not counts_what_was_before(state, known.status.split):
        return since
    if found_under_way(state):
        return ((EVER, until, now),)
    if version != state.control.version:
        asked = spans(state.status, version, begun)
        return (*as_past(asked, as_now=by_all * share_of(state, known, version), by_all=by_all), *since)
    rate, seconds = known.status.past_rate, known.status.past_seconds
    start = EVER if rate is None or seconds is None or seconds >= LONG else begun - seconds
    return ((start, begun, by_all if rate is None else rate), *since)


def found_under_way(state: Pass) -> bool:
    """Whether the trial is one whose status was lost: its arms had requests when it began."""
    began = state.trial.started_at
    return any(arm.weight_since is not None and arm.weight_since <= began for arm in state.trial.arms)


def share_of(state: Pass, known: Known, version: str) -> float:
    """The part of a split's requests that a version has."""
    return state.route.share(version, known.status.split) / 100.0 if state.route is not None else 0.0


def counts_what_was_before(state: Pass, split: str) -> bool:
    """Whether rewards of requests from before the trial are counted in a split. The reward gateway takes those of the
    trial's own alone; and what is counted by Services was counted by everybody's then, whoever had asked."""
    queries = state.spec.analysis.rewards[0].queries.values()
    if any(REWARD_SUM in query for query in queries):
        return False
    return split == EVERYBODY or all(has_variable(query, "segment") for query in queries)


def with_delay(state: Pass, known: Sequence[Known]) -> list[Known]:
    """What is known of every split, the release's first, with the delay that its newest sample tells. Once there is a
    first one, a part of the requests that were out until then has matured."""
    if not is_measured(state):
        none = {"reward_delay": None, "delayed_rewards": 0}
        return [
            item if item.status.reward_delay is None else replace(item, status=item.status.model_copy(update=none))
            for item in known
        ]
    status = _updated(state, known[0].status)
    told = {"reward_delay": status.reward_delay, "delayed_rewards": status.delayed_rewards}
    found = [replace(item, status=item.status.model_copy(update=told)) for item in known]
    if known[0].status.reward_delay is not None or status.reward_delay is None:
        return found
    age, mean = _age(status, state.now), status.reward_delay
    return [
        replace(
            item,
            contest=item.contest.once_known(
                age, mean, asked_before(state, item, item.contest.versions, mean, asked_a_second(item, age))
            ),
        )
        for item in found
    ]


def asked_a_second(known: Known, seconds: float) -> float:
    """Requests of all that were asked in the first so many seconds, for each of these."""
    return fsum(item.out for item in known.contest.waiting.values()) / seconds


def _updated(state: Pass, status: ContestStatus) -> ContestStatus:
    sample = state.seen.samples.get((status.metric, status.split))
    if not isinstance(sample, Sample) or sample.delays is None or status.since is None:
        return status
    if sample.at <= max(status.since, status.last_sample_at or 0.0):
        return status
    if status.reward_delay is not None and status.delayed_rewards == int(sample.delays.rewards):
        return status  # no more rewards came: that the trial grew older is no news
    told = {"delayed_rewards": int(sample.delays.rewards)}
    age = sample.at - status.since
    mean = mean_delay(sample.delays, age)
    if mean is None or (status.reward_delay is None and age < OLD_ENOUGH * mean):
        return status.model_copy(update=told)  # a first guess by a young trial would be much too short
    return status.model_copy(update={**told, "reward_delay": float(f"{mean:.3g}")})


def _age(status: ContestStatus, now: float) -> float:
    """Seconds since the first sample."""
    return max(1.0, (status.last_sample_at or now) - (status.since or now))


def shares_stay(status: ContestStatus, at: float, delay: float) -> bool:
    """Whether what came at a time is for requests that were all shared as now."""
    return status.shares_since is None or at - status.shares_since >= OLD_ENOUGH * delay


def unsettled(contest: Contest, delay: float) -> str | None:
    """Why nothing can be proven yet, though rewards are seen: of no two versions it is known well enough what their
    rewards are for."""
    settled = contest.settled(delay)
    if delay == inf or len(settled) > 1 or len(contest.versions) < 2:
        return None  # how late they come is not known: ``unmeasured`` says it
    late, least = format_duration(round(delay)), format_duration(round(OLD_ENOUGH * delay))
    if all(contest.waiting[version].is_own for version in contest.versions if version in contest.waiting):
        return f"nothing is proven by rewards that come {late} late, as they do now, before they were seen for {least}"
    version = next(version for version in contest.versions if not contest.waiting[version].is_own)
    return (
        f"nothing is proven while more than {percent(FROM_BEFORE)} of the rewards that are still to come to {version} "
        f"are for what it was asked before: they come {late} late"
    )


def doubted(contest: Contest, decided: Rules) -> str | None:
    """Why a version has not won, though it would have by the delay that is told."""
    found = Proofs(contest, decided).doubted
    if found is None:
        return None
    version, delay = found
    told = f"{format_duration(round(decided.mean_delay))} late" if decided.mean_delay else "at once"
    return (
        f"by rewards that come {told} {version} would have won, but rewards that come {format_duration(round(delay))} "
        "late explain what was seen as well: nothing is proven until these can be told apart"
    )


def unmeasured(state: Pass, status: ContestStatus) -> str | None:
    """Why nothing can be decided by the rewards yet: it is not known how late these come."""
    if not is_measured(state) or status.reward_delay is not None:
        return None
    if status.delayed_rewards >= LEAST_REWARDS:
        return "it is not known well how late rewards come before they were seen for three times as long"
    told = f"it is not known yet how late rewards come: the reward gateway has counted {status.delayed_rewards} of the "
    way_out = "" if status.delayed_rewards else f"; it has none in {REWARD_DELAY}: write rewardDelay as a time if"
    return f"{told}{LEAST_REWARDS} that are needed" + (f"{way_out} rewards do not go through it" if way_out else "")
