"""decide: one rollout and what was seen of the world in, one Plan out. Total and deterministic.

The order is the design. First which spec to go by, then a person's command, then what the evidence says, and then
safety: must traffic leave the candidate? Only a candidate that may stay is asked for its next step.
"""

from __future__ import annotations

from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import Phase, VersionStatus
from modelrollout.core import transitions
from modelrollout.core.acceptance import accept
from modelrollout.core.assess import assess
from modelrollout.core.commands import obey, pending
from modelrollout.core.observation import Observation, Refusal
from modelrollout.core.plan import DesiredVersion, Plan, Reason, Route
from modelrollout.core.progress import Outlook, Progress, progress, rest
from modelrollout.core.safety import Case, must_leave, stranded
from modelrollout.core.strategies import strategy_of
from modelrollout.core.summary import refuse_all, summarize
from modelrollout.core.turn import Turn

POLL_SECONDS = 0.5  # between two looks at the metrics while a release is under way; a scrape takes seconds
REST_SECONDS = 300.0  # a look at everything even if no event ever came


def decide(rollout: ModelRollout, seen: Observation) -> Plan:
    """What the world shall be after this pass."""
    spec, refusal = accept(rollout, seen)
    if spec is None:
        assert refusal is not None
        return Plan(status=refuse_all(rollout, seen.now, refusal), requeue_after=30.0)
    turn = Turn(rollout, seen, spec, rollout.status)
    if refusal is None:
        turn = turn.change(accepted_spec=spec.model_dump(mode="json", by_alias=True, exclude_unset=True))
    turn = look(tidy(recognize(turn)))
    turn, outlook = follow(turn)
    turn = summarize(turn, outlook, refusal)
    return plan(turn, outlook, refusal)


def follow(turn: Turn) -> Progress:
    """Safety, then progress; or the start of a release."""
    command = pending(turn)
    turn = obey(turn)
    if turn.status.candidate is None:
        return begin_or_rest(turn)
    turn, assessment = assess(turn)
    case = Case(turn, assessment, command)
    leave = must_leave(case)
    if leave is not None and (stranded_by := stranded(case, leave)) is not None:
        return held(turn, stranded_by)
    if leave is not None:
        left = transitions.leave(turn, leave.reason, leave.message, outcome=leave.outcome, quarantine=leave.quarantine)
        return rest(left)
    return progress(turn, assessment)


def held(turn: Turn, why: str) -> Progress:
    """Nothing may move: both ways lead to fewer good answers. Said once."""
    if turn.rollout.status.phase is not Phase.DEGRADED:
        turn = turn.say(Reason.STABLE_LOST, why, warning=True)
    return turn, Outlook(Phase.DEGRADED, why)


def begin_or_rest(turn: Turn) -> Progress:
    """A new version is released once nothing drains any more; a quarantined one is not."""
    status, wanted = turn.status, turn.spec.model.version
    served = status.stable is not None and status.stable.version == wanted
    quarantined = any(item.version == wanted for item in status.quarantined)
    busy = any(item.drain_until > turn.now or item.version == wanted for item in status.retiring)
    if served or quarantined or busy:
        return rest(turn)
    return transitions.begin(turn), Outlook(Phase.PENDING, f"release of {wanted} started", turn.now)


def recognize(turn: Turn) -> Turn:
    """After a lost status: of the versions that have live traffic and are deployed, the stable one is that with the
    most, if possible not the one that the spec wants: it may be the candidate of the release that was lost."""
    status, route = turn.status, turn.seen.route
    if status.stable is not None or status.candidate is not None or route is None or not route.weights:
        return turn
    new = turn.spec.model.version
    version = max(route.weights, key=lambda name: (name != new, route.weights[name], name))
    workload = turn.seen.workloads.get(version)
    if workload is None or workload.uri is None:
        return turn
    stable = VersionStatus(version=version, uri=workload.uri, digest=workload.digest, weight=100)
    return turn.change(stable=stable)


def look(turn: Turn) -> Turn:
    """What was seen of the deployed versions, into the status."""
    status = turn.status
    return turn.change(stable=see(turn, status.stable), candidate=see(turn, status.candidate))


