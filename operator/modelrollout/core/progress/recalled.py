"""An arm that was recalled: its requests are back at the control until it is known whose fault it was.

``safety`` takes it out for good when the fault left with it (``judge/blame.py``). Here it is what follows when the
control has the same fault: wait until that is over, or until it is plain that it stays, and go on where the release
was. The clock of the steps stands still meanwhile.
"""

from __future__ import annotations

from typing import Any

from modelrollout.api.base import StatusModel, format_duration
from modelrollout.api.metric_status import MetricStatus, Side
from modelrollout.api.status import Arm, Phase, Recall
from modelrollout.core.judge import blame, ledger
from modelrollout.core.judge.assess import Assessments
from modelrollout.core.judge.assessment import Alone
from modelrollout.core.judge.loading import record_of
from modelrollout.core.judge.metric_state import NOTHING_COUNTED
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress import transitions
from modelrollout.core.progress.guards import guarded
from modelrollout.core.progress.hold import hold
from modelrollout.core.progress.obstacle import Doubt, Obstacle, together
from modelrollout.core.progress.outlook import Outlook, Progress, held_by_a_person
from modelrollout.strategies import Move

LOOK_SECONDS = 60.0  # how long the control is looked at, to see whether a fault of both is over
MOST_LOOKS = 3  # then the fault stays, and is what the arm is held against
MOST_RECALLS = 2  # then a person decides


def recall(state: Pass, version: str, message: str, alone: Alone) -> Pass:
    """The requests go back to the control, for now."""
    assert state.control is not None
    assert state.trial.route is not None
    control = state.control.version
    taken = Recall(
        at=state.now,
        route=state.trial.route,
        metric=alone.metric,
        split=alone.split,
        candidate=Side(requests=alone.candidate.trials, bad=alone.candidate.bad),
        record=alone.record,
        message=message,
    )
    times = state.arm(version).recalls + 1
    state = transitions.set_route(state, state.trial.route.without(version, control))
    state = state.change_arm(version, recall=taken, recalls=times)
    words = f"{version} has no requests for now: {message}; {control} shows whether it has the same fault"
    return state.say(Reason.RECALLED, words, warning=True)


def advance_recalled(state: Pass, arm: Arm, assessments: Assessments) -> Progress:
    """One pass of an arm that waits for the control."""
    if state.trial.paused:
        return state, held_by_a_person(state.trial.paused)
    state = look(state, arm)
    arm = state.arm(arm.version)
    if arm.recall is not None and arm.recall.over:
        return give_back(state, arm, assessments)
    if arm.paused:
        return state, held_by_a_person(arm.paused)
    return stay(state, Obstacle(waiting(state, arm), undecided=True, doubt=Doubt.BLAME), assessments)


def stay(state: Pass, obstacle: Obstacle, assessments: Assessments) -> Progress:
    """The arm stays out of traffic, in the step that was held."""
    assert state.trial.route is not None
    move = Move(state.trial.route, StatusModel(), obstacle.message, step=state.trial.step)
    return hold(state, move, obstacle, assessments)


def look(state: Pass, arm: Arm) -> Pass:
    """What the control shows: the same fault at all, then whether it is over."""
    taken, odds = arm.recall, blame.odds_of_the_same_fault(state, arm)
    if taken is None or odds is None or taken.over:
        return state
    if not taken.looks:
        return not_to_blame(state, arm) if odds >= blame.SURE else undecided(state, arm)
    if state.now - (taken.looked_at or taken.at) < LOOK_SECONDS:
        return state
    if odds < 0:
        return forgive(state, arm, stays=False)
    return forgive(state, arm, stays=True) if taken.looks >= MOST_LOOKS else look_again(state, arm)


