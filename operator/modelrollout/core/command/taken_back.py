"""What gets no release, and how that ends: ``retry``, for what a person took back a spec that names it anew, and for
what never came up a spec that is corrected."""

from __future__ import annotations

from modelrollout.api.command import SEVERAL, Command
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.recipe import is_corrected


def retry(state: Pass, command: Command) -> Pass:
    """The versions may be released again; if the spec still names them, their release starts from the beginning."""
    status = state.status
    meant = list(dict.fromkeys(item.version for item in status.withheld if command.is_for(item.version)))
    if not meant:
        objections = "; ".join(_not_withheld(state, version) for version in command.version.split(SEVERAL))
        return state.say(Reason.COMMAND_IGNORED, f"retry: {objections}", True)
    state = state.change(
        quarantined=tuple(item for item in status.quarantined if item.version not in meant),
        taken_back=tuple(item for item in status.taken_back if item.version not in meant),
    )
    return state.say(Reason.RETRIED, f"{' and '.join(meant)} may be released again: {_what_starts(state, meant)}")


def _not_withheld(state: Pass, version: str) -> str:
    """Why there is nothing to retry of a version, which may be because it was said already."""
    said = f"{version} is not quarantined"
    if state.control is not None and state.control.version == version:
        return f"{said}, it serves"
    if state.status.arm(version) is not None:
        return f"{said}, its release is under way"
    if version not in state.named:
        return said
    before = " when what ran before is gone" if _is_there_yet(state, [version]) else ""
    return f"{said}, its release starts already{before}"


def _is_there_yet(state: Pass, meant: list[str]) -> bool:
    """Whether what ran before of these versions, or any other, still drains."""
    return any(item.version in meant or item.drain_until > state.now for item in state.status.retiring)


def _what_starts(state: Pass, meant: list[str]) -> str:
    named = [version for version in state.named if version in meant]
    if not named:
        return f"the spec names {' and '.join(state.named)}, so nothing starts until it names {' or '.join(meant)}"
    when = " when what ran before is gone" if _is_there_yet(state, meant) else ""
    return f"the release of {' and '.join(named)} starts from the beginning{when}"


def retry_corrected(state: Pass) -> Pass:
    """What could not be fetched, never came as far as its server, or could not be asked before any traffic, is tried
    again as soon as the spec says something else of it: nothing of the model was ever at fault. So is what could not be
    loaded, as soon as its server is told something else."""
    meant = [
        item.version
        for item in state.status.withheld
        if item.tried is not None and is_corrected(state.spec, item.version, item.tried)
    ]
    if not meant:
        return state
    status = state.status
    state = state.change(
        quarantined=tuple(item for item in status.quarantined if item.version not in meant),
        taken_back=tuple(item for item in status.taken_back if item.version not in meant),
    )
    return state.say(Reason.RETRIED, f"the spec was corrected: {_what_starts(state, list(dict.fromkeys(meant)))}")


def forget_unnamed(state: Pass) -> Pass:
    """A version that the spec does not name any more may be released when it is named anew."""
    kept = tuple(item for item in state.status.taken_back if item.version in state.named)
    return state if kept == state.status.taken_back else state.change(taken_back=kept)
