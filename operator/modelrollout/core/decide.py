"""decide: one rollout and what was seen of the world in, one Plan out. Total and deterministic.

The order is the design. First which spec to go by, then a person's command, then what the evidence says, and then
safety: must traffic leave an arm? Only arms that may stay are asked for their next step.
"""

from __future__ import annotations

from modelrollout.api.command import Command
from modelrollout.api.model import Model
from modelrollout.api.route import EVERYBODY
from modelrollout.api.status import Phase
from modelrollout.core.accept.acceptance import accept, is_unresolved, last_accepted, settled_versions
from modelrollout.core.accept.missing import in_terms_of_the_spec, told_by
from modelrollout.core.command.commands import answered, execute_command, pending
from modelrollout.core.command.taken_back import forget_unnamed, retry_corrected
from modelrollout.core.command.undo import undo_by_spec
from modelrollout.core.judge.assess import Assessments, assess
from modelrollout.core.judge.splits import audiences
from modelrollout.core.judge.stickiness import watch_stickiness
from modelrollout.core.observation import Observation, Refusal
from modelrollout.core.observed.made_with import keep_settings, made_with
from modelrollout.core.observed.places import update_places
from modelrollout.core.observed.readiness import forget_removed, update_readiness, update_versions
from modelrollout.core.observed.scaled import tell_of_scales
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import DesiredVersion, Plan, Reason
from modelrollout.core.progress import transitions
from modelrollout.core.progress.advance import advance
from modelrollout.core.progress.epoch import update_epoch
from modelrollout.core.progress.load_time import update_load_time, update_time_held
from modelrollout.core.progress.outlook import (
    Outlook,
    Progress,
    at_rest,
    told_of_arms,
    told_of_entrances,
    told_of_unanswered,
    unrouted,
)
from modelrollout.core.progress.recalled import recall
from modelrollout.core.progress.size import is_elastic, size_of_arm, size_of_control
from modelrollout.core.progress.word import refuse
from modelrollout.core.recover.lost_status import recover
from modelrollout.core.recover.note import note
from modelrollout.core.report.summary import refuse_all, summarize
from modelrollout.core.safety.checks import Case, Leave, must_leave, stranded
from modelrollout.core.validate.carried import carry
from modelrollout.core.validate.comparer import desired_comparer
from modelrollout.core.validate.shadow import update_shadow
from modelrollout.core.validate.smoke import update_smoke
from modelrollout.core.validate.update import update_validation
from modelrollout.resource.rollout import ModelRollout

POLL_SECONDS = 0.5  # between two looks at the metrics while a trial is under way; a scrape takes seconds
REST_SECONDS = 1800.0  # a look at everything even if no event ever came; of thousands at rest some are due each second


def decide(rollout: ModelRollout, seen: Observation) -> Plan:
    """What the world shall be after this pass."""
    spec, refusal = accept(rollout, seen)
    if spec is None:
        assert refusal is not None
        status, events = refuse_all(rollout, seen.now, refusal)
        return Plan(status=status, events=events, requeue_after=30.0)
    settled = {item.version for item in settled_versions(rollout.status)}
    seen = in_terms_of_the_spec(spec, rollout.namespace, told_by(refusal, seen), settled)
    state = Pass(rollout, seen, spec, rollout.status)
    if refusal is None or last_accepted(rollout.status) is None:  # then it is the one that was noted
        state = state.change(accepted_spec=spec.model_dump(mode="json", by_alias=True, exclude_unset=True))
    state = tell_of_scales(update_versions(update_places(forget_removed(recover(state)))))
    state = watch_stickiness(state)
    state, outlook = told_of_entrances(*told_of_unanswered(*told_of_arms(*follow(state))))
    state = keep_settings(update_epoch(carry(forget_unnamed(state))))
    state = summarize(state, outlook, refusal)
    return plan(state, outlook, refusal)


def follow(state: Pass) -> Progress:
    """Safety, then progress; or the start of a trial."""
    command = pending(state)
    state = undo_by_spec(retry_corrected(execute_command(state)))
    if state.status.trial is None:
        return begin_or_rest(state)
    state = update_load_time(update_readiness(state))
    state = update_smoke(update_time_held(update_shadow(update_validation(state))))
    state, assessments = assess(state)
    state, held = make_safe(state, assessments, command)
    if held is not None:
        return refuse(state, held.message), held
    if state.status.trial is None:
        return at_rest(state)
    if new := startable(state):
        state = transitions.enter(state, new)
        state, assessments = assess(state)
    return advance(state, assessments)


def make_safe(state: Pass, assessments: Assessments, command: Command | None) -> tuple[Pass, Outlook | None]:
    """Every arm that must not have traffic loses it in this very plan; the others are not touched."""
    held = None
    for arm in state.status.arms:
        case = Case(state, arm, assessments[arm.version], command)
        leave = must_leave(case)
        if leave is None:
            continue
        if (stranded_by := stranded(case, leave)) is not None:
            state, held = hold_stranded(state, stranded_by)
            continue
        state = take_out(state, case, leave)
    return state, held


