"""What a pass has to find out beyond the objects themselves, from the rollout alone.

Asked before the observation, so that everything that is needed can be read at once, and nothing that is not.
"""

from __future__ import annotations

from modelrollout.api.route import PREVIEW
from modelrollout.api.status import Arm, Trial
from modelrollout.core.accept.acceptance import is_accepted, is_unresolved, last_accepted
from modelrollout.core.judge.splits import counted
from modelrollout.core.plan import Questions
from modelrollout.core.validate.comparer import Between, name_of
from modelrollout.core.validate.gate import is_due, is_first
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

BASELINE_SECONDS = 120.0  # how long into a release the control's past is asked for again
SMOKE_PAUSE_SECONDS = 2.0  # between two sets of smoke requests


def questions(rollout: ModelRollout, now: float) -> Questions:
    """What is due at ``now`` (seconds since the epoch)."""
    status = rollout.status
    newest = rollout.spec if isinstance(rollout.spec, Spec) else None
    unchecked = None if is_accepted(status, rollout.generation) else newest
    # Arms are judged by what was accepted; what a newer spec wants measured counts once that one is.
    spec = newest if unchecked is None and newest is not None else last_accepted(status) or newest
    if spec is None:
        return Questions()
    trial, control = status.trial, status.stable.version if status.stable else None
    under_way, first = trial is not None and control is not None, is_first(spec, status.stable)
    judged = under_way and spec.strategy.chosen.judges
    return Questions(
        spec=spec,
        control=control,
        arms=tuple(arm.version for arm in status.arms),
        splits=counted(spec, trial) if judged else (),
        validation=tuple(arm.version for arm in status.arms if is_due(spec, arm, first=first)),
        shadow=name_of(Between(spec, status.stable), trial),
        smoke=smoke_due(trial, spec, now) if under_way and trial is not None else (),
        acceptance=unchecked,
        references=unchecked or (newest if is_unresolved(status) else None),
        baseline=judged and trial is not None and baseline_due(trial, spec, now),
        delays_since=delays_since(trial, spec) if judged and trial is not None else None,
    )


def delays_since(trial: Trial, spec: Spec) -> float | None:
    """Since when the delays of rewards are asked for: where they are to be measured, since the first sample."""
    design = spec.strategy.chosen.design(spec.strategy.settings)
    measured = design is not None and design.measures_delay
    return trial.contest.since if measured and trial.contest is not None else None


def baseline_due(trial: Trial, spec: Spec, now: float) -> bool:
    """Until the control's past is known for every metric, while no arm has requests; but not for ever: half an hour of
    samples is a large answer."""
    routed = trial.route is not None and any(trial.route.largest_share(arm.version) for arm in trial.arms)
    if routed or now > trial.started_at + BASELINE_SECONDS:
        return False
    known = {item.metric for arm in trial.arms for item in arm.metrics if item.noise is not None}
    return any(metric.name not in known for metric in spec.analysis.guardrails)


def smoke_due(trial: Trial, spec: Spec, now: float) -> tuple[str, ...]:
    """Once the preview route has been written by an earlier pass and had a moment to reach the gateways."""
    preview = trial.route.split(PREVIEW) if trial.route is not None else None
    if spec.strategy.chosen.smoke(spec.strategy.settings) is None or preview is None:
        return ()
    return tuple(arm.version for arm in trial.arms if preview.share(arm.version) and _smoke_is_due(arm, now))


def _smoke_is_due(arm: Arm, now: float) -> bool:
    if arm.smoke.passed or arm.ready_at is None or arm.paused:
        return False
    last = max(arm.ready_at, arm.smoke.at or arm.ready_at)
    return now >= last + SMOKE_PAUSE_SECONDS
