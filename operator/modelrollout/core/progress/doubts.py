"""What is not known of an arm that shall rise, or speaks against it: sight, its newest answers, suspicion, the least
evidence. What a person's word stands above is in ``word.py``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from modelrollout.api.route import EVERYBODY, PREVIEW, Route
from modelrollout.api.status import Arm
from modelrollout.core.judge.assess import Assessments, judged_splits
from modelrollout.core.judge.assessment import Assessment
from modelrollout.core.judge.least_evidence import FRESH_TICKS, SeenAtWeight, seen_at_weight
from modelrollout.core.judge.splits import heard
from modelrollout.core.pass_state import Pass
from modelrollout.core.progress.obstacle import Doubt, Obstacle
from modelrollout.core.progress.word import stands_above


def of_evidence(state: Pass, arm: Arm, assessment: Assessment, split: str, *, gets_all: bool) -> Obstacle | None:
    """The first doubt about an arm that shall rise in a split that nobody's word and no policy stands above."""
    above = stands_above(state)
    found = doubts(state, arm, assessment, split, gets_all=gets_all)
    return next((obstacle for obstacle in found if obstacle.doubt not in above), None)


def doubts(state: Pass, arm: Arm, assessment: Assessment, split: str, *, gets_all: bool) -> Iterator[Obstacle]:
    """All of them, in the order in which people should hear of them."""
    if not state.strategy.judges:
        return
    where = split if state.spec.segments else state.trial.audience
    found = (
        of_sight(assessment),
        of_news(assessment),
        of_silence(assessment),
        of_suspicion(assessment, gets_all=gets_all),
        of_skew(assessment),
        of_counts(state, arm, assessment, where),
        of_sight_of_a_part(state, arm, assessment, where) if gets_all else None,
    )
    yield from (obstacle for obstacle in found if obstacle is not None)


def skipped_evidence(state: Pass, wanted: Route, winner: str | None, assessments: Assessments) -> str | None:
    """What a person's word, said in this pass or for all the steps that are left, stands above, in words."""
    if state.word is None and not state.trial.promote_fully:
        return None
    above, found = stands_above(state), list[str]()
    for split, version, gets_all in rising(state, wanted, winner):
        told = doubts(state, state.arm(version), assessments[version].of(split), split, gets_all=gets_all)
        found += [obstacle.message.removeprefix("held: ") for obstacle in told if obstacle.doubt in above]
    return "; ".join(dict.fromkeys(found)) or None


def rising(state: Pass, wanted: Route, winner: str | None) -> Sequence[tuple[str, str, bool]]:
    """The arms that shall have more, in which split, and whether that is all of it."""
    rises = [(split, version) for split, version in wanted.rises(state.route) if split != PREVIEW]
    rises += [(EVERYBODY, winner)] if winner is not None and (EVERYBODY, winner) not in rises else []
    arms = [(split, version) for split, version in rises if state.status.arm(version) is not None]
    return [(split, version, version == winner or wanted.share(version, split) == 100) for split, version in arms]


def of_sight(assessment: Assessment) -> Obstacle | None:
    """What cannot be seen now."""
    if assessment.blind:
        return Obstacle(f"held: {assessment.blind}", doubt=Doubt.SIGHT)
    if assessment.missed:
        why = f"held: Prometheus gave no answer about {assessment.missed} just now"
        return Obstacle(why, under_way=True, doubt=Doubt.SIGHT)
    return None


def of_news(assessment: Assessment) -> Obstacle | None:
    """What speaks against the arm just now."""
    if assessment.bad_news is None:
        return None
    why = f"held: the newest answers speak against it: {assessment.bad_news}"
    return Obstacle(why, undecided=True, doubt=Doubt.NEWS)


def of_silence(assessment: Assessment) -> Obstacle | None:
    """An arm that has just stopped answering. Once that is said to be no traffic, it is evidence that is missing."""
    if assessment.silent is None or assessment.no_traffic:
        return None
    return Obstacle(f"held: {assessment.silent}", under_way=True, doubt=Doubt.SIGHT)


def of_suspicion(assessment: Assessment, *, gets_all: bool) -> Obstacle | None:
    """Evidence that grows, or nothing to compare with."""
    if not assessment.hold:
        return None
    if not assessment.suspected:
        return Obstacle(f"held: {assessment.hold}", undecided=True, doubt=Doubt.MISSING, lasting=True)
    kind = Doubt.FINAL if gets_all else Doubt.GROWS
    return Obstacle(f"held: {assessment.hold}", undecided=True, doubt=kind)


def of_skew(assessment: Assessment) -> Obstacle | None:
    """Requests that do not go where the shares say: what is compared is not what was given to compare."""
    if not assessment.skewed:
        return None
    return Obstacle(f"held: {assessment.skewed}", undecided=True, doubt=Doubt.GROWS, lasting=True)


def of_sight_of_a_part(state: Pass, arm: Arm, assessment: Assessment, split: str) -> Obstacle | None:
    """An arm that never was seen at work beside the control, with a part of the requests. One that has all of them
    already, by a strategy that switches, must be seen with these."""
    if split in arm.seen:
        return None
    share = state.route.share(arm.version, split) if state.route is not None else 0
    if share == 100 or not (share or state.strategy.part_first):
        return final(of_counts(state, arm, assessment, split))
    if share == 0:
        return Obstacle(f"held: {arm.version} has not been seen with a part of the requests", doubt=Doubt.FINAL)
    return final(of_counts(state, arm, assessment, split)) or of_comparison(state, arm, share, split)


def final(obstacle: Obstacle | None) -> Obstacle | None:
    """The same, in the way of all requests."""
    return replace(obstacle, doubt=Doubt.FINAL) if obstacle is not None else None


def of_counts(state: Pass, arm: Arm, assessment: Assessment, split: str) -> Obstacle | None:
    """An arm that has requests must have been seen working at this weight: enough requests, and samples that are all
    of this weight."""
    judged = judged_splits(state, arm.version)
    splits = tuple({split} & set(judged)) if state.spec.segments else heard(judged, split)
    if not splits:
        return None
    if assessment.no_traffic:
        return Obstacle(f"held: {assessment.no_traffic}", doubt=Doubt.MISSING)
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
        doubt=Doubt.MISSING,
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
        doubt=Doubt.FINAL,
    )
