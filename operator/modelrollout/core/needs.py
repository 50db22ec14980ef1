"""What a pass has to find out beyond the objects themselves, from the rollout alone.

Asked before the observation, so that everything that is needed can be read at once, and nothing that is not.
"""

from __future__ import annotations

from modelrollout.api.resource import ModelRollout
from modelrollout.api.rollout import Spec
from modelrollout.core.acceptance import is_accepted, last_accepted
from modelrollout.core.plan import Questions
from modelrollout.core.progress import SMOKE_PAUSE_SECONDS
from modelrollout.core.strategies import strategy_of

BASELINE_SECONDS = 120.0  # how long into a release stable's past is asked for again


def questions(rollout: ModelRollout, now: float) -> Questions:
    """What is due at ``now`` (seconds since the epoch)."""
    status = rollout.status
    newest = rollout.spec if isinstance(rollout.spec, Spec) else None
    unchecked = None if is_accepted(status, rollout.generation) else newest
    # A candidate is judged by what was accepted; what a newer spec wants measured counts once that one is.
    spec = newest if unchecked is None and newest is not None else last_accepted(status) or newest
    if spec is None:
        return Questions()
    candidate = status.candidate.version if status.candidate else None
    stable = status.stable.version if status.stable else None
    judged = candidate is not None and stable is not None
    return Questions(
        spec=spec,
        candidate=candidate,
        stable=stable,
        samples=judged,
        smoke=candidate if judged and smoke_due(rollout, spec, now) else None,
        acceptance=unchecked,
        baseline=judged and baseline_due(rollout, spec, now),
    )


def baseline_due(rollout: ModelRollout, spec: Spec, now: float) -> bool:
    """Until stable's past is known for every metric, while the candidate has no requests; but not for ever: half an
    hour of samples is a large answer."""
    release, candidate = rollout.status.release, rollout.status.candidate
    if release is None or candidate is None or candidate.weight > 0 or now > release.started_at + BASELINE_SECONDS:
        return False
    known = {item.metric for item in rollout.status.analysis if item.noise is not None}
    return any(metric.name not in known for metric in spec.analysis.metrics)


def smoke_due(rollout: ModelRollout, spec: Spec, now: float) -> bool:
    """Once the preview route has been written by an earlier pass and had a moment to reach the gateways."""
    release, candidate = rollout.status.release, rollout.status.candidate
    if release is None or candidate is None or release.ready_at is None or now < release.ready_at + SMOKE_PAUSE_SECONDS:
        return False
    if release.last_smoke_at is not None and now < release.last_smoke_at + SMOKE_PAUSE_SECONDS:
        return False
    return strategy_of(spec.strategy).wants_smoke(spec.strategy, release, candidate.weight)
