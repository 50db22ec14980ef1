"""What a share needs before it may rise. Each arm is asked for itself, and none of the guards ever lowers a share.

Readiness, sight, suspicion, the least evidence. They are here and not in the strategies, so that no strategy can
forget them. Lowering is ``safety``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout.api.analysis import TimeoutPolicy
from modelrollout.api.route import PREVIEW, Route, Split
from modelrollout.api.status import Arm
from modelrollout.core.judge.assess import Assessments, judged_splits
from modelrollout.core.judge.assessment import Assessment
from modelrollout.core.judge.splits import heard
from modelrollout.core.observation import SETTLE_SECONDS
from modelrollout.core.pass_state import Pass
from modelrollout.resource.spec import Spec

START = "start"  # what a person approves before the first step
FRESH_TICKS = 3  # samples at a weight before the next: one or two may still hold answers given at the old weight


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a share may not rise yet. ``until`` when a clock will end it; ``under_way`` when it ends by itself in a
    moment; ``unready`` while the arm cannot answer at all; ``undecided`` when it is the evidence that does not suffice.
    Only that is what ``maxHold`` counts: a refused route or a person's pause is nobody's doubt."""

    message: str
    until: float | None = None
    under_way: bool = False
    unready: bool = False
    undecided: bool = False


def together(obstacles: Mapping[str, Obstacle]) -> Obstacle:
    """What stands in the way of several arms, as one: what needs a person or a clock counts more than what passes by
    itself."""
    found = list(obstacles.values())
    times = [item.until for item in found if item.until is not None]
    return Obstacle(
        "; ".join(dict.fromkeys(item.message for item in found)),
        until=min(times) if len(times) == len(found) else None,
        under_way=all(item.under_way or item.unready for item in found),
        unready=all(item.unready for item in found),
        undecided=all(item.undecided for item in found),
    )


def guarded(state: Pass, wanted: Route, assessments: Assessments) -> tuple[Route, dict[str, Obstacle]]:
    """As much of the wanted route as may be, and by version what stands in the way of the rest.

    An arm that may not rise keeps the share that it has; the control takes what that leaves.
    """
    assert state.control is not None
    before, control = state.route, state.control.version
    rises = list(wanted.rises(before))
    obstacles: dict[str, Obstacle] = {}
    common = of_the_route(state) if rises else None
    for split, version in rises:
        obstacle = common or of_service(state, version, split)
        if version != control:
            arm = state.arm(version)
            obstacle = of_arm(state, arm, split) or obstacle
            if obstacle is None and split != PREVIEW:
                obstacle = of_evidence(state, arm, assessments[version])
        if obstacle is not None:
            obstacles.setdefault(version, obstacle)
    if control in obstacles or common is not None:
        return before or wanted, obstacles
    held = [_held_back(split, before, obstacles, control) for split in wanted.splits]
    # A preview of the control would be none.
    allowed = [split for split in held if not (split.is_preview and split.shares == {control: 100})]
    return Route(splits=tuple(allowed)), obstacles


def _held_back(split: Split, before: Route | None, obstacles: Mapping[str, Obstacle], control: str) -> Split:
    """The split with every arm that may not rise at the share that it has."""
    shares = dict(split.shares)
    for version in obstacles.keys() & shares.keys() - {control}:
        had = before.share(version, split.name) if before is not None else 0
        shares[version] = min(shares[version], had)
    shares = {version: share for version, share in shares.items() if share > 0}
    rest = 100 - sum(shares.values())
    if rest:
        shares[control] = shares.get(control, 0) + rest
    return split.model_copy(update={"shares": shares})


def of_the_route(state: Pass) -> Obstacle | None:
    """What keeps every share from rising."""
    live = state.seen.route
    if live is not None and live.foreign_owner is not None:
        return Obstacle(f"held: the VirtualService of this name belongs to {live.foreign_owner}")
    newest = state.rollout.spec
    if isinstance(newest, Spec):
        known = {state.control.version if state.control else None, *(arm.version for arm in state.trial.arms)}
        if newest.model.version not in known:
            return Obstacle(f"held: the spec names {newest.model.version} now, and cannot be accepted")
    if live is not None and live.refused is not None:
        return Obstacle(f"held: the VirtualService is refused: {live.refused}")
    return None


