"""How a release ended, as a pipeline needs to know it: from what is seen of a rollout to an exit code and a sentence.

Pure. The status may be older than the spec, and the spec may not yet be the one that is waited for; neither may be
taken for an end.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import IntEnum

from modelrollout.api.command import Verb, parse
from modelrollout.api.status import Condition, HistoryEntry, Phase, Quarantined, Status, VersionStatus
from modelrollout.cli.besides import besides
from modelrollout.cli.routed import not_applied, still_routed
from modelrollout.cli.text import listed
from modelrollout.core.plan import Reason, unblamed
from modelrollout.resource.rollout import ModelRollout, SpecError

METRIC_SECONDS = 120.0
"""For a metric that Prometheus does not know yet: some scrapes, and some looks of the operator at what they brought."""


class Exit(IntEnum):
    """Exit codes of ``modelrollout wait``."""

    SERVES = 0  # the version is stable: promoted, installed, or it was already; or it has the share that it is to keep;
    # or it passed where it was only to be validated
    TAKEN_BACK = 1  # rolled back, aborted, superseded, quarantined, not chosen, or the rollout was deleted
    INVALID = 2  # the spec was refused, or its model cannot be fetched; or there is no such rollout, or wrong usage
    TIMEOUT = 3  # neither, in the time given
    UNREACHABLE = 4  # the cluster could not be asked


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of the wait. ``code`` is what the program ends with; ``stands_after`` are the seconds for which it must
    have been so, where it may end by itself."""

    code: IntEnum
    message: str
    stands_after: float = 0.0


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
        patience = METRIC_SECONDS if refused.reason == Reason.UNKNOWN_METRIC else 0.0
        return Outcome(Exit.INVALID, _not_accepted(rollout, refused), patience)
    named = spec_versions(rollout)
    version = wanted.version or next(iter(named), None)
    if version is None or _retry_is_on_its_way(rollout, {version} if wanted.may_come else {version, *named}):
        return None
    if wanted.version is None and (decided := _decided(rollout)) is not None:
        return decided
    ended = _ended(rollout, version, wanted) or _failed_beside(rollout, version, wanted)
    if ended is not None and still_routed(status, {version, *named}) is not None:
        return None
    return ended or _serves(rollout, version) or _replaced(rollout, version, wanted)


def _not_accepted(rollout: ModelRollout, refused: Condition) -> str:
    """A spec that is in order, and whose model is not where it says, was not refused: it was tried."""
    held = [item for item in rollout.status.withheld if item.version in spec_versions(rollout)]
    unfetched = next((item for item in reversed(held) if item.reason == refused.reason == Reason.FETCH_FAILED), None)
    if unfetched is None:
        return f"the spec was refused: {refused.message}"
    return f"{unfetched.version} was not fetched: {unfetched.message}; correct spec.model, and it is tried again"


def concerns(rollout: ModelRollout, wanted: Wanted) -> bool:
    """Whether the spec as it is now is the one that is waited for. One that cannot be read is taken for it: a
    pipeline should hear of it at once."""
    return wanted.version is None or not spec_versions(rollout) or wanted.version in spec_versions(rollout)


def spec_version(rollout: ModelRollout) -> str | None:
    """The version that the spec's model names, None when the spec cannot be read."""
    return next(iter(spec_versions(rollout)), None)


def spec_versions(rollout: ModelRollout) -> tuple[str, ...]:
    """Every version that the spec names, its model's first; none when it cannot be read."""
    spec = rollout.spec
    if isinstance(spec, SpecError):
        return ()
    return tuple(model.version for model in spec.strategy.chosen.models(spec.strategy.settings, spec.model))


def _ended(rollout: ModelRollout, version: str, wanted: Wanted) -> Outcome | None:
    """The end of a release of this version that began or ended since the start, or why it gets none."""
    status = rollout.status
    if status.arm(version) is not None:
        return None
    if (held := _withheld(rollout, version)) is not None:
        return held
    entry = next((item for item in reversed(status.history) if item.version == version), None)
    if entry is None or entry in wanted.known or entry.outcome in ("Promoted", "Installed"):
        return None
    return Outcome(Exit.TAKEN_BACK, f"{version}: {entry.outcome}: {entry.reason}: {entry.message}")


