"""Many rollouts as a table, with the columns that ``kubectl get modelrollouts`` has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from modelrollout.cli.render import PHASE_STYLE
from modelrollout.cli.text import Line, Span, Style, lasting, table
from modelrollout.resource.rollout import ModelRollout

HEADINGS = ("NAME", "PHASE", "STABLE", "CANDIDATE", "WEIGHT", "STEP", "AGE")


def rollout_table(rollouts: Sequence[ModelRollout], now: float, with_namespace: bool = False) -> list[Line]:
    """A heading and one line for each rollout, in the order given."""
    headings = ("NAMESPACE", *HEADINGS) if with_namespace else HEADINGS
    rows = [[Span(heading, Style.TITLE) for heading in headings]]
    for rollout in rollouts:
        namespace = [Span(rollout.namespace)] if with_namespace else []
        rows.append([*namespace, *_cells(rollout, now)])
    return table(rows)


def _cells(rollout: ModelRollout, now: float) -> list[Span]:
    status = rollout.status
    created = datetime.fromisoformat(rollout.created).timestamp() if rollout.created else now
    texts = (
        status.stable.version if status.stable else "",
        ", ".join(arm.version for arm in status.arms),
        f"{', '.join(str(arm.weight) for arm in status.arms)} %" if status.arms else "",
        status.step or "",
        lasting(now - created),
    )
    return [Span(rollout.name), Span(status.phase.value, PHASE_STYLE[status.phase]), *(Span(text) for text in texts)]