def see(turn: Turn, deployed: VersionStatus | None) -> VersionStatus | None:
    """One version with its pods as they are now. The digest of the first fetch stays."""
    if deployed is None:
        return None
    workload = turn.workload(deployed.version)
    return deployed.model_copy(
        update={
            "ready": f"{workload.ready}/{workload.desired}",
            "digest": deployed.digest or workload.digest,
            "message": workload.failure or workload.waiting,
        }
    )


def tidy(turn: Turn) -> Turn:
    """Retired versions whose objects are gone are forgotten; one that the spec wants again is not kept for its logs;
    deployed versions that nobody knows any more are retired."""
    wanted = turn.spec.model.version
    quarantined = {item.version for item in turn.status.quarantined}
    kept = []
    for item in turn.status.retiring:
        if item.version == wanted and wanted not in quarantined:
            item = item.model_copy(update={"remove_at": item.drain_until})
        if item.remove_at > turn.now or item.version in turn.seen.workloads:
            kept.append(item)
    known = {item.version for item in (*kept, turn.status.stable, turn.status.candidate) if item is not None}
    known.add(wanted)  # deployed by a pass that was killed before it stored the status: its release begins now
    unknown = [seen for name, seen in sorted(turn.seen.workloads.items()) if name not in known]
    if turn.status.stable is not None:
        kept += [transitions.retire_unknown(turn, seen) for seen in unknown]
    return turn.change(retiring=tuple(kept))


def plan(turn: Turn, outlook: Outlook, refusal: Refusal | None) -> Plan:
    """The Plan of a finished turn."""
    return Plan(
        status=turn.status,
        spec=turn.spec,
        versions=desired_versions(turn),
        route=desired_route(turn),
        remove=due_removals(turn),
        events=turn.events,
        requeue_after=requeue_after(turn, outlook, refusal),
    )


def desired_versions(turn: Turn) -> tuple[DesiredVersion, ...]:
    """Stable and candidate, both at full size: a rollback must not land on half a fleet. Retired versions are left
    as they are until they are removed."""
    replicas = turn.spec.serving.replicas
    deployed = (turn.status.stable, turn.status.candidate)
    return tuple(
        DesiredVersion(version=item.version, uri=item.uri, digest=item.pinned, replicas=replicas)
        for item in deployed
        if item is not None
    )


def desired_route(turn: Turn) -> Route | None:
    """Where requests go. None before anything can answer them."""
    stable, candidate = turn.status.stable, turn.status.candidate
    if stable is None:
        return None
    if candidate is None:
        return Route(stable.version, {stable.version: 100})
    weights = {stable.version: 100 - candidate.weight, candidate.version: candidate.weight}
    header = strategy_of(turn.spec.strategy).preview(turn.spec.strategy)
    ready = turn.status.release is not None and turn.status.release.ready_at is not None
    preview = (candidate.version, header) if header is not None and ready and candidate.weight == 0 else None
    return Route(stable.version, {name: weight for name, weight in weights.items() if weight > 0}, preview)


def due_removals(turn: Turn) -> tuple[str, ...]:
    """Retired versions whose time is over. None while the route is somebody else's: it may name any of them."""
    if turn.seen.route is not None and turn.seen.route.foreign_owner is not None:
        return ()
    return tuple(item.version for item in turn.status.retiring if item.remove_at <= turn.now)


def requeue_after(turn: Turn, outlook: Outlook, refusal: Refusal | None) -> float:
    """When to look again, in seconds, though nothing may have happened."""
    times = [item.remove_at for item in turn.status.retiring]
    times += [item.drain_until for item in turn.status.retiring if item.drain_until > turn.now]
    times += [outlook.wake_at] if outlook.wake_at is not None else []
    soonest = min((max(time - turn.now, 0.05) for time in times), default=REST_SECONDS)
    longest = POLL_SECONDS if turn.status.candidate is not None else 30.0 if refusal else REST_SECONDS
    return min(soonest, longest)