def _withheld(rollout: ModelRollout, version: str) -> Outcome | None:
    """The version failed, or a person took it back."""
    held = next((item for item in rollout.status.withheld if item.version == version), None)
    if held is None:
        return None
    if isinstance(held, Quarantined) and held.tried is not None:
        words = f"{version} failed: {held.reason}: {held.message}; correct the spec, and it is tried again"
        return Outcome(Exit.TAKEN_BACK, words)
    if isinstance(held, Quarantined):
        return Outcome(Exit.TAKEN_BACK, f"{version} is quarantined: {held.reason}: {held.message}")
    if held.reason == "Validated":
        return Outcome(Exit.SERVES, f"{version} passed its validation, and nothing is released: {held.message}")
    if held in rollout.status.not_chosen:
        return Outcome(Exit.TAKEN_BACK, f"{version} was not chosen: {held.message}")
    return Outcome(Exit.TAKEN_BACK, f"{version} {unblamed(held.reason)}: {held.message}")


def _failed_beside(rollout: ModelRollout, version: str, wanted: Wanted) -> Outcome | None:
    """Who waits for the spec as a whole hears of another of its versions that failed."""
    named = spec_versions(rollout)
    if wanted.may_come or version not in named:
        return None
    chosen_against = {item.version for item in rollout.status.not_chosen}
    others = [other for other in named if other not in chosen_against]
    return next((end for other in others if (end := _withheld(rollout, other)) is not None), None)


def _decided(rollout: ModelRollout) -> Outcome | None:
    """A test is over, whoever it chose: that is what who waits for the spec as a whole waits for."""
    status, named = rollout.status, spec_versions(rollout)
    if not {item.version for item in status.not_chosen} & {*named} or status.trial is not None or status.stable is None:
        return None
    return _said_to_serve(status, status.stable.version) if _is_settled(rollout, status.stable) else None


def _retry_is_on_its_way(rollout: ModelRollout, versions: Set[str]) -> bool:
    """Whether the operator has a retry of one of these versions still to read."""
    command = parse(rollout.pending_command or "")
    return command is not None and command.verb is Verb.RETRY and any(map(command.is_for, versions))


def _serves(rollout: ModelRollout, version: str) -> Outcome | None:
    """The version is the stable one, and the operator is done with making it so; or it is under trial, and has the
    share that it is to keep."""
    stable, arm = rollout.status.stable, rollout.status.arm(version)
    if stable is not None and stable.version == version:
        over = version != spec_version(rollout) or _is_settled(rollout, stable)
    else:
        over = arm is not None and arm.weight > 0 and _is_settled(rollout, arm)
    return _said_to_serve(rollout.status, version) if over else None


def _said_to_serve(status: Status, version: str) -> Outcome:
    """With what a pipeline should hear of though its version serves."""
    return Outcome(Exit.SERVES, "; ".join([f"{version} serves: {status.message}", *besides(status)]))


def _is_settled(rollout: ModelRollout, served: VersionStatus) -> bool:
    """Whether all is as the spec wants it, the live route too; or all but another of its versions that failed, which is
    not waited for."""
    if not_applied(rollout.status) is not None:
        return False
    status, others = rollout.status, {*spec_versions(rollout)} - {served.version}
    if status.phase is not Phase.DEGRADED:
        return status.phase is Phase.HEALTHY
    failed = any(item.version in others for item in status.withheld)
    return failed and not served.ready.startswith("0/")


def _replaced(rollout: ModelRollout, version: str, wanted: Wanted) -> Outcome | None:
    """The spec named the version and names others now, before its release has begun."""
    named, under_way = spec_versions(rollout), rollout.status.arm(version) is not None
    if wanted.may_come or not named or version in named or under_way:
        return None
    return Outcome(Exit.TAKEN_BACK, f"{version} gets no release: the spec names {listed(named)} now")


def describe_wait(status: Status) -> str:
    """Where the release is, in a line that changes only when a person would want to know."""
    routed = still_routed(status, [item.version for item in status.retiring])
    parts = [status.phase.value, *(f"{arm.version} at {arm.weight} %" for arm in status.arms)]
    if status.step:
        parts.append(f"step {status.step}")
    words = "; ".join(words for words in (status.message, routed) if words)
    return ", ".join(parts) + (f": {words}" if words else "")
