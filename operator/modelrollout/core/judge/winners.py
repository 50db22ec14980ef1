"""The ledger of a trial's tests by a reward: what they may spend of the chance of naming a wrong winner.

It is fixed when a test begins, whatever is edited later, and kept beside the test: whatever begins anew, because it was
edited, taken out and put in again, or could not be read, begins with what was left (``evidence/stakes.py``).
"""

from __future__ import annotations

from modelrollout.api.contest_status import Stakes as StakesStatus
from modelrollout.core.evidence.contest import Contest
from modelrollout.core.evidence.stakes import Stakes
from modelrollout.core.pass_state import Pass
from modelrollout.strategies import Design

SET_ASIDE = 64  # splits that are remembered; the object must stay far below etcd's limit


def ledger(state: Pass, split: str) -> StakesStatus:
    """That of a split, as the trial has it; of a test that begins now, where there was none."""
    known = next((item for item in state.trial.stakes if item.split == split), None)
    return known or begun(state, split)


def begun(state: Pass, split: str) -> StakesStatus:
    """Of a test that begins. After a status was lost, a part of it, as for what takes versions back."""
    design, alpha = _design(state), state.trial.alpha
    part = min(1.0, alpha.total / alpha.asked) if alpha.asked else 1.0
    return StakesStatus(
        split=split,
        false_winner=design.false_winner * part,
        asked=design.false_winner,
        indifference=design.indifference,
    )


def contest_anew(known: StakesStatus) -> Contest:
    """A test that begins with what is left."""
    return Contest(most=known.most, stakes=Stakes(known.left, {}, known.free, known.begun))


def as_asked(state: Pass, contest: Contest, split: str) -> Contest:
    """The test under the indifference of the spec. That more than before is no difference costs nothing."""
    return contest.asked_closer() if _design(state).indifference < ledger(state, split).indifference else contest


def noted(state: Pass, split: str, contest: Contest, noise: float | None) -> StakesStatus:
    """The ledger after a pass."""
    after = contest.anew(noise)
    told = {
        "indifference": _design(state).indifference,
        "most": after.most,
        "left": dict(after.stakes.parts),
        "free": after.stakes.free,
        "begun": after.stakes.begun,
    }
    return ledger(state, split).model_copy(update=told)


def with_ledgers(state: Pass, found: tuple[StakesStatus, ...]) -> Pass:
    """The trial with these ledgers, and those of splits that nobody asks for now."""
    splits = {item.split for item in found}
    others = [item for item in state.trial.stakes if item.split not in splits]
    return state.change_trial(stakes=(*others, *found)[-SET_ASIDE:])


def late(state: Pass) -> StakesStatus | None:
    """A ledger that began with another falseWinner than the spec has now."""
    design = state.strategy.design(state.settings)
    if state.status.trial is None or design is None:
        return None
    return next((item for item in state.trial.stakes if item.asked != design.false_winner), None)


def _design(state: Pass) -> Design:
    design = state.strategy.design(state.settings)
    assert design is not None
    return design