def undecided(state: Pass, arm: Arm) -> Pass:
    """The control has answered as much as the arm had, for minutes, and nothing tells the two apart: then nothing is
    proven against the arm, and it is held against what the control does now."""
    taken, answered = arm.recall, blame.answered_since(state, arm)
    assert taken is not None
    if answered is None or answered.trials < taken.candidate.requests:
        return state
    if state.now - taken.at < MOST_LOOKS * LOOK_SECONDS:
        return state
    state = forgive(state, arm, stays=True)
    message = f"nothing is proven against {arm.version}: {blame.shown(state, arm)}, too"
    return often(state.say(Reason.NOT_TO_BLAME, message), arm)


def not_to_blame(state: Pass, arm: Arm) -> Pass:
    """The control has the same fault. It is waited for until that is over."""
    message = f"{arm.version} was not to blame: {blame.shown(state, arm)}, too"
    return often(look_again(state, arm).say(Reason.NOT_TO_BLAME, message), arm)


def often(state: Pass, arm: Arm) -> Pass:
    """More than twice in one release is for a person to look at."""
    if arm.recalls <= MOST_RECALLS:
        return state
    why = f"its requests went back {arm.recalls} times for faults of both versions: modelrollout resume or abort"
    return state.change_arm(arm.version, paused=why).say(Reason.PAUSED, f"{arm.version}: {why}", warning=True)


def look_again(state: Pass, arm: Arm) -> Pass:
    """What the control answers from now on is counted anew."""
    assert arm.recall is not None
    counted = {id(test): blame.counted_from_now(state, test) for test in blame.tests_of(arm)}
    again = arm.recall.model_copy(update={"looks": arm.recall.looks + 1, "looked_at": state.now})
    metrics = tuple(counted.get(id(test), test) for test in arm.metrics)
    return state.change_arm(arm.version, recall=again, metrics=metrics)


def forgive(state: Pass, arm: Arm, *, stays: bool) -> Pass:
    """The tests that the arm failed alone begin anew; where the fault stays, against what the control does now."""
    assert arm.recall is not None
    anew = {id(test): _anew(state, test, stays=stays) for test in blame.tests_of(arm)}
    metrics = tuple(anew.get(id(test), test) for test in arm.metrics)
    over = arm.recall.model_copy(update={"over": True})
    return state.change_arm(arm.version, recall=over, metrics=metrics)


def _anew(state: Pass, test: MetricStatus, *, stays: bool) -> MetricStatus:
    share, noise = ledger.left(test.share, test.part), test.noise
    answered = blame.control_since(state, test) if stays else None
    if answered is not None:
        phi = blame.phi_of(test)
        before = noise[1] if noise and len(noise) > 1 else 0.0
        noise = (phi, max(before, record_of(state, answered, phi) or 0.0))
    begun: dict[str, Any] = {
        "state": {},
        "counters": {},
        "share": share,
        "part": share,
        "noise": noise,
        **NOTHING_COUNTED,
    }
    return test.model_copy(update=begun)


def give_back(state: Pass, arm: Arm, assessments: Assessments) -> Progress:
    """The arm gets its requests again, as soon as the guards let it. What holds it then holds a step like any other: it
    may be undecided for ``maxHold``, and a person may say go on."""
    assert arm.recall is not None
    wanted = arm.recall.route
    allowed, obstacles = guarded(state, wanted, assessments)
    if obstacles or allowed != wanted:
        found = together(obstacles) if obstacles else Obstacle("the route of before is not there any more")
        return stay(state, found, assessments)
    state = (
        transitions.set_route(state, wanted)
        .change_arm(arm.version, recall=None)
        .change_trial(approved=None, promote_fully=False)
    )
    message = f"{arm.version} has its requests again: the fault was not its own"
    return state.say(Reason.WEIGHT_CHANGED, message), Outlook(Phase.PROGRESSING, message, state.now)


def waiting(state: Pass, arm: Arm) -> str:
    """What an arm that was recalled waits for, in words."""
    taken, control = arm.recall, state.control.version if state.control else "stable"
    assert taken is not None
    if not taken.looks:
        return f"out of traffic until {control} has shown whether it has the same fault: {taken.message}"
    most = format_duration(MOST_LOOKS * LOOK_SECONDS)
    return f"{control} has the same fault; {arm.version} waits until that is over, {most} at most"
