"""Which trials there are now, for those who count by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelrollout.api.live import LiveTrial, LiveTrials
from modelrollout.api.status import Status, Trial


def live_trials(statuses: Mapping[tuple[str, str], Status]) -> LiveTrials:
    """The trials that have a route, in order of namespace and name."""
    return LiveTrials(trials=tuple(_trials(statuses)))


def _trials(statuses: Mapping[tuple[str, str], Status]) -> Iterator[LiveTrial]:
    for (namespace, rollout), status in sorted(statuses.items()):
        trial = status.trial
        if trial is not None and trial.route is not None:
            # Previews are no user's requests: what comes of them is no outcome.
            segments = tuple(split.name for split in trial.route.splits if not split.is_preview)
            yield LiveTrial(
                namespace=namespace,
                rollout=rollout,
                first_epoch=min(int(trial.started_at), trial.epoch) or int(trial.started_at),
                epoch=trial.epoch or int(trial.started_at),
                versions=_versions(status, trial),
                segments=segments,
            )


def _versions(status: Status, trial: Trial) -> tuple[str, ...]:
    """The control and the arms."""
    control = (status.stable.version,) if status.stable is not None else ()
    return tuple(dict.fromkeys((*control, *(arm.version for arm in trial.arms))))
