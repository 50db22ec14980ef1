"""What a share needs before it may rise. Each arm is asked for itself, and none of the guards ever lowers a share.

Readiness, validation, sight, suspicion, the least evidence. They are here and not in the strategies, so that none of
these can forget them. Lowering is ``safety``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from modelrollout.api.analysis import TimeoutPolicy
from modelrollout.api.route import EVERYBODY, PREVIEW, Route, Split
from modelrollout.api.status import Arm, Phase
from modelrollout.core.judge.assess import Assessments, judged_splits
from modelrollout.core.judge.assessment import Assessment
from modelrollout.core.judge.least_evidence import FRESH_TICKS, SeenAtWeight, seen_at_weight
from modelrollout.core.judge.splits import heard
from modelrollout.core.observation import SETTLE_SECONDS
from modelrollout.core.pass_state import Pass
from modelrollout.core.validate import gate
from modelrollout.resource.spec import Spec

START = "start"  # what a person approves before the first step


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
    blocked: set[tuple[str, str]] = set()
    common = of_the_route(state) if rises else None
    for split, version in rises:
        obstacle = common or of_service(state, version, split)
        if version != control:
            arm = state.arm(version)
            obstacle = of_arm(state, arm, split) or obstacle
            if obstacle is None and split != PREVIEW:
                gets_all = wanted.share(version, split) == 100
                obstacle = of_evidence(state, arm, assessments[version].of(split), split, gets_all=gets_all)
        if obstacle is not None:
            obstacles.setdefault(version, obstacle)
            blocked.add((split, version))
    if control in obstacles or common is not None:
        return before or wanted, obstacles
    held = [_held_back(split, before, blocked, control) for split in wanted.splits]
    # A preview of the control would be none.
    allowed = [split for split in held if not (split.is_preview and split.shares == {control: 100})]
    return Route(splits=tuple(allowed)), obstacles


def _held_back(split: Split, before: Route | None, blocked: Collection[tuple[str, str]], control: str) -> Split:
    """The split with every arm that may not rise there at the share that it has."""
    shares = dict(split.shares)
    for version in [name for name in shares if (split.name, name) in blocked and name != control]:
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
    if isinstance(newest, Spec) and newest != state.spec:
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
        return Obstacle(arm.paused if len(state.trial.arms) == 1 else f"{arm.version}: {arm.paused}")
    if arm.ready_at is None:
        why = f": {workload.waiting}" if workload.waiting else ""
        deadline = (arm.entered_at or state.trial.started_at) + state.spec.serving.load_timeout
        return Obstacle(f"{arm.version} is being fetched and loaded{why}", deadline, unready=True)
    if (obstacle := of_validation(state, arm)) is not None or split == PREVIEW:
        return obstacle
    settled = arm.ready_at + SETTLE_SECONDS
    if state.now < settled:
        return Obstacle(f"{arm.version} is ready; the mesh learns of it", settled, unready=True)
    if not workload.is_ready:
        words = workload.failure or workload.waiting
        said = f"held: {workload.ready} of {workload.desired} pods of {arm.version} are ready"
        return Obstacle(f"{said}: {words}" if words else said)
    smoke = state.strategy.smoke(state.settings) if state.control is not None else None
    if smoke is not None and not arm.smoke.passed:
        return Obstacle("smoke requests are under way", under_way=True)
    return None


def of_validation(state: Pass, arm: Arm) -> Obstacle | None:
    """What it has not shown yet, before anybody's request may reach it, a preview's included."""
    why = gate.waiting(state, arm)
    return Obstacle(why, gate.ends_at(state, arm), under_way=True) if why is not None else None


def before_any_traffic(state: Pass) -> Obstacle | None:
    """Arms that are looked at while none has a request yet: nobody is asked for a word, and no step begins."""
    arms = state.trial.arms
    if any(map(gate.has_had_requests, arms)) or any(arm.ready_at is None for arm in arms):
        return None
    found = {arm.version: obstacle for arm in arms if (obstacle := of_validation(state, arm)) is not None}
    return together(found) if found else None


def looking(state: Pass) -> Phase:
    """What is being done with arms before any traffic."""
    return Phase.SHADOWING if all(gate.is_asked(state, arm) for arm in state.trial.arms) else Phase.VALIDATING


def of_evidence(state: Pass, arm: Arm, assessment: Assessment, split: str, *, gets_all: bool) -> Obstacle | None:
    """What is not known yet of the arm that shall rise in a split, unless a person skips all that is left.

    A person's word for one step stands above evidence that is missing, and so does the policy ``onTimeout: Promote``
    while the arm can be seen. Neither stands above readiness; and who was never seen, or is suspected, does not get
    all requests (``gets_all``) or win by that.
    """
    if state.trial.promote_fully:
        return None
    return missing_evidence(state, arm, assessment, split, gets_all=gets_all)


def missing_evidence(state: Pass, arm: Arm, assessment: Assessment, split: str, *, gets_all: bool) -> Obstacle | None:
    """The same, whoever skips it."""
    if not state.strategy.judges:
        return None
    where = split if state.spec.segments else state.trial.audience
    unseen = of_sight_of_a_part(state, arm, assessment, where) if gets_all else None
    if not approved(state) and (obstacle := of_sight(assessment)) is not None:
        return obstacle
    if not approved(state) and not timed_out(state, TimeoutPolicy.PROMOTE):
        return of_suspicion(assessment) or of_counts(state, arm, assessment, where) or unseen
    if unseen is None and gets_all and assessment.suspected:
        return Obstacle(f"held: {assessment.hold}; modelrollout promote --full goes on all the same", undecided=True)
    return unseen


def skipped_evidence(state: Pass, versions: Sequence[str], assessments: Assessments) -> str | None:
    """What a person who skips all that is left skips over, for those whose shares rise."""
    if not state.trial.promote_fully:
        return None
    arms = [state.arm(version) for version in versions]
    found = [missing_evidence(state, arm, assessments[arm.version], EVERYBODY, gets_all=True) for arm in arms]
    words = [obstacle.message.removeprefix("held: ") for obstacle in found if obstacle is not None]
    return "; ".join(dict.fromkeys(words)) or None


def of_sight(assessment: Assessment) -> Obstacle | None:
    """What cannot be seen now, or speaks against the arm just now."""
    if assessment.blind:
        return Obstacle(f"held: {assessment.blind}")
    if assessment.missed:
        return Obstacle(f"held: Prometheus gave no answer about {assessment.missed} just now", under_way=True)
    if assessment.bad_news:
        return Obstacle(f"held: the newest answers speak against it: {assessment.bad_news}", undecided=True)
    return None


def of_suspicion(assessment: Assessment) -> Obstacle | None:
    """Evidence that grows, or nothing to compare with."""
    if assessment.hold:
        return Obstacle(f"held: {assessment.hold}", undecided=True)
    return None


def of_sight_of_a_part(state: Pass, arm: Arm, assessment: Assessment, split: str) -> Obstacle | None:
    """An arm that never was seen at work beside the control, with a part of the requests. One that has all of them
    already, by a strategy that switches, must be seen with these."""
    if split in arm.seen:
        return None
    share = state.route.share(arm.version, split) if state.route is not None else 0
    if share == 100 or not (share or state.strategy.part_first):
        return of_counts(state, arm, assessment, split)
    if share == 0:
        return Obstacle(f"held: {arm.version} has not been seen with a part of the requests")
    return of_counts(state, arm, assessment, split) or of_comparison(state, arm, share, split)


def of_counts(state: Pass, arm: Arm, assessment: Assessment, split: str) -> Obstacle | None:
    """An arm that has requests must have been seen working at this weight: enough requests, and samples that are all
    of this weight."""
    judged = judged_splits(state, arm.version)
    splits = tuple({split} & set(judged)) if state.spec.segments else heard(judged, split)
    if not splits:
        return None
    if assessment.no_traffic:
        return Obstacle(f"held: {assessment.no_traffic}")
    seen = seen_at_weight(state.spec, arm, splits)
    if seen.is_enough:
        return None
    weight = state.route.share(arm.version, splits[0]) if state.route is not None else 0
    control = state.control
    compared = f" that can be compared with {control.version}'s" if control is not None and weight < 100 else ""
    where = f" of {split}" if state.spec.segments else ""
    return Obstacle(
        f"held: needs {least(state, seen)} and {FRESH_TICKS} samples of {arm.version} at {weight} %{where}{compared}; "
        f"has {seen.requests} and {seen.ticks}",
        undecided=True,
    )


def least(state: Pass, seen: SeenAtWeight) -> str:
    """How many requests are needed, and why so many."""
    asked = state.spec.analysis.min_requests
    if seen.needed == asked:
        return f"minRequests {asked}"
    return f"{seen.needed} requests (minRequests {asked}, and more since stable's bad answers come in bursts)"


def of_comparison(state: Pass, arm: Arm, share: float, split: str) -> Obstacle:
    """At a share that leaves the control next to nothing, the control's requests are what there is too few of."""
    assert state.control is not None
    seen = seen_at_weight(state.spec, arm, (split,))
    return Obstacle(
        f"held: needs {least(state, seen)} of {state.control.version}, too, to compare {arm.version} with at "
        f"{share} %; has {seen.compared}",
        undecided=True,
    )


def approved(state: Pass) -> bool:
    """Whether a person asked for the step that is next."""
    return state.trial.approved == (state.trial.step or START)


def timed_out(state: Pass, policy: TimeoutPolicy) -> bool:
    """Whether ``maxHold`` is over and the owner declared this policy for it."""
    analysis = state.spec.analysis
    return analysis.on_timeout is policy and undecided_for(state) >= analysis.max_hold


def undecided_for(state: Pass) -> float:
    """Seconds that the present step could not be decided, taken together."""
    since = state.trial.hold_since
    return state.trial.held_for + (state.now - since if since is not None else 0.0)
