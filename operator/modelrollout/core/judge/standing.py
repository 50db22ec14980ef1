"""What is known of who earns more (``contest``), as a strategy may decide by it, and in words for people."""

from __future__ import annotations

from modelrollout.api.base import format_amount
from modelrollout.api.contest_status import Competitor, ContestStatus
from modelrollout.core.evidence import percent
from modelrollout.core.evidence.allocation import shares_of
from modelrollout.core.evidence.proofs import Proofs
from modelrollout.core.judge.delay import unmeasured
from modelrollout.core.judge.known import contests, following, load, rules
from modelrollout.core.pass_state import Pass
from modelrollout.strategies import Standing


def standing(state: Pass) -> Standing | None:
    """What a strategy may decide by; None where nobody competes."""
    return of_split(state, state.trial.contest) if state.trial.contest is not None else None


def of_segments(state: Pass) -> dict[str, Standing]:
    """The same of every segment."""
    return {status.split: of_split(state, status) for status in state.trial.segments}


def best_for_all(state: Pass) -> str | None:
    """The version that would earn most with the requests of all splits: by its rate in each, which counts as much as
    the split has requests. None before anything was counted."""
    every, sums = contests(state.trial), dict[str, float]()
    for status in every:
        weight = sum(item.requests for item in status.versions)
        for item in status.versions:
            rate = (item.rewards + 1.0) / (item.compared + 2.0)
            sums[item.version] = sums.get(item.version, 0.0) + weight * rate
    if not any(sums.values()):
        return None
    sign = 1.0 if rules(state, every[0]).more_is_better else -1.0
    return max(sums, key=lambda version: sign * sums[version])


def of_split(state: Pass, status: ContestStatus) -> Standing:
    """Of one split."""
    known = load(state, status.split)
    proofs, proven = Proofs(known.contest, rules(state, status)), status.unproven is None
    return Standing(
        account=account(status),
        winner=proofs.winner if proven else None,
        alike=proven and proofs.alike >= proofs.alike_needed,
        best=likely_best(status) or proofs.best,
        contenders=proofs.contenders if proven else known.contest.versions,
        unproven=status.unproven or status.doubted,
        obstacle=state.seen.scattered
        or status.trouble
        or unmeasured(state, status)
        or unheard(status)
        or status.skewed,
        weights=weights(state, status),
        value_remaining=status.value_remaining,
        unasked=not any(item.requests for item in status.versions),
    )


def likely_best(status: ContestStatus) -> str | None:
    """The version that is the best with the highest chance, where that is known."""
    likely = [item for item in status.versions if item.chance is not None]
    return max(likely, key=lambda item: item.chance or 0.0).version if likely else None


def weights(state: Pass, status: ContestStatus) -> dict[str, float]:
    """The shares by what is believed, percent; none where shares do not follow the rewards."""
    design = following(state)
    if design is None or design.floor is None:
        return {}
    return shares_of({item.version: item.chance for item in status.versions if item.chance is not None}, design.floor)


def unheard(status: ContestStatus) -> str | None:
    """Why nothing can be said yet: of some version no request was counted."""
    silent = [item.version for item in status.versions if not item.requests]
    if len(silent) == len(status.versions):
        return f"{status.metric} has counted nothing yet"
    return f"{status.metric} has counted no request of {' and '.join(silent)}" if silent else None


def account(status: ContestStatus) -> str:
    """The rewards of all versions, the most requests' first where rates are equal."""
    told = sorted(status.versions, key=lambda item: -(item.rate or 0.0))
    return f"{status.metric}: {', '.join(_earned(item, status.largest) for item in told)}"


def _earned(item: Competitor, largest: float | None) -> str:
    rate, asked = item.rate or 0.0, item.compared
    if largest is None:
        return f"{item.rewards:.0f} of {asked} by {item.version} ({percent(rate)})"
    return f"{format_amount(rate)} for each of {asked} requests by {item.version}"
