"""Outlook: what a pass came to, for people, and when the clock itself will change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelrollout.api.base import format_duration
from modelrollout.api.route import EVERYBODY, MATCHED, Route
from modelrollout.api.status import Phase, Quarantined, Withheld
from modelrollout.core.judge.standing import account
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import BEFORE_ANY_REQUEST, TAKEN_BACK, Reason, unblamed
from modelrollout.core.progress.guards import of_loading
from modelrollout.core.progress.obstacle import MEND, until_resumed
from modelrollout.resource.spec import Spec


@dataclass(frozen=True, slots=True)
class Outlook:
    """``wake_at`` in seconds since the epoch; ``splits`` are those that the strategy will need Services for, and
    ``wanted`` is the route that it would make next."""

    phase: Phase
    message: str
    wake_at: float | None = None
    splits: tuple[str, ...] = ()
    wanted: Route | None = None


Progress = tuple[Pass, Outlook]

OUT_OF_QUARANTINE = "It is quarantined: fix it as a new version, or say modelrollout retry"
CORRECTED = "{first} {field}, and {version} is tried again; or mend it in the cluster, and say modelrollout retry"
AGAIN = "Say modelrollout retry to release {version} again, or name another version"
NAME_AGAIN = (
    "Set spec.model.version to {version} and say modelrollout retry to release it again, or name another version"
)


def position(state: Pass) -> str:
    """Where the arms stand: ``1.1.2 at 10 %``."""
    trial, route = state.trial, state.route
    shares = [f"{arm.version} at {state.audience_share(arm.version)} %" for arm in trial.arms]
    if trial.audience == MATCHED:
        return f"{', '.join(shares)} of the matched requests"
    focused = route is not None and route.split(MATCHED) is not None and trial.audience == EVERYBODY
    return ", ".join(shares) + (" of the other requests" if focused or state.spec.segments else "")


def held_by_a_person(why: str) -> Outlook:
    """That somebody holds it, and the word that goes on."""
    return Outlook(Phase.PAUSED, until_resumed(why))


def at_rest(state: Pass) -> Progress:
    """No trial is under way (any more)."""
    if state.status.trial is not None:
        return state, Outlook(Phase.PROGRESSING, f"{position(state)}: the trial goes on", state.now)
    stable, wanted = state.control, state.spec.model.version
    draining = max((item.drain_until for item in state.status.retiring if item.drain_until > state.now), default=None)
    failed = failed_versions(state)
    if stable is None and state.spec.validate_only is not None and (ended := validation_ended(state)) is not None:
        return state, ended
    if stable is not None and (is_decided(state, stable.version) or (stable.version == wanted and not failed)):
        return state, health(state, stable.version, draining)
    serving = f"{stable.version} serves" if stable else "nothing serves"
    if stable is not None and (why := unrouted(state)) is not None:
        serving = f"{stable.version} shall serve all requests, and they go another way: {why}"
    if not failed:
        return state, Outlook(Phase.PENDING, f"{serving}; {wanted} is next{_way_back(state, wanted)}", draining)
    phase = Phase.ROLLING_BACK if draining else Phase.DEGRADED
    return state, Outlook(phase, f"{describe_failures(failed)}; {serving}. {way_out(state, failed)}", draining)


def validation_ended(state: Pass) -> Outlook | None:
    """What came of a version that was only to be looked at; None while nothing has."""
    version = state.spec.model.version
    held = state.status.held(version)
    if held is None:
        return None
    if held.reason == Reason.VALIDATED:
        return Outlook(Phase.HEALTHY, f"{version} passed its validation, and nothing is released: {held.message}")
    what = "failed its validation" if isinstance(held, Quarantined) else "could not be validated"
    return Outlook(Phase.DEGRADED, f"{version} {what}: {held.message}")


def is_decided(state: Pass, serving: str) -> bool:
    """Whether versions competed and one was chosen, which serves: no other that the spec names is to come. One that
    failed meanwhile only was not the best, unless it was the last."""
    status = state.status
    others = set(state.named) - {serving}
    if not state.strategy.competes or not others <= {item.version for item in status.withheld}:
        return False
    if not status.history:  # the status was lost
        return bool(status.not_chosen)
    return status.last_contest is not None and status.history[-1].outcome in ("NotChosen", "Promoted")


def _way_back(state: Pass, wanted: str) -> str:
    """What the version before waits for, when the spec went back to it."""
    previous = state.status.previous
    if previous is None or previous.version != wanted or previous.wanted_at is None:
        return ""
    seen = state.workload(wanted)
    undo = "; modelrollout undo goes back all the same" if seen.ready else ""
    return f": it has all requests again when its pods are ready, {seen.ready} of {seen.desired} now{undo}"


def unrouted(state: Pass) -> str | None:
    """Why the requests go another way than was decided, where somebody has to act."""
    live = state.seen.route
    if live is not None and live.route != state.route and live.obstacle is not None:
        return live.obstacle
    shared = state.route is not None and any(split.is_shared for split in state.route.splits)
    return state.seen.scattered if shared else None


def failed_versions(state: Pass) -> list[Withheld]:
    """Those that the spec names and that get no release: they failed, or a person took them back. Not those that a
    test did not choose, or that passed where nothing is released: nothing is wrong with them."""
    status = state.status
    well = (*status.not_chosen, *(item for item in status.taken_back if item.reason == Reason.VALIDATED))
    newest = {item.version: item for item in status.withheld if item not in well}
    return [newest[version] for version in state.named if version in newest]


def way_out(state: Pass, failed: Sequence[Withheld]) -> str:
    """What a person can do about them. A newer spec that is refused may name none of them."""
    corrigible: dict[str, list[str]] = {}
    for item in failed:
        if item.tried is not None:
            corrigible.setdefault(_corrected_in(item), []).append(item.version)
    others = [item for item in failed if item.tried is None]
    taken = [item.version for item in others if not isinstance(item, Quarantined)]
    ways = [_corrected(field, " and ".join(names)) for field, names in corrigible.items()]
    ways += [OUT_OF_QUARANTINE] if len(taken) < len(others) else []
    newest = state.rollout.spec
    named = {model.version for _, model in newest.versions()} if isinstance(newest, Spec) else set(taken)
    again = AGAIN if named & set(taken) else NAME_AGAIN
    return ". ".join([*ways, *([again.format(version=" or ".join(taken))] if taken else [])])


def _corrected(field: str, version: str) -> str:
    """A server that does not load may have been told something wrong, or its model is at fault."""
    first = "Fix the model as a new version. Or correct" if field == "spec.serving" else "Correct"
    return CORRECTED.format(first=first, field=field, version=version)


def _corrected_in(item: Withheld) -> str:
    """The field that a correction is looked for in first."""
    fields: dict[str, str] = {Reason.VALIDATION_TIMEOUT: "spec.validation", Reason.LOAD_FAILED: "spec.serving"}
    return fields.get(item.reason, "spec.model or spec.serving")


def describe_failures(failed: Sequence[Withheld]) -> str:
    """What failed and why."""
    return "; ".join(f"{item.version} {_what_became(item)}: {item.message}" for item in failed)


def _what_became(item: Withheld) -> str:
    if not isinstance(item, Quarantined):
        return unblamed(item.reason)
    if item.reason == Reason.ABORTED:
        return TAKEN_BACK
    return "failed" if item.reason in BEFORE_ANY_REQUEST else "was rolled back"


def unanswered(state: Pass) -> str | None:
    """Whose requests nobody answers while a trial runs: the control's, or those of an arm where the control could take
    none either. Otherwise they have left the arm already."""
    deployed = [item.version for item in (state.control, *state.status.arms) if item is not None]
    lost = [version for version in deployed if state.weight(version) and state.workload(version).ready == 0]
    return lost[0] if lost and state.status.trial is not None and state.control is not None else None


def told_of_unanswered(state: Pass, outlook: Outlook) -> Progress:
    """Whose requests nobody answers; an Event says so once."""
    version = unanswered(state)
    if version is None:
        return state, outlook
    workload = state.workload(version)
    why = workload.failure or workload.waiting
    lost = f"no pod of {version} is ready, which has {state.weight(version)} % of the requests"
    said = lost + (f": {why}" if why else "")
    if not state.rollout.status.message.startswith(f"no pod of {version}"):
        state = state.say(Reason.STABLE_LOST, said, warning=True, cause=version)
    return state, replace(outlook, phase=Phase.DEGRADED, message=f"{said}; {outlook.message}")


def told_of_arms(state: Pass, outlook: Outlook) -> Progress:
    """Pods that a version under trial had and lacks now, or has not had yet while a person holds it: who is asked for a
    word should know of them."""
    for arm in state.status.arms:
        workload = state.workload(arm.version)
        why = workload.waiting if arm.ready_at is None else workload.failure or workload.waiting
        if why is None or workload.is_ready or why in outlook.message or arm.version == unanswered(state):
            continue
        said = f"{workload.ready} of {workload.desired} pods of {arm.version} are ready: {why}"
        if arm.ready_at is None:
            said = of_loading(state, arm).message
        outlook = replace(outlook, message=f"{outlook.message}; {said}")
    return state, outlook


def told_of_entrances(state: Pass, outlook: Outlook) -> Progress:
    """That callers do not come through a gateway: said beside whatever else goes on, from the first version's
    acceptance on, and once by an Event. What is only validated has no callers."""
    shut = state.seen.unreachable
    if shut is None or state.spec.validate_only is not None:
        return state, outlook
    why = shut.message
    said = f"callers {'do' if state.route is not None else 'would'} not reach {state.spec.model.name}: {why}"
    if why not in state.rollout.status.message:
        state = state.say(Reason.GATEWAY, said, warning=True, cause="gateways")
    if why in outlook.message:
        return state, outlook
    return state, replace(outlook, message=f"{outlook.message}; {said}")


def health(state: Pass, wanted: str, draining: float | None) -> Outlook:
    """The version of the spec serves; unless all its pods are gone, which no other version can make good."""
    workload = state.workload(wanted)
    known = state.control.digest if state.control else None
    other = next((digest for digest in workload.digests if known is not None and digest != known), None)
    if other is not None:
        message = f"a pod of {wanted} serves another model than the version was released with: {other}, not {known}"
        return Outlook(Phase.DEGRADED, message, draining)
    if (why := unrouted(state)) is not None:
        return Outlook(Phase.DEGRADED, f"{wanted} shall serve all requests, and they go another way: {why}", draining)
    if workload.ready > 0 and (shut := state.seen.unreachable) is not None:
        return Outlook(Phase.DEGRADED, f"{wanted} serves, but callers do not reach it: {shut.message}", draining)
    if workload.ready > 0:
        whys = dict.fromkeys(item.message for item in state.status.not_chosen)
        told = [*whys, *filter(None, [describe_failures(failed_versions(state))])]
        if not told and state.status.last_contest is not None:
            told = [account(state.status.last_contest)]  # the control lost, which was no arm
        after = f"; the test is over: {'; '.join(told)}" if is_decided(state, wanted) else ""
        return with_all_pods(state, Outlook(Phase.HEALTHY, f"{wanted} serves all requests{after}", draining))
    why = workload.failure or workload.waiting
    return Outlook(Phase.DEGRADED, f"no pod of {wanted} is ready" + (f": {why}" if why else ""), draining)


def with_all_pods(state: Pass, outlook: Outlook) -> Outlook:
    """Requests are answered, but not by all the pods that are wanted: they are on their way, for as long as a model may
    take to load; then somebody has to look."""
    since, control = state.control.missing_since if state.control is not None else None, state.control
    if since is None or control is None:
        return outlook
    workload, limit = state.workload(control.version), state.spec.serving.load_timeout
    why = workload.failure or workload.waiting
    what = (
        "its pods are being replaced" if workload.outdated else f"{workload.ready} of {workload.desired} pods are ready"
    )
    if workload.refused:
        what, why = "it is not as the spec has it", f"{why}; {MEND}"
    message = f"{outlook.message}; {what}" + (f": {why}" if why else "")
    if state.now - since >= limit:
        return replace(
            outlook, phase=Phase.DEGRADED, message=f"{message}; for longer than loadTimeout {format_duration(limit)}"
        )
    due = min(filter(None, (outlook.wake_at, since + limit)))
    return replace(outlook, phase=Phase.PROGRESSING, message=message, wake_at=due)