def of_service(state: Pass, version: str, split: str) -> Obstacle | None:
    """A Service that the mesh has not heard of yet would answer nobody."""
    workload = state.workload(version)
    if workload.is_reachable(split, state.now):
        return None
    made = workload.services.get(split)
    until = made + SETTLE_SECONDS if made is not None else None
    return Obstacle(f"the mesh learns of the Service of {version} for {split}", until, under_way=True)


def of_arm(state: Pass, arm: Arm, split: str) -> Obstacle | None:
    """What the arm itself lacks: pods, a moment to be known, a person who lets go of it."""
    workload = state.workload(arm.version)
    if arm.paused:
        return Obstacle(arm.paused)
    if arm.ready_at is None:
        why = f": {workload.waiting}" if workload.waiting else ""
        deadline = (arm.entered_at or state.trial.started_at) + state.spec.serving.load_timeout
        return Obstacle(f"{arm.version} is being fetched and loaded{why}", deadline, unready=True)
    if split == PREVIEW:
        return None
    settled = arm.ready_at + SETTLE_SECONDS
    if state.now < settled:
        return Obstacle(f"{arm.version} is ready; the mesh learns of it", settled, unready=True)
    if not workload.is_ready:
        return Obstacle(f"held: {workload.ready} of {workload.desired} pods of {arm.version} are ready")
    smoke = state.strategy.smoke(state.settings) if state.control is not None else None
    if smoke is not None and not arm.smoke.passed:
        return Obstacle("smoke requests are under way", under_way=True)
    return None


def of_evidence(state: Pass, arm: Arm, assessment: Assessment) -> Obstacle | None:
    """What is not known of the arm yet. A person's word stands above evidence that is missing, never above
    readiness."""
    if not state.strategy.judges or said_so(state):
        return None
    if assessment.blind:
        return Obstacle(f"held: {assessment.blind}")
    if assessment.missed:
        return Obstacle(f"held: Prometheus gave no answer about {assessment.missed} just now", under_way=True)
    if assessment.bad_news:
        return Obstacle(f"held: the newest answers speak against it: {assessment.bad_news}", undecided=True)
    if timed_out(state, TimeoutPolicy.PROMOTE):
        return None
    if assessment.hold:
        return Obstacle(f"held: {assessment.hold}", undecided=True)
    return of_counts(state, arm, assessment)


def of_counts(state: Pass, arm: Arm, assessment: Assessment) -> Obstacle | None:
    """An arm that has requests must have been seen working at this weight: enough requests, and samples that are all
    of this weight."""
    splits = heard(judged_splits(state, arm.version), state.trial.audience)
    if not splits:
        return None
    if assessment.no_traffic:
        return Obstacle(f"held: {assessment.no_traffic}")
    needed = state.spec.analysis.min_requests
    required = {metric.name for metric in state.spec.analysis.metrics if metric.required}
    tests = [item for item in arm.metrics if item.split in splits]
    counted = [item for item in tests if item.metric in required] or tests
    requests = min((item.requests_at_weight for item in counted), default=0)
    ticks = min((item.ticks_at_weight for item in counted), default=0)
    if requests >= needed and ticks >= FRESH_TICKS:
        return None
    weight = state.route.share(arm.version, splits[0]) if state.route is not None else 0
    control = state.control
    compared = f" that can be compared with {control.version}'s" if control is not None and weight < 100 else ""
    return Obstacle(
        f"held: needs minRequests {needed} and {FRESH_TICKS} samples of {arm.version} at {weight} %{compared}; "
        f"has {requests} and {ticks}",
        undecided=True,
    )


def said_so(state: Pass) -> bool:
    """Whether a person asked for the step that is next."""
    trial = state.trial
    return trial.promote_fully or trial.approved == (trial.step or START)


def timed_out(state: Pass, policy: TimeoutPolicy) -> bool:
    """Whether ``maxHold`` is over and the owner declared this policy for it."""
    analysis = state.spec.analysis
    return analysis.on_timeout is policy and undecided_for(state) >= analysis.max_hold


def undecided_for(state: Pass) -> float:
    """Seconds that the present step could not be decided, taken together."""
    since = state.trial.hold_since
    return state.trial.held_for + (state.now - since if since is not None else 0.0)
