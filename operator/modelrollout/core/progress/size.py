"""How many pods a version is to have.

A rollback must not land on half a fleet, so the control is never made smaller while a trial is under way; and a share
must not land on a pod that cannot carry it, so an arm has its pods before its share rises. Where something else decides
how many there are (``serving.replicas`` is left out), this says only how many a version begins with.
"""

from __future__ import annotations

from math import ceil

from modelrollout.api.autoscaling import ArmReplicas
from modelrollout.api.route import Route
from modelrollout.api.serving import Serving
from modelrollout.api.status import Arm
from modelrollout.core.pass_state import Pass
from modelrollout.core.progress.obstacle import Obstacle


def full_size(state: Pass) -> int:
    """Pods of a version that has all the requests: what is written, else what the control has now."""
    serving = state.spec.serving
    control = state.seen.workloads.get(state.control.version) if state.control is not None else None
    if serving.replicas is not None or control is None:
        return full_at_first(serving)
    return _bounded(serving, control.desired)


def full_at_first(serving: Serving) -> int:
    """Pods of the first version, which replaces nothing."""
    return serving.replicas or _bounded(serving, 1)


def size_for(state: Pass, share: float) -> int:
    """Pods of an arm that gets so many percent of the requests."""
    serving, full = state.spec.serving, full_size(state)
    if serving.arm_replicas is ArmReplicas.FULL:
        return full
    return max(min(_bounded(serving, 1), full), ceil(full * share / 100))


def size_of_control(state: Pass) -> int:
    """At rest an autoscaler may go down to its least; until a trial is over it keeps what it had."""
    autoscaling = state.spec.serving.autoscaling
    return full_size(state) if autoscaling is None or state.status.trial is not None else autoscaling.min


def size_of_arm(state: Pass, arm: Arm, wanted: Route | None) -> int:
    """For what it gets, and for what the strategy would give it next. What it was once given stays while it is under
    trial: shares that follow the rewards would start and end servers all the time."""
    shares = (route.largest_share(arm.version) for route in (state.route, wanted) if route is not None)
    size = size_for(state, max(shares, default=100.0))
    had = state.workload(arm.version).applied
    return size if had is None else min(max(size, had), full_size(state))


def of_size(state: Pass, arm: Arm, share: float) -> Obstacle | None:
    """What keeps a share from rising: the pods that it needs are not even asked for yet. Whoever leaves the number to
    others leaves that to them, too."""
    serving, has = state.spec.serving, state.workload(arm.version).desired
    if (serving.replicas is None and serving.autoscaling is None) or has >= (needs := size_for(state, share)):
        return None
    whose = "its autoscaler has" if serving.autoscaling is not None else "it has"
    return Obstacle(f"{arm.version} needs {needs} pods for {share:g} % of the requests, {whose} {has}", under_way=True)


def is_elastic(serving: Serving) -> bool:
    """Whether others decide how many pods a version has once it is there."""
    return serving.replicas is None


def _bounded(serving: Serving, pods: int) -> int:
    return serving.autoscaling.bounded(pods) if serving.autoscaling is not None else max(pods, 1)
