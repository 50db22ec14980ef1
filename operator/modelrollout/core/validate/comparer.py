"""Which comparer a trial has now: none, or one for all arms that are in the shadow."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from modelrollout.api.status import Arm, Trial, VersionStatus
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import DesiredComparer
from modelrollout.core.validate import gate
from modelrollout.resource.spec import Spec


@dataclass(frozen=True, slots=True)
class Between:
    """What the gate goes by between two passes."""

    spec: Spec
    control: VersionStatus | None


def desired_comparer(state: Pass) -> DesiredComparer | None:
    """One for all arms together. Other arms are another comparer, which begins to count anew; so one that has passed
    stays in it as long as others have not."""
    trial, control = state.status.trial, state.control
    settings = gate.shadow_of(state.spec, control)
    name = name_of(state, trial)
    if trial is None or control is None or settings is None or name is None:
        return None
    versions = tuple(sorted(arm.version for arm in _inside(state, trial)))
    return DesiredComparer(name, control.version, versions, settings, state.seen.mirrors)


def name_of(state: gate.Known, trial: Trial | None) -> str | None:
    """Tells the counts of one comparer from those of the next one, of another trial, other arms or settings; None
    while there is none."""
    settings = gate.shadow_of(state.spec, state.control)
    if trial is None or state.control is None or settings is None or waits_for(state, trial) is not None:
        return None
    arms = sorted((arm.version, arm.entered_at or 0.0) for arm in _inside(state, trial))
    if not arms:
        return None
    compared = repr((gate.digest_of_shadow(settings), state.control.version, arms))
    return f"{int(trial.started_at)}-{sha256(compared.encode()).hexdigest()[:8]}"


def waits_for(state: gate.Known, trial: Trial) -> str | None:
    """What the arms that are in the shadow wait for before there is a comparer, in words: a person, or arms that would
    only come a little later. Once something was compared nobody waits for those."""
    if trial.paused:
        return trial.paused
    if any(arm.shadow.since is not None and gate.is_in_shadow(state, arm) for arm in trial.arms):
        return None
    late = [arm.version for arm in trial.arms if arm.ready_at is None or not gate.is_asked(state, arm)]
    return f"answers are compared once {' and '.join(late)} can be compared, too" if late else None


def _inside(state: gate.Known, trial: Trial) -> tuple[Arm, ...]:
    """Those whose first request is still to come, if any of them is in the shadow."""
    if not any(gate.is_in_shadow(state, arm) for arm in trial.arms):
        return ()
    return tuple(arm for arm in trial.arms if gate.is_in_shadow(state, arm) or gate.has_passed_shadow(state, arm))
