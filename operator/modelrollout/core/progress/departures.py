"""What becomes of a version that has left: it drains and is retired, is withheld, and goes into the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelrollout.api.status import HistoryEntry, Identity, Retiring, TakenBack, VersionStatus
from modelrollout.core.hint import with_name
from modelrollout.core.observation import Workload
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.recipe import asked_of, pods_of, recipe_of, word_of
from modelrollout.resource.spec import Spec

IDENTITIES_LENGTH = 200  # about a hundred bytes each
HISTORY_LENGTH = 20  # entries that a person would scroll through; the object must stay far below etcd's limit
CORRIGIBLE: Mapping[Reason, Callable[[Spec, str], str | None]] = {
    Reason.FETCH_FAILED: recipe_of,
    Reason.LOAD_FAILED: pods_of,
    Reason.LOAD_TIMEOUT: word_of,
    Reason.OBJECT_REFUSED: word_of,
    Reason.VALIDATION_TIMEOUT: asked_of,
}
"""By the spec, as nothing of the model was found to be wrong, or its server may have been told something wrong: of what
another word is a correction."""

NEVER_UP = CORRIGIBLE.keys() - {Reason.LOAD_FAILED, Reason.VALIDATION_TIMEOUT}
"""Those of which it is not known what they are: their place may have been a mistake."""


def retire(state: Pass, old: VersionStatus, keep: float, reason: Reason) -> Pass:
    """A version that had traffic drains before its pods may go; one that never had any has nothing to drain.

    A control that is replaced has weight 0 in the route since the bake began, or since this very pass. The live route
    counts as well: a pass may have been killed between the route and the status.
    """
    had_traffic = _has_traffic(state, old.version) or reason in (Reason.DRAINED, Reason.UNDONE)
    drained = state.now + (state.spec.serving.drain if had_traffic else 0.0)
    entry = Retiring(
        version=old.version,
        uri=old.uri,
        digest=old.digest,
        drain_until=drained,
        remove_at=max(drained, state.now + keep),
        reason=reason,
        serving=old.serving,
    )
    return state.change(retiring=(*state.status.retiring, entry))


def _has_traffic(state: Pass, version: str) -> bool:
    live = state.seen.route
    if live is not None and version in live.named and (live.route is None or live.route.largest_share(version)):
        return True
    arm = state.status.arm(version)
    return state.weight(version) > 0 or (arm is not None and arm.recall is not None)


def retire_unknown(state: Pass, seen: Workload) -> Retiring:
    """A deployed version that the status does not know, after it was lost: it may still have requests. The one before,
    by the note, is kept as it was."""
    drained, is_previous = state.now + state.spec.serving.drain, seen.version == noted_previous(state)
    keep = state.spec.rollback.keep_previous if is_previous else 0.0
    return Retiring(
        version=seen.version,
        uri=seen.uri or "",
        digest=seen.digest,
        drain_until=drained,
        remove_at=max(drained, state.now + keep),
        reason=Reason.DRAINED if is_previous else "Unknown",
    )


def noted_previous(state: Pass) -> str | None:
    """The version before, by the note beside the route."""
    return state.seen.note.previous if state.seen.note is not None else None


def without_older(state: Pass) -> Pass:
    """One version before is enough to go back to: those before it go when they have drained."""
    kept = [
        item.model_copy(update={"remove_at": item.drain_until}) if item.reason == Reason.DRAINED else item
        for item in state.status.retiring
    ]
    return state.change(retiring=tuple(kept))


def take_back(state: Pass, old: VersionStatus, reason: Reason, message: str) -> Pass:
    """A version that is not to blame gets no release by itself, though the spec may name it."""
    taken = TakenBack(**withheld(state, old, reason, message))
    return state.change(taken_back=(*state.status.taken_back, taken))


def withheld(state: Pass, old: VersionStatus, reason: Reason, message: str) -> dict[str, Any]:
    """What is kept of a version that gets no release, whether it is to blame or not."""
    tried = CORRIGIBLE[reason](state.spec, old.version) if reason in CORRIGIBLE else None
    known = {"version": old.version, "digest": old.digest, "at": state.now}
    return {**known, "reason": reason, "message": with_name(message, state.rollout), "tried": tried}


def record(state: Pass, ended: VersionStatus, outcome: str, reason: Reason, message: str, *, started_at: float) -> Pass:
    """What became of a version, into the history."""
    entry = HistoryEntry(
        version=ended.version,
        digest=ended.digest,
        outcome=outcome,
        reason=reason,
        message=with_name(message, state.rollout),
        started_at=started_at,
        ended_at=state.now,
    )
    state = _identified(state, ended, reason)
    return state.change(history=(*state.status.history, entry)[-HISTORY_LENGTH:])


def _identified(state: Pass, ended: VersionStatus, reason: Reason) -> Pass:
    """What it was is known for much longer than what became of it; not of one whose place may have been a mistake, as
    it never came up."""
    if ended.digest is None or reason in NEVER_UP:
        return state
    others = (item for item in state.status.identities if item.version != ended.version)
    known = (*others, Identity(version=ended.version, digest=ended.digest))
    return state.change(identities=known[-IDENTITIES_LENGTH:])
