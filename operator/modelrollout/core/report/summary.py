"""From a finished pass to what people and other programs read: phase, sentence, columns, conditions.

The sentences hold no number that changes by itself, such as seconds left: a pass that changes nothing must come to
the very same status.
"""

from __future__ import annotations

from modelrollout.api.route import EVERYBODY, MATCHED
from modelrollout.api.status import Arm, Phase, Status, VersionStatus
from modelrollout.core.accept.acceptance import RESOLVED_REFS, settled_versions
from modelrollout.core.evidence import percent
from modelrollout.core.hint import with_name
from modelrollout.core.judge.winners import late
from modelrollout.core.observation import Refusal
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Event, Reason
from modelrollout.core.progress.outlook import Outlook
from modelrollout.core.progress.proposal import memory_of
from modelrollout.core.recipe import settings_of
from modelrollout.core.report.conditions import (
    Fact,
    accepted,
    analysed,
    conditions,
    progressing,
    resolved,
    routed,
    validated,
    waited_for,
)
from modelrollout.core.report.drift import announce_drift
from modelrollout.resource.rollout import ModelRollout, SpecError
from modelrollout.strategies import ArmView


def refuse_all(rollout: ModelRollout, now: float, refusal: Refusal) -> tuple[Status, tuple[Event, ...]]:
    """The status of a rollout that never had a spec in order, and an Event that says why, when that is news."""
    unchecked = refusal.reason is Reason.NOT_CHECKED
    known = any(item.type == "Accepted" and item.message == refusal.message for item in rollout.status.conditions)
    events = () if unchecked or known else (Event(refusal.reason, refusal.message, warning=True),)
    facts: list[Fact] = [
        accepted(refusal),
        ("Ready", "False", refusal.reason, refusal.message),
        ("Stalled", "False" if unchecked else "True", refusal.reason, refusal.message),
    ]
    told = rollout.status.model_copy(
        update={
            "observed_generation": rollout.generation,
            "phase": Phase.PENDING if unchecked else Phase.INVALID,
            "message": refusal.message,
            "conditions": conditions(rollout.status, rollout.generation, now, facts),
        }
    )
    return told, events


def summarize(state: Pass, outlook: Outlook, refusal: Refusal | None) -> Pass:
    """The pass with everything that is derived filled in."""
    refused = refusal is not None and refusal.reason is not Reason.NOT_CHECKED
    refused_at_rest = refused and state.status.trial is None
    phase = Phase.INVALID if refused_at_rest else outlook.phase
    words = f"{_refused(state, refusal)}; {outlook.message}" if refusal is not None else outlook.message
    message = with_name(words, state.rollout)
    state = update_columns(announce_drift(announce_lacking(announce_refusal(state, refusal), refusal)))
    told = accepted(refusal or unfetched(state), unheeded(state))
    state = announce_settings(state, told)
    found = [told, *resolved(state), *progressing(state, phase, message)]
    found += [routed(state), *validated(state), analysed(state)]
    facts = [(kind, status, reason, with_name(said, state.rollout)) for kind, status, reason, said in found]
    generation, ignored = state.rollout.generation, state.status.command_ignored
    return state.change(
        observed_generation=generation,
        phase=phase,
        message=message,
        command_ignored=None if ignored is None else with_name(ignored, state.rollout),
        conditions=conditions(state.rollout.status, generation, state.now, facts),
    )


def _refused(state: Pass, refusal: Refusal) -> str:
    """Why the newest spec is not gone by, and which version waits for it."""
    spec, deployed = state.rollout.spec, (state.control, *state.status.arms)
    if isinstance(spec, SpecError) or refusal.reason is Reason.NOT_CHECKED:
        return refusal.message
    version = spec.model.version
    if any(item is not None and item.version == version for item in deployed):
        return refusal.message
    return f"{version} is not released: {refusal.message}"


def update_columns(state: Pass) -> Pass:
    """Weights, and what the printer columns show."""
    if state.status.trial is not None:
        state = state.for_each_arm(lambda arm: _weighed_arm(state, arm))
    arms = state.status.arms
    return state.change(
        stable=_weighed(state, state.control) if state.control is not None else None,
        candidates=", ".join(arm.version for arm in arms) or None,
        weights=", ".join(str(arm.weight) for arm in arms) or None,
        step=step_column(state),
        strategy=state.strategy.name,
    )


def _weighed(state: Pass, version: VersionStatus) -> VersionStatus:
    return version.model_copy(update={"weight": state.audience_share(version.version)})


