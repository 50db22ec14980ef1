"""From a finished turn to what people and other programs read: phase, sentence, columns, conditions.

The sentences hold no number that changes by itself, such as seconds left: a pass that changes nothing must come to
the very same status.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import Condition, Phase, Status, VersionStatus
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.core.progress import Outlook
from modelrollout.core.strategies import name_of, strategy_of
from modelrollout.core.turn import Turn

Fact = tuple[str, str, str, str]  # type, status, reason, message


def refuse_all(rollout: ModelRollout, now: float, refusal: Refusal) -> Status:
    """The status of a rollout that never had a spec in order."""
    unchecked = refusal.reason is Reason.NOT_CHECKED
    facts: list[Fact] = [
        accepted(refusal),
        ("Ready", "False", refusal.reason, refusal.message),
        ("Stalled", "False" if unchecked else "True", refusal.reason, refusal.message),
    ]
    return rollout.status.model_copy(
        update={
            "observed_generation": rollout.generation,
            "phase": Phase.PENDING if unchecked else Phase.INVALID,
            "message": refusal.message,
            "conditions": conditions(rollout.status, rollout.generation, now, facts),
        }
    )


def summarize(turn: Turn, outlook: Outlook, refusal: Refusal | None) -> Turn:
    """The turn with everything that is derived filled in."""
    refused = refusal is not None and refusal.reason is not Reason.NOT_CHECKED
    refused_at_rest = refused and turn.status.candidate is None
    phase = Phase.INVALID if refused_at_rest else outlook.phase
    message = f"{refusal.message}; {outlook.message}" if refusal is not None else outlook.message
    turn = announce(turn, refusal)
    facts = [accepted(refusal or unfetched(turn)), *progressing(phase, message), routed(turn), analysed(turn)]
    generation = turn.rollout.generation
    return turn.change(
        observed_generation=generation,
        phase=phase,
        message=message,
        weight=turn.status.candidate.weight if turn.status.candidate else None,
        stable=with_weight(turn),
        step=step_column(turn),
        strategy=name_of(turn.spec.strategy),
        conditions=conditions(turn.rollout.status, generation, turn.now, facts),
    )


def with_weight(turn: Turn) -> VersionStatus | None:
    """Stable, with the share that is left to it."""
    stable = turn.status.stable
    return stable.model_copy(update={"weight": 100 - turn.weight}) if stable else None


def step_column(turn: Turn) -> str | None:
    """``2/5`` while a release has steps."""
    if turn.status.release is None or turn.status.candidate is None:
        return None
    total = strategy_of(turn.spec.strategy).steps(turn.spec.strategy)
    return f"{min(max(turn.release.step_index + 1, 0), total)}/{total}"


def unfetched(turn: Turn) -> Refusal | None:
    """A spec whose model could not be fetched is not in order, though only the fetcher could find that out."""
    wanted = turn.spec.model.version
    found = [item for item in turn.status.quarantined if item.version == wanted and item.reason == Reason.FETCH_FAILED]
    return Refusal(Reason.FETCH_FAILED, found[-1].message) if found else None


def accepted(refusal: Refusal | None) -> Fact:
    """Whether the newest spec is the one that is gone by."""
    if refusal is None:
        return "Accepted", "True", Reason.ACCEPTED, "the spec is in order"
    unchecked = refusal.reason is Reason.NOT_CHECKED
    return "Accepted", "Unknown" if unchecked else "False", refusal.reason, refusal.message


def progressing(phase: Phase, message: str) -> list[Fact]:
    """Ready, Progressing and Stalled, which Argo CD, Flux and `kubectl wait` look at."""
    ready = phase is Phase.HEALTHY
    stalled = phase in (Phase.DEGRADED, Phase.INVALID)
    moving = not (ready or stalled)
    return [
        ("Ready", "True" if ready else "False", phase.value, message),
        ("Progressing", "True" if moving else "False", phase.value, message),
        ("Stalled", "True" if stalled else "False", phase.value, message),
    ]


def routed(turn: Turn) -> Fact:
    """Whether the live VirtualService has the weights that were decided."""
    wanted, live = weights(turn), turn.seen.route
    if wanted is None:
        return "TrafficApplied", "False", Reason.NOTHING_SERVES, "no version can answer yet, so nothing is routed"
    owner = foreign(turn)
    if owner is not None:
        message = f"the VirtualService of this name belongs to {owner}; delete it, and it is written anew"
        return "TrafficApplied", "False", Reason.FOREIGN_VIRTUAL_SERVICE, message
    if live is not None and live.refused is not None:
        return "TrafficApplied", "False", Reason.ROUTE_REFUSED, f"the VirtualService is refused: {live.refused}"
    if live is not None and dict(live.weights) == wanted:
        return "TrafficApplied", "True", Reason.ROUTE_APPLIED, _words(wanted)
    return "TrafficApplied", "False", Reason.PROGRESSING, f"the route is being moved to {_words(wanted)}"


def weights(turn: Turn) -> dict[str, int] | None:
    """The weights decided by this turn, without zeros."""
    status = turn.status
    if status.stable is None:
        return None
    pairs = {status.stable.version: 100 - turn.weight}
    if status.candidate is not None:
        pairs[status.candidate.version] = turn.weight
    return {version: weight for version, weight in pairs.items() if weight > 0}


def analysed(turn: Turn) -> Fact:
    """Whether the metrics can speak."""
    if turn.status.release is None or not turn.status.analysis:
        return "AnalysisHealthy", "Unknown", Reason.HEALTHY, "no release is being judged"
    for verdict, reason in (
        ("Blind", Reason.BLIND),
        ("Invalid", Reason.INVALID_METRIC),
        ("NoTraffic", Reason.NO_TRAFFIC),
    ):
        words = [item.message for item in turn.status.analysis if item.verdict == verdict]
        if words:
            return "AnalysisHealthy", "False", reason, "; ".join(words)
    return "AnalysisHealthy", "True", Reason.HEALTHY, "every metric has fresh samples"


def announce(turn: Turn, refusal: Refusal | None) -> Turn:
    """Events for what changed between two passes and has no move of its own."""
    before = {item.type: item for item in turn.rollout.status.conditions}
    was_accepted = before.get("Accepted")
    asking = refusal is not None and refusal.reason is Reason.NOT_CHECKED and turn.weight > 0  # between two passes
    if refusal is not None and not asking and (was_accepted is None or was_accepted.message != refusal.message):
        turn = turn.say(refusal.reason, refusal.message, warning=True)
    if turn.seen.route is None and turn.rollout.status.stable is not None:
        turn = turn.say(Reason.ROUTE_RESTORED, "the VirtualService was missing and is written again", warning=True)
    elif foreign(turn) is None and drifted(turn):
        live = turn.seen.route.weights if turn.seen.route else {}
        message = f"the VirtualService had weights {_words(live)} that nobody decided; they are set right"
        turn = turn.say(Reason.ROUTE_RESTORED, message, warning=True)
    return turn


def foreign(turn: Turn) -> str | None:
    """Who the VirtualService belongs to when it is not ours."""
    return turn.seen.route.foreign_owner if turn.seen.route is not None else None


def drifted(turn: Turn) -> bool:
    """Whether the live weights are neither those of the last pass nor those of this one (a pass that was killed
    between the route and the status leaves those)."""
    live, old = turn.seen.route, turn.rollout.status
    if live is None or old.stable is None or live.refused is not None:
        return False
    before = {old.stable.version: old.stable.weight}
    if old.candidate is not None:
        before[old.candidate.version] = old.candidate.weight
    decided = ({name: weight for name, weight in before.items() if weight > 0}, weights(turn))
    return dict(live.weights) not in decided


def conditions(old: Status, generation: int, now: float, facts: list[Fact]) -> tuple[Condition, ...]:
    """The facts as conditions; the time of the last transition changes with the status alone."""
    before = {item.type: item for item in old.conditions}
    stamp = datetime.fromtimestamp(int(now), tz=UTC).isoformat().replace("+00:00", "Z")
    return tuple(
        Condition(
            type=kind,
            status=state,
            reason=str(reason),
            message=message,
            observed_generation=generation,
            last_transition_time=(
                before[kind].last_transition_time if kind in before and before[kind].status == state else stamp
            ),
        )
        for kind, state, reason, message in facts
    )


def _words(shares: Mapping[str, int]) -> str:
    return ", ".join(f"{version} {weight} %" for version, weight in sorted(shares.items())) or "none"