def take_out(state: Pass, case: Case, leave: Leave) -> Pass:
    """One arm out of every split; and out of the trial, unless the control has yet to show whose fault it was."""
    version, alone = case.arm.version, case.assessment.alone
    if leave.reason is Reason.EVIDENCE_AGAINST and alone is not None and case.arm.recall is None:
        return recall(state, version, leave.message, alone)
    return transitions.leave(
        state, version, leave.reason, leave.message, outcome=leave.outcome, quarantine=leave.quarantine
    )


def hold_stranded(state: Pass, why: str) -> tuple[Pass, Outlook]:
    """Nothing may move: both ways lead to fewer good answers. Said once."""
    if state.rollout.status.phase is not Phase.DEGRADED:
        state = state.say(Reason.STABLE_LOST, why, warning=True)
    return state, Outlook(Phase.DEGRADED, why)


def begin_or_rest(state: Pass) -> Progress:
    """A new version is released once nothing drains any more; one that failed or was taken back is not."""
    models = startable(state)
    if not models:
        return at_rest(state)
    state = transitions.begin(state, models)
    names = " and ".join(arm.version for arm in state.trial.arms)
    return state, Outlook(Phase.PENDING, f"release of {names} started", state.now)


def startable(state: Pass) -> tuple[Model, ...]:
    """The versions that the strategy wants and that are not deployed yet. Before anything serves, the spec's alone."""
    status = state.status
    if state.rollout.deleting or any(item.drain_until > state.now for item in status.retiring):
        return ()
    known = {item.version for item in (state.control, *status.arms) if item is not None}
    known |= {item.version for item in status.withheld}
    known |= {item.version for item in status.retiring}
    wanted = state.strategy.models(state.settings, state.spec.model)
    if state.control is None:
        wanted = wanted[:1] if status.trial is None else ()
    return tuple(model for model in wanted if model.version not in known)


def plan(state: Pass, outlook: Outlook, refusal: Refusal | None) -> Plan:
    """The Plan of a finished pass."""
    draining = any(item.drain_until > state.now for item in state.status.retiring)
    return Plan(
        status=state.status,
        spec=state.spec,
        versions=desired_versions(state, outlook),
        route=state.route,
        recovery=note(state),
        remove=due_removals(state),
        at_rest=state.status.trial is None and not draining,
        events=state.events,
        comparer=desired_comparer(state),
        answered=answered(state),
        requeue_after=requeue_after(state, outlook, refusal),
        wake_after=wake_after(state, outlook),
    )


def desired_versions(state: Pass, outlook: Outlook) -> tuple[DesiredVersion, ...]:
    """Control and arms. Retired versions are left as they are until they are removed."""
    splits, elastic = desired_splits(state, outlook), is_elastic(state.spec.serving)
    control, arms = state.control, state.status.arms
    deployed = [(control, size_of_control(state), True)] if control is not None else []
    deployed += [(arm, size_of_arm(state, arm, outlook.wanted), arm.ready_at is not None) for arm in arms]
    return tuple(
        DesiredVersion(
            item.version,
            item.uri,
            item.pinned,
            replicas,
            splits,
            settled,
            elastic,
            made_with(item) if settled else None,
        )
        for item, replicas, settled in deployed
    )


def desired_splits(state: Pass, outlook: Outlook) -> tuple[str, ...]:
    """The splits in which every version needs a Service, before the route may name it."""
    names: list[str] = [EVERYBODY]
    if state.status.trial is not None:
        names += [*audiences(state.spec), *outlook.splits]
        names += [split.name for split in state.route.splits] if state.route is not None else []
    return tuple(dict.fromkeys(names))


def due_removals(state: Pass) -> tuple[str, ...]:
    """Retired versions whose time is over. None while the route is somebody else's, or not the one that was decided: it
    may name any of them."""
    live = state.seen.route
    if live is not None and live.obstacle is not None:
        return ()
    return tuple(item.version for item in state.status.retiring if item.remove_at <= state.now)


def requeue_after(state: Pass, outlook: Outlook, refusal: Refusal | None) -> float:
    """When to look again, in seconds, though nothing may have happened.

    At once after a pass that changed anything: what it wrote may be what the next one waits for, and the watch may
    bring that while this pass is still under way.
    """
    under_trial = state.status.trial is not None and outlook.phase is not Phase.HEALTHY
    awake = under_trial or is_moving(state) or state.status != state.rollout.status
    watched = refusal or unrouted(state) or is_unresolved(state.status)
    longest = POLL_SECONDS if awake else 30.0 if watched else REST_SECONDS
    return min(wake_after(state, outlook), longest)


def wake_after(state: Pass, outlook: Outlook) -> float:
    """Seconds until the clock alone changes something."""
    times = [item.remove_at for item in state.status.retiring if item.remove_at > state.now]
    times += [state.now + POLL_SECONDS] if due_removals(state) else []
    times += [item.wanted_at + state.spec.serving.load_timeout for item in state.status.retiring if item.wanted_at]
    times += [item.drain_until for item in state.status.retiring if item.drain_until > state.now]
    times += [outlook.wake_at] if outlook.wake_at is not None else []
    return min((max(time - state.now, 0.05) for time in times), default=REST_SECONDS)


def is_moving(state: Pass) -> bool:
    """Whether this pass moves the route. The next one has to see that it is there, and what follows from it: the watch
    may bring its own write while the pass is still under way."""
    live = state.seen.route
    if state.route is None or (live is not None and live.obstacle is not None):
        return False
    return live is None or live.route != state.route