def _weighed_arm(state: Pass, arm: Arm) -> Arm:
    return arm.model_copy(update={"weight": state.audience_share(arm.version)})


def step_column(state: Pass) -> str | None:
    """``2/5`` while a release has steps."""
    if state.status.trial is None or state.control is None:
        return None
    arms = [
        ArmView(arm.version, arm.weight, arm.ready_at is not None, smoke_passed=arm.smoke.passed)
        for arm in state.trial.arms
    ]
    return state.strategy.outline(state.settings, memory_of(state), arms).column


def unfetched(state: Pass) -> Refusal | None:
    """A spec whose model could not be fetched is not in order, though only the fetcher could find that out."""
    found = [
        item for item in state.status.withheld if item.version in state.named and item.reason == Reason.FETCH_FAILED
    ]
    return Refusal(Reason.FETCH_FAILED, found[-1].message) if found else None


def unheeded(state: Pass) -> str | None:
    """What was edited and does not count yet, or any more."""
    return (
        "; ".join(
            filter(None, (_late_match(state), _late_alpha(state), _late_false_winner(state), _late_settings(state)))
        )
        or None
    )


def _late_alpha(state: Pass) -> str | None:
    """The chance of a false rollback of a release that had begun with another one."""
    trial, wanted = state.status.trial, state.spec.analysis.false_rollback
    if trial is None or state.control is None or not state.strategy.judges or trial.alpha.asked in (None, wanted):
        return None
    versions = " and ".join(arm.version for arm in trial.arms)
    began = f"what the release of {versions} began with is fixed, {percent(trial.alpha.total)}"
    return f"but {began}: analysis.falseRollback {percent(wanted)} holds for the next release"


def _late_false_winner(state: Pass) -> str | None:
    """The same of the chance of a wrong winner."""
    known = late(state)
    if known is None:
        return None
    design = state.strategy.design(state.settings)
    assert design is not None
    field = f"strategy.{state.strategy.name}.falseWinner {percent(design.false_winner)}"
    return f"but what the test began with is fixed, {percent(known.false_winner)}: {field} holds for the next one"


def _late_settings(state: Pass) -> str | None:
    """Settings of pods that have come up; not while those that the spec names are made, or to be made, by them."""
    wanted = settings_of(state.spec.serving)
    others = [
        item.version
        for item in settled_versions(state.status)
        if state.workload(item.version).settings not in (None, wanted)
    ]
    if not set(others) & set(state.named):
        return None
    versions = " and ".join(others)
    return (
        f"but the pods of {versions} stay as they were made: spec.serving holds for the next version; to have it now, "
        "release the same model as a new version (spec.model.uri may stay)"
    )


def announce_settings(state: Pass, told: Fact) -> Pass:
    """An Event for an edit that does not reach the pods that there are, when it is told and was not before."""
    words = _late_settings(state)
    before = next((item.message for item in state.rollout.status.conditions if item.type == "Accepted"), "")
    if words is None or words not in told[3] or words in before:
        return state
    return state.say(Reason.NEXT_VERSION, words.removeprefix("but "), cause="spec.serving")


def _late_match(state: Pass) -> str | None:
    trial, route = state.status.trial, state.route
    if trial is None or route is None or not state.spec.traffic.match or state.control is None:
        return None
    if trial.audience != EVERYBODY or route.split(MATCHED) is not None:
        return None
    versions = " and ".join(arm.version for arm in trial.arms)
    return f"but traffic.match came when {versions} had begun for everybody: abort it and say modelrollout retry"


def announce_lacking(state: Pass, refusal: Refusal | None) -> Pass:
    """An Event for what the spec names and is not there, when that is news and not what the spec is refused for."""
    before = next((item.message for item in state.rollout.status.conditions if item.type == RESOLVED_REFS), "")
    for item in waited_for(state):
        if item != refusal and with_name(item.message, state.rollout) not in before:
            named = item.message.partition('" ')[0]  # the words after it may be others each time
            state = state.say(item.reason, item.message, warning=True, cause=named)
    return state


def announce_refusal(state: Pass, refusal: Refusal | None) -> Pass:
    """An Event for a spec that is refused, when that is news."""
    if refusal is None:
        return state
    before = next((item for item in state.rollout.status.conditions if item.type == "Accepted"), None)
    routed = any(state.weight(arm.version) for arm in state.status.arms)
    asking = refusal.reason is Reason.NOT_CHECKED and routed  # between two passes
    if asking or (before is not None and before.message == refusal.message):
        return state
    return state.say(refusal.reason, _refused(state, refusal), warning=True)
