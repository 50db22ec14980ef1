"""From what a person asks for to the command that is sent, and from the operator's answer to what is said of it.

Pure. A command that makes no sense is refused here with the reason, before anything is written: the operator would
ignore it, but only an Event would tell.

A command is for all versions under trial, or for the one that a person named. A step is never of one version alone,
so neither is a promotion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelrollout.api.command import SEVERAL, Command, Verb, Weight, one_line
from modelrollout.api.status import Arm, Phase, Status
from modelrollout.cli.errors import Refused
from modelrollout.cli.routed import not_done
from modelrollout.cli.text import listed
from modelrollout.core.command.undo import FIRST, gone, is_first
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

OF_STEPS = (Verb.PROMOTE, Verb.SKIP, Verb.PROMOTE_FULL)
NOTE_LENGTH = 256  # characters; the note is repeated in Events, which hold 1024
_OWN_NAME = re.compile(rf"^({'|'.join(Verb)})( --full)?(: | of \S+ does nothing: )")  # and the sentence has it already


def prepare(verb: Verb, rollout: ModelRollout, token: str, note: str = "", version: str | None = None) -> Command:
    """The command for this rollout as it is now; ``version`` is the only one that is meant. Raises Refused with one
    sentence when there is nothing to do it to."""
    if len(note) > NOTE_LENGTH:
        raise Refused(f"--reason has {len(note)} characters of at most {NOTE_LENGTH}")
    if verb is Verb.RETRY:
        return Command(verb, SEVERAL.join(_withheld(rollout, version)), token)
    if verb is Verb.UNDO:
        return Command(verb, _promoted(rollout, version), token, one_line(note))
    arms = _under_trial(verb, rollout, version)
    refusal = _objection(verb, rollout.status, arms) or _no_less(verb, rollout.status, arms, note)
    if refusal is not None:
        raise Refused(f"rollout {rollout.name}: {refusal}")
    return Command(verb, SEVERAL.join(arm.version for arm in arms), token, one_line(note))


def _under_trial(verb: Verb, rollout: ModelRollout, version: str | None) -> Sequence[Arm]:
    """The versions that are meant."""
    status = rollout.status
    if not status.arms:
        raise Refused(f"rollout {rollout.name}: nothing to {_act(verb)}: no release is under way; {_state(status)}")
    if version is None:
        return status.arms
    arm = status.arm(version)
    if arm is not None:
        return (arm,)
    others = f"{_names(status.arms)} {_are(status.arms)}"
    way_out = "name it, or no version" if len(status.arms) == 1 else "name one of them, or no version for all"
    raise Refused(f"rollout {rollout.name}: {version} is not under trial, {others}; {way_out}")


def _promoted(rollout: ModelRollout, version: str | None) -> str:
    """The version that serves, when there is one before it to go back to."""
    status, nothing = rollout.status, f"rollout {rollout.name}: nothing to undo"
    if status.arms:
        raise Refused(f"{nothing}: {_names(status.arms)} {_are(status.arms)} under trial; abort takes it back")
    if status.stable is None or version not in (None, status.stable.version):
        raise Refused(f"{nothing}: {version or 'no version'} does not serve; {_state(status)}")
    if status.previous is None and is_first(status):
        raise Refused(f"{nothing}: {FIRST.format(status.stable.version)}")
    if status.previous is None:
        raise Refused(f"{nothing}: {gone(status)}")
    return status.stable.version


def _objection(verb: Verb, status: Status, arms: Sequence[Arm]) -> str | None:
    """Why the verb can do nothing for these versions, if so."""
    names = f"{_names(arms)} {_are(arms)}"
    held = [arm for arm in arms if arm.paused]
    match verb:
        case verb if verb in OF_STEPS and status.stable is None:
            return f"{_names(arms)} is the first version; it serves as soon as it is ready"
        case verb if verb in OF_STEPS and len(arms) < len(status.arms) and not (held and verb is Verb.PROMOTE):
            return f"the steps are of {_names(status.arms)} together; leave the version out to go on with all of them"
        case Verb.PROMOTE | Verb.SKIP if not held and all(arm.ready_at is None for arm in arms):
            return f"{names} not ready yet; {_state(status)}"
        case Verb.LOWER if status.stable is None:
            return f"{_names(arms)} is the first version, and nobody else could answer"
        case Verb.PAUSE if len(held) == len(arms):
            return f"{names} already paused: {held[0].paused}"
        case Verb.RESUME if not held and status.phase is not Phase.PAUSED:
            return f"{names} not paused; {_state(status)}"
    return None


def _no_less(verb: Verb, status: Status, arms: Sequence[Arm], note: str) -> str | None:
    """That a weight is no less than what the versions have."""
    asked = Weight.of(note) if verb is Verb.LOWER else None
    route = status.trial.route if status.trial is not None else None
    most = max(route.largest_share(arm.version) if route is not None else 0 for arm in arms)
    if asked is None or most > asked.percent:
        return None
    return f"{_names(arms)} {_have(arms)} {most} % of the requests, and {asked.percent} % is no less"


def _withheld(rollout: ModelRollout, version: str | None) -> Sequence[str]:
    """The versions of the spec that get no release: releasing any other takes a change of the spec first."""
    spec = rollout.spec
    if not isinstance(spec, Spec):
        raise Refused(f"rollout {rollout.name}: the spec is invalid, set it right first: {spec.message}")
    wanted = [model.version for model in spec.strategy.chosen.models(spec.strategy.settings, spec.model)]
    status = rollout.status
    failed = list(dict.fromkeys(item.version for item in status.withheld))
    asked = wanted if version is None else [version]
    if found := [item for item in asked if item in wanted and item in failed]:
        return found
    nothing = f"rollout {rollout.name}: nothing to retry"
    if version in failed:
        raise Refused(f"{nothing}: the spec does not name {version}; set spec.model.version to it first")
    others = [item for item in failed if item not in wanted]
    way_out = f"; set spec.model.version to {listed(others, 'or')} first" if others else ""
    if other := [item for item in failed if item in wanted]:
        way_out = f"; {listed(other)} {'is' if len(other) == 1 else 'are'}"
    if under_way := [item for item in asked if status.arm(item) is not None and status.trial is not None]:
        way_out += f"; the release of {listed(under_way)} is under way"
    raise Refused(f"{nothing}: {listed(asked)} {'is' if len(asked) == 1 else 'are'} not quarantined{way_out}")


def accepted(command: Command, status: Status) -> bool:
    """Whether the status, written when the command was carried out, shows its effect."""
    if status.command_ignored is not None:
        return False
    arms = [arm for arm in status.arms if command.is_for(arm.version)]
    ends = [_ended(version, status) for version in versions(command)]
    match command.verb:
        case Verb.RETRY:
            return not any(command.is_for(item.version) for item in status.withheld)
        case Verb.ABORT | Verb.ABORT_QUARANTINE:
            return not arms and "Aborted" in ends
        case Verb.UNDO:
            return "Undone" in ends
        case Verb.LOWER:  # one that had no more than that already is not paused
            return any(arm.paused for arm in arms)
        case Verb.PAUSE:
            return bool(arms) and all(arm.paused for arm in arms)
        case Verb.RESUME:  # a first version that had come up serves at once
            return not any(arm.paused for arm in arms) and (
                bool(arms) or not {"Promoted", "Installed"}.isdisjoint(ends)
            )
        case Verb.PROMOTE | Verb.SKIP | Verb.PROMOTE_FULL:
            return bool(arms) or "Promoted" in ends


def report(name: str, command: Command, status: Status, before: Status | None = None) -> str:
    """What became of the command, in one sentence: what it did, and what is waited for now. ``before`` is the status
    that it was given for: of a pause and an approval below it, ``promote`` ends the pause alone."""
    what = f"rollout {name}: {subject(command)}"
    could = [status.stable] if command.verb is Verb.UNDO else status.arms
    if status.command_ignored is not None and any(command.is_for(item.version) for item in could if item is not None):
        return f"{what} was not carried out: {_OWN_NAME.sub('', status.command_ignored, count=1)}"
    if not accepted(command, status):
        return f"{what} came too late or does not apply: {_why_not(command, status)}; {_state(status)}"
    if (routed := not_done(command, status)) is not None:
        return f"{what} is decided, but {routed}; {_state(status)}"
    if command.verb is Verb.RETRY:
        return f"{what} accepted; {_begins(command, status)}, {_state(status)}"
    served = status.stable is not None and status.stable.version in versions(command)
    done = _done(command, before)
    return f"{what} {done}; {'' if served else f'{_weights(command, status)}, '}{_state(status)}"


def _done(command: Command, before: Status | None) -> str:
    """Where a person held a version: ``promote`` ends that pause, and was not taken for the approval below it; ``skip``
    and a full promotion end both."""
    held = [arm for arm in before.arms if arm.paused and command.is_for(arm.version)] if before is not None else []
    if command.verb not in OF_STEPS or not held:
        return "accepted"
    return "ended the pause, and nothing else" if command.verb is Verb.PROMOTE else "accepted, and ended the pause"


def _begins(command: Command, status: Status) -> str:
    """What a retry starts, and when."""
    names = versions(command)
    releases = f"the release{'s' if len(names) > 1 else ''} of {listed(names)}"
    if all(status.arm(version) is not None for version in names):
        return f"{releases} begin{'s' if len(names) == 1 else ''} from the beginning now"
    return f"{releases} begin{'s' if len(names) == 1 else ''} from the beginning when what ran before is gone"


def subject(command: Command) -> str:
    """``pause of 1.1.2 and 1.2.3``."""
    return f"{_word(command.verb)} of {listed(versions(command))}"


def versions(command: Command) -> list[str]:
    """The versions that a command names."""
    return command.version.split(SEVERAL)


def _why_not(command: Command, status: Status) -> str:
    """What had become of the versions before the command came."""
    ends = {version: outcome for version in versions(command) if (outcome := _ended(version, status))}
    if not ends:
        return "the operator did not carry it out"
    if len(versions(command)) == 1:
        return f"its release has ended before ({', '.join(ends.values())})"
    return f"before it {listed([f'{version} was {outcome}' for version, outcome in ends.items()])}"


def _weights(command: Command, status: Status) -> str:
    """The weights that the versions have now."""
    weights = {version: status.arm(version) for version in versions(command)}
    if len(weights) == 1:
        return f"weight {sum(arm.weight for arm in weights.values() if arm)} %"
    return ", ".join(f"{version} at {arm.weight if arm else 0} %" for version, arm in weights.items())


def _ended(version: str, status: Status) -> str | None:
    """How the last release of this version ended; None while it is under way or when it never was."""
    if status.arm(version) is not None:
        return None
    return next((entry.outcome for entry in reversed(status.history) if entry.version == version), None)


def _state(status: Status) -> str:
    return f"{status.phase.value}: {status.message}" if status.message else status.phase.value


def _names(arms: Sequence[Arm]) -> str:
    return listed([arm.version for arm in arms])


def _are(arms: Sequence[Arm]) -> str:
    return "is" if len(arms) == 1 else "are"


def _have(arms: Sequence[Arm]) -> str:
    return "has" if len(arms) == 1 else "have at most"


def _act(verb: Verb) -> str:
    return {Verb.PROMOTE_FULL: "promote", Verb.ABORT_QUARANTINE: "abort"}.get(verb, verb.value)


def _word(verb: Verb) -> str:
    return {Verb.PROMOTE_FULL: "full promotion", Verb.ABORT_QUARANTINE: "abort and quarantine"}.get(verb, verb.value)
