"""How a release ended, as a pipeline needs to know it: from what is seen of a rollout to an exit code and a sentence.

Pure. The status may be older than the spec, and the spec may not yet be the one that is waited for; neither may be
taken for an end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from modelrollout.api.command import Verb, parse
from modelrollout.api.resource import ModelRollout, SpecError
from modelrollout.api.status import HistoryEntry, Phase, Status


class Exit(IntEnum):
    """Exit codes of ``modelrollout wait``."""

    SERVES = 0  # the version is stable: promoted, installed, or it was already
    TAKEN_BACK = 1  # rolled back, aborted, superseded, quarantined, or the rollout was deleted
    INVALID = 2  # the spec was refused; or there is no such rollout, or wrong usage
    TIMEOUT = 3  # neither, in the time given
    UNREACHABLE = 4  # the cluster could not be asked


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of the wait."""

    code: Exit
    message: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is waited for. ``version`` None: whatever the spec names, once it can be read. ``may_come``: the spec
    may name it later. ``known`` is the history at the start: an older release of the same version is not meant."""

    version: str | None
    known: tuple[HistoryEntry, ...] = ()
    may_come: bool = False


def outcome(rollout: ModelRollout, wanted: Wanted) -> Outcome | None:
    """The end, or None while there is none yet."""
    status = rollout.status
    if status.observed_generation < rollout.generation:
        return None
    refused = next((item for item in status.conditions if item.type == "Accepted" and item.status == "False"), None)
    if refused is not None and concerns(rollout, wanted):
        return Outcome(Exit.INVALID, f"the spec was refused: {refused.message}")
    version = wanted.version or spec_version(rollout)
    if version is None or _retry_is_on_its_way(rollout, version):
        return None
    return _ended(rollout, version, wanted) or _serves(rollout, version) or _replaced(rollout, version, wanted)


def concerns(rollout: ModelRollout, wanted: Wanted) -> bool:
    """Whether the spec as it is now is the one that is waited for. One that cannot be read is taken for it: a
    pipeline should hear of it at once."""
    version = spec_version(rollout)
    return wanted.version is None or version is None or version == wanted.version


def spec_version(rollout: ModelRollout) -> str | None:
    """The version that the spec names, None when the spec cannot be read."""
    return None if isinstance(rollout.spec, SpecError) else rollout.spec.model.version


def _ended(rollout: ModelRollout, version: str, wanted: Wanted) -> Outcome | None:
    """The end of a release of this version that began or ended since the start, or its quarantine."""
    status = rollout.status
    if status.candidate is not None and status.candidate.version == version:
        return None
    held = next((item for item in status.quarantined if item.version == version), None)
    if held is not None:
        return Outcome(Exit.TAKEN_BACK, f"{version} is quarantined: {held.reason}: {held.message}")
    entry = next((item for item in reversed(status.history) if item.version == version), None)
    if entry is None or entry in wanted.known or entry.outcome in ("Promoted", "Installed"):
        return None
    return Outcome(Exit.TAKEN_BACK, f"{version}: {entry.outcome}: {entry.reason}: {entry.message}")


def _retry_is_on_its_way(rollout: ModelRollout, version: str) -> bool:
    """Whether the operator has a retry of this version still to read."""
    if not rollout.command or rollout.command == rollout.status.last_command:
        return False
    command = parse(rollout.command)
    return command is not None and command.verb is Verb.RETRY and command.is_for(version)


def _serves(rollout: ModelRollout, version: str) -> Outcome | None:
    """The version is the stable one, and the operator is done with making it so."""
    stable = rollout.status.stable
    if stable is None or stable.version != version:
        return None
    if spec_version(rollout) == version and rollout.status.phase is not Phase.HEALTHY:
        return None
    return Outcome(Exit.SERVES, f"{version} serves: {rollout.status.message}")


def _replaced(rollout: ModelRollout, version: str, wanted: Wanted) -> Outcome | None:
    """The spec named the version and names another one now, before its release has begun."""
    named, candidate = spec_version(rollout), rollout.status.candidate
    under_way = candidate is not None and candidate.version == version
    if wanted.may_come or named is None or named == version or under_way:
        return None
    return Outcome(Exit.TAKEN_BACK, f"{version} gets no release: the spec names {named} now")


def describe_wait(status: Status) -> str:
    """Where the release is, in a line that changes only when a person would want to know."""
    parts = [status.phase.value]
    if status.candidate is not None:
        parts.append(f"{status.candidate.version} at {status.candidate.weight} %")
    if status.step:
        parts.append(f"step {status.step}")
    return ", ".join(parts) + (f": {status.message}" if status.message else "")
