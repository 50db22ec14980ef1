"""What of a status is decided, apart from the evidence that grows with every sample.

A status is stored at once when something was decided. Evidence can be stored later: should it be lost, the counters
that it was made of still stand where they are, and the next look counts on from those that were stored.
"""

from __future__ import annotations

from modelrollout.api.contest_status import ContestStatus
from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.status import Alpha, Arm, SharedStatus, Status, Trial
from modelrollout.core.plan import Plan


def same_actions(plan: Plan, before: Plan) -> bool:
    """Whether a plan wants nothing of the cluster that the one before it did not want already, the status apart."""
    if plan.events or plan.remove or plan.answered is not None:
        return False
    return (plan.versions, plan.route, plan.recovery, plan.comparer, plan.at_rest) == (
        *(before.versions, before.route, before.recovery, before.comparer, before.at_rest),
    ) and (plan.spec is before.spec or plan.spec == before.spec)


def decided(status: Status) -> Status:
    """The status without its numbers and sentences: two of them differ only where something was decided."""
    conditions = tuple(item.model_copy(update={"message": ""}) for item in status.conditions)
    trial = _decided_trial(status.trial) if status.trial is not None else None
    return status.model_copy(update={"message": "", "conditions": conditions, "trial": trial})


def _decided_trial(trial: Trial) -> Trial:
    return trial.model_copy(
        update={
            "alpha": Alpha(),  # what looking has cost so far is lost with what was seen
            "arms": tuple(map(_decided_arm, trial.arms)),
            "contest": _decided_contest(trial.contest) if trial.contest is not None else None,
            "segments": tuple(map(_decided_contest, trial.segments)),
            "stakes": (),
            "value": None,
        }
    )


def _decided_arm(arm: Arm) -> Arm:
    return arm.model_copy(
        update={
            "metrics": tuple(map(_decided_metric, arm.metrics)),
            "shared": tuple(map(_decided_share, arm.shared)),
            "shadow": arm.shadow.model_copy(update={"compared": 0.0, "message": "", "checks": ()}),
        }
    )


def _decided_share(item: SharedStatus) -> SharedStatus:
    return item.model_copy(update={"state": (), "broken": item.broken and ""})


def _decided_metric(item: MetricStatus) -> MetricStatus:
    return MetricStatus(metric=item.metric, split=item.split, verdict=item.verdict)


def _decided_contest(item: ContestStatus) -> ContestStatus:
    named = ("metric", "split", "trouble", "skewed", "unproven", "shares", "since")
    return ContestStatus.model_construct(**{name: getattr(item, name) for name in named})
