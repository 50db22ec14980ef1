"""From what a person asks for to the command that is sent, and from the operator's answer to what is said of it.

Pure. A command that makes no sense is refused here with the reason, before anything is written: the operator would
ignore it, but only an Event would tell.
"""

from __future__ import annotations

from modelrollout.api.command import Command, Verb, one_line
from modelrollout.api.resource import ModelRollout
from modelrollout.api.rollout import Spec
from modelrollout.api.status import Phase, Status
from modelrollout.cli.errors import Refused

NOTE_LENGTH = 256  # characters; the note is repeated in Events, which hold 1024


def prepare(verb: Verb, rollout: ModelRollout, token: str, note: str = "") -> Command:
    """The command for this rollout as it is now. Raises Refused with one sentence when there is nothing to do it to."""
    if len(note) > NOTE_LENGTH:
        raise Refused(f"--reason has {len(note)} characters of at most {NOTE_LENGTH}")
    if verb is Verb.RETRY:
        return Command(verb, _quarantined_version(rollout), token)
    return Command(verb, _candidate_for(verb, rollout), token, one_line(note))


def _candidate_for(verb: Verb, rollout: ModelRollout) -> str:
    """The version that is released now, if the verb can do anything for it."""
    status = rollout.status
    if status.candidate is None:
        raise Refused(f"rollout {rollout.name}: nothing to {_act(verb)}: no release is under way; {_state(status)}")
    version = status.candidate.version
    if verb in (Verb.PROMOTE, Verb.PROMOTE_FULL) and status.stable is None:
        raise Refused(f"rollout {rollout.name}: {version} is the first version; it serves as soon as it is ready")
    loading = status.release is not None and status.release.ready_at is None and not status.paused
    if verb is Verb.PROMOTE and loading:
        raise Refused(f"rollout {rollout.name}: {version} is not ready yet; {_state(status)}")
    if verb is Verb.PAUSE and status.paused:
        raise Refused(f"rollout {rollout.name}: {version} is already paused: {status.paused}")
    if verb is Verb.RESUME and not status.paused and status.phase is not Phase.PAUSED:
        raise Refused(f"rollout {rollout.name}: {version} is not paused; {_state(status)}")
    return version


def _quarantined_version(rollout: ModelRollout) -> str:
    """The version of the spec, which must be in quarantine: releasing any other takes a change of the spec first."""
    if not isinstance(rollout.spec, Spec):
        raise Refused(f"rollout {rollout.name}: the spec is invalid, set it right first: {rollout.spec.message}")
    wanted, held = rollout.spec.model.version, [item.version for item in rollout.status.quarantined]
    if wanted in held:
        return wanted
    others = f"; set spec.model.version to {' or '.join(held)} first" if held else ""
    raise Refused(f"rollout {rollout.name}: nothing to retry: {wanted} is not quarantined{others}")


def accepted(command: Command, status: Status) -> bool:
    """Whether the status, written when the command was carried out, shows its effect."""
    candidate = status.candidate.version if status.candidate else None
    match command.verb:
        case Verb.RETRY:
            return all(item.version != command.version for item in status.quarantined)
        case Verb.ABORT:
            return _ended(command.version, status) == "Aborted"
        case Verb.PAUSE:
            return command.is_for(candidate) and bool(status.paused)
        case Verb.RESUME:
            return command.is_for(candidate) and not status.paused
        case Verb.PROMOTE | Verb.PROMOTE_FULL:
            return command.is_for(candidate) or _ended(command.version, status) == "Promoted"


def report(name: str, command: Command, status: Status) -> str:
    """What became of the command, in one sentence."""
    what = f"rollout {name}: {_word(command.verb)} of {command.version}"
    if not accepted(command, status):
        outcome = _ended(command.version, status)
        late = f"its release has ended before ({outcome})" if outcome else "the operator did not carry it out"
        return f"{what} came too late or does not apply: {late}; {_state(status)}"
    weight = f"weight {status.candidate.weight if status.candidate else 0} %, "
    served = status.stable is not None and status.stable.version == command.version
    return f"{what} accepted; {'' if served else weight}{_state(status)}"


def _ended(version: str, status: Status) -> str | None:
    """How the last release of this version ended; None while it is under way or when it never was."""
    if status.candidate is not None and status.candidate.version == version:
        return None
    return next((entry.outcome for entry in reversed(status.history) if entry.version == version), None)


def _state(status: Status) -> str:
    return f"{status.phase.value}: {status.message}" if status.message else status.phase.value


def _act(verb: Verb) -> str:
    return Verb.PROMOTE.value if verb is Verb.PROMOTE_FULL else verb.value


def _word(verb: Verb) -> str:
    return "full promotion" if verb is Verb.PROMOTE_FULL else verb.value
