"""What a share needs before it may rise. Each arm is asked for itself, and none of the guards ever lowers a share.

Readiness, validation, the mesh, and what is not known of an arm (``doubts.py``). They are here and not in the
strategies, so that none of these can forget them. Lowering is ``safety``.
"""

from __future__ import annotations

from collections.abc import Collection

from modelrollout.api.base import clock_time
from modelrollout.api.route import PREVIEW, Route, Split
from modelrollout.api.status import Arm, Phase
from modelrollout.api.version import ModelVersion
from modelrollout.core.judge.assess import Assessments
from modelrollout.core.observation import FETCHING, SETTLE_SECONDS
from modelrollout.core.pass_state import Pass
from modelrollout.core.progress.doubts import of_evidence
from modelrollout.core.progress.load_time import load_ends
from modelrollout.core.progress.obstacle import CORRECT, MEND, Obstacle, together, until_resumed
from modelrollout.core.progress.size import of_size
from modelrollout.core.validate import gate
from modelrollout.resource.spec import Spec

LONG_FETCH = 30.0
"""Seconds after which a fetch is looked at by people."""


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
            needs = of_size(state, arm, wanted.share(version, split)) if split != PREVIEW else None
            obstacle = of_arm(state, arm, split) or needs or obstacle
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
    if state.seen.scattered is not None:
        return Obstacle(f"held: {state.seen.scattered}")
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
        return Obstacle(until_resumed(arm.paused if len(state.trial.arms) == 1 else f"{arm.version}: {arm.paused}"))
    if arm.ready_at is None:
        return of_loading(state, arm)
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


def of_loading(state: Pass, arm: Arm) -> Obstacle:
    """An arm that has not come up, and what it waits for. What the spec has wrong stands in front."""
    workload, ends = state.workload(arm.version), load_ends(state, arm)
    why = f": {workload.waiting}" if workload.waiting else ""
    said = f"{arm.version} is being fetched and loaded{why}{_fetched_for_long(state, arm.version, ends)}"
    if workload.refused:
        said = f"{arm.version} cannot be made{why}; {MEND}"
    elif workload.misnamed is not None:
        said = f"{workload.waiting}; {arm.version} {CORRECT.format(clock_time(ends), gate.LOAD_TIMEOUT)}"
    return Obstacle(said, ends, unready=True)


def _fetched_for_long(state: Pass, version: str, ends: float) -> str:
    """Where to read what the fetcher meets, once that takes long: a store may not answer, or its name be misspelt."""
    workload = state.workload(version)
    if workload.waiting != FETCHING or state.now < (workload.at_work_since or state.now) + LONG_FETCH:
        return ""
    deployment = f"{state.rollout.name}-{ModelVersion.parse(version).slug}"
    logs = f"kubectl logs -n {state.rollout.namespace} deployment/{deployment} -c fetch"
    return f"; {logs} says what it meets; it has until {clock_time(ends)} (loadTimeout)"


def of_validation(state: Pass, arm: Arm) -> Obstacle | None:
    """What it has not shown yet, before anybody's request may reach it, a preview's included."""
    why, ends, limit = gate.waiting(state, arm), gate.ends_at(state, arm), gate.limit_of(state, arm)
    if why is not None and ends is not None and limit not in (None, gate.MAX_HOLD):  # that one is told with the words
        why = f"{why}; {arm.version} {CORRECT.format(clock_time(ends), limit)}"
    return Obstacle(why, ends, under_way=True) if why is not None else None


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
