"""The moves of a release as changes of the status: begin, weight, promote, leave.

Each is one function, used by whoever decides that it is time. No move can be half done: it is one new status.
"""

from __future__ import annotations

from modelrollout.api.status import HistoryEntry, Quarantined, Release, Retiring, VersionStatus
from modelrollout.core.acceptance import known_digest
from modelrollout.core.observation import Workload
from modelrollout.core.plan import Reason
from modelrollout.core.turn import Turn

HISTORY_LENGTH = 20  # entries that a person would scroll through; the object must stay far below etcd's limit
QUARANTINE_LENGTH = 20
SETTLE_SECONDS = 2.0  # between "the pods are ready" and the first request: the mesh learns of new endpoints by then


def begin(turn: Turn) -> Turn:
    """A release of the spec's version starts: it is deployed, at weight 0. A version that was fetched before is pinned
    to what it was then: a version never changes."""
    model = turn.spec.model
    digest = model.digest or known_digest(turn.status, model.version)
    candidate = VersionStatus(version=model.version, uri=model.uri, digest=digest, pinned=digest)
    started = turn.change(candidate=candidate, release=Release(started_at=turn.now), analysis=(), paused=None)
    against = f", to replace {turn.status.stable.version}" if turn.status.stable else ", the first version"
    return started.say(Reason.RELEASE_STARTED, f"release of {model.version} started{against}")


def set_weight(turn: Turn, weight: int) -> Turn:
    """The candidate's weight changes; what was counted at the old weight does not speak for the new one."""
    if weight == turn.weight:
        return turn
    nothing_yet = {"requests_at_weight": 0, "ticks_at_weight": 0}
    analysis = tuple(item.model_copy(update=nothing_yet) for item in turn.status.analysis)
    changed = turn.change(analysis=analysis).change_candidate(weight=weight)
    return changed.change_release(weight_since=turn.now, hold_since=None)


def promote(turn: Turn) -> Turn:
    """The candidate becomes stable; the old version drains. No pod is touched: only the pointer moves."""
    candidate, old = turn.candidate, turn.status.stable
    outcome = "Promoted" if old else "Installed"
    message = f"{candidate.version} serves all requests" + (f"; {old.version} drains" if old else "")
    ended = _end(turn, outcome, Reason.PROMOTED if old else Reason.INSTALLED, message)
    if old is not None:
        ended = _retire(ended, old, keep=0.0, reason=Reason.DRAINED)
    return ended.change(stable=candidate.model_copy(update={"weight": 100})).say(
        Reason.PROMOTED if old else Reason.INSTALLED, message
    )


def leave(turn: Turn, reason: Reason, message: str, *, outcome: str, quarantine: bool) -> Turn:
    """Traffic leaves the candidate at once; it drains and, when it failed, is quarantined."""
    candidate = turn.candidate
    keep = turn.spec.rollback.keep_failed_for if quarantine else 0.0
    left = _retire(_end(turn, outcome, reason, message), candidate, keep=keep, reason=reason)
    if quarantine:
        entry = Quarantined(
            version=candidate.version, digest=candidate.digest, reason=reason, message=message, at=turn.now
        )
        left = left.change(quarantined=(*left.status.quarantined, entry)[-QUARANTINE_LENGTH:])
    return left.say(reason, f"{candidate.version} is out of traffic: {message}", warning=quarantine)


def retire_unknown(turn: Turn, seen: Workload) -> Retiring:
    """A deployed version that the status does not know, after it was lost: it may still have requests."""
    drained = turn.now + turn.spec.serving.drain
    return Retiring(
        version=seen.version,
        uri=seen.uri or "",
        digest=seen.digest,
        drain_until=drained,
        remove_at=drained,
        reason="Unknown",
    )


def _end(turn: Turn, outcome: str, reason: Reason, message: str) -> Turn:
    """The release is over: what it was goes to the history, its verdicts stay to be read, its memory goes."""
    entry = HistoryEntry(
        version=turn.candidate.version,
        digest=turn.candidate.digest,
        outcome=outcome,
        reason=reason,
        message=message,
        started_at=turn.release.started_at,
        ended_at=turn.now,
    )
    verdicts = tuple(item.model_copy(update={"state": {}, "counters": {}}) for item in turn.status.analysis)
    return turn.change(
        history=(*turn.status.history, entry)[-HISTORY_LENGTH:],
        candidate=None,
        release=None,
        paused=None,
        analysis=verdicts,
    )


def _retire(turn: Turn, old: VersionStatus, keep: float, reason: Reason) -> Turn:
    """A version that had traffic drains before its pods may go; one that never had any has nothing to drain.

    A stable version that is replaced has weight 0 in the route since the bake began, or since this very pass. The live
    route counts as well: a pass may have been killed between the route and the status.
    """
    live = turn.seen.route.weights if turn.seen.route is not None else {}
    had_traffic = old.weight > 0 or live.get(old.version, 0) > 0 or reason == Reason.DRAINED
    drained = turn.now + (turn.spec.serving.drain if had_traffic else 0.0)
    entry = Retiring(
        version=old.version,
        uri=old.uri,
        digest=old.digest,
        drain_until=drained,
        remove_at=max(drained, turn.now + keep),
        reason=reason,
    )
    return turn.change(retiring=(*turn.status.retiring, entry))
