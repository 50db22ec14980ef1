"""What is known of who earns more (``contest``), as a strategy may decide by it, and in words for people."""

from __future__ import annotations

from modelrollout.api.status import ContestStatus
from modelrollout.core.evidence import percent
from modelrollout.core.evidence.allocation import shares_of
from modelrollout.core.evidence.contest import BETA
from modelrollout.core.judge.contest import following, load, rules
from modelrollout.core.pass_state import Pass
from modelrollout.strategies import Standing


def standing(state: Pass) -> Standing | None:
    """What a strategy may decide by; None where nobody competes."""
    status = state.trial.contest
    if status is None:
        return None
    known = load(state, state.spec.analysis.rewards[0])
    decided, contest = rules(state, status), known.contest
    return Standing(
        account=account(status),
        winner=contest.winner(decided),
        alike=contest.alike(decided) >= 1.0 / BETA,
        best=likely_best(status) or contest.best(decided),
        contenders=contest.contenders(decided),
        obstacle=status.trouble or unheard(status) or status.skewed,
        weights=weights(state, status),
        value_remaining=status.value_remaining,
    )


def likely_best(status: ContestStatus) -> str | None:
    """The version that is the best with the highest chance, where that is known."""
    likely = [item for item in status.versions if item.chance is not None]
    return max(likely, key=lambda item: item.chance or 0.0).version if likely else None


def weights(state: Pass, status: ContestStatus) -> dict[str, int]:
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
    shown = [f"{item.rewards} of {item.requests} by {item.version} ({percent(item.rate or 0.0)})" for item in told]
    return f"{status.metric}: {', '.join(shown)}"
