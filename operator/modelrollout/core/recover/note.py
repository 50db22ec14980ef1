"""The note that every route carries, for the day on which the status is lost. ``lost_status`` reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from modelrollout.api.status import TakenBack
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Recovery

LONGEST_SPEC = 65_536  # bytes; all annotations of an object have 262,144 together


def note(state: Pass) -> Recovery | None:
    """The note as things stand. It changes with the route and with the versions that are in it, under trial, kept or
    withheld, and with nothing that is counted.

    An arm without a share is noted, too: it may have been recalled, and what is left of alpha must not become whole.
    """
    control, kept, trial = state.control, state.status.previous, state.status.trial
    if control is None or state.route is None:
        return None
    arms = tuple(sorted(state.route.versions.union(arm.version for arm in state.status.arms) - {control.version}))
    return Recovery(
        control=control.version,
        arms=arms,
        alpha=trial.alpha.total / 2 if trial is not None and arms else None,
        uri=control.uri,
        pinned=control.pinned,
        route=state.route,
        failed=tuple(sorted({item.version for item in state.status.quarantined})),
        taken_back=_names([item for item in state.status.taken_back if item not in state.status.not_chosen]),
        not_chosen=_names(state.status.not_chosen),
        previous=kept.version if kept is not None and kept.remove_at > kept.drain_until else None,
        paused={arm.version: arm.paused for arm in state.status.arms if arm.paused} or None,
        spec=noted_spec(state) if arms else None,
    )


def _names(versions: Sequence[TakenBack]) -> tuple[str, ...] | None:
    """Their versions; None where there are none."""
    return tuple(sorted(item.version for item in versions)) or None


def noted_spec(state: Pass) -> str | None:
    """The accepted spec, always the same text for the same one; none that could make the note too large to be written,
    and the way back with it."""
    text = json.dumps(state.status.accepted_spec, sort_keys=True, separators=(",", ":"))
    return text if len(text.encode()) <= LONGEST_SPEC else None
