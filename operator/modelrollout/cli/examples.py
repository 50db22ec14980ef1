"""Examples of answers that differ, for `describe`: from the comparer's log, by the reader's own right to read it.

They are in no status: that would tell what was answered to all who may read rollouts, for as long as the rollout is
there. So they go with the comparer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelrollout.api.compared import EXAMPLES
from modelrollout.api.printable import printable
from modelrollout.cli.access import Access, Body
from modelrollout.cli.errors import ClusterError, NotFound
from modelrollout.cli.render_detail import SHADOW_ANSWERS, block, validation_rows
from modelrollout.cli.text import Line, Span, Style, lasting, line, table
from modelrollout.cli.view import spec_in_force
from modelrollout.manifests.comparer import COMPARER, COMPONENT_LABEL
from modelrollout.manifests.meta import OWNER_LABEL
from modelrollout.resource.rollout import ModelRollout

SHOWN = 10
LINES = 1000  # of a log, the last ones; a comparer writes little else
GONE = (
    "the comparer has gone, and its log with it: examples are where the logs of the cluster are kept, under the pods "
    f"with the label {COMPONENT_LABEL}={COMPARER}; or modelrollout retry compares anew"
)


@dataclass(frozen=True, slots=True)
class Example:
    """``at`` in seconds since the epoch."""

    at: float
    words: str


def read_examples(access: Access, rollout: ModelRollout, now: float) -> list[Line]:
    """The newest ones, or why there are none to be shown; nothing where the spec lets none be shown."""
    spec = spec_in_force(rollout)
    shadow = spec.asked_before_traffic.shadow if spec is not None else None
    if shadow is None or not shadow.compare.show:
        return []
    try:
        pods = [body for body in access.pods(_labels(rollout)) if _runs(body)]
        found = [item for pod in pods for item in examples_in(access.log(pod["metadata"]["name"], COMPARER, LINES))]
    except (ClusterError, NotFound) as error:
        return examples_block([], now, f"none are shown: {error.format_message()}")
    was_compared = any(row[1].text == SHADOW_ANSWERS for row in validation_rows(rollout.status))
    return examples_block(found, now, GONE if was_compared and not pods else "")


def examples_block(examples: Sequence[Example], now: float, note: str) -> list[Line]:
    """The newest last, as in a log."""
    newest = sorted(examples, key=lambda example: example.at)[-SHOWN:]
    rows = [[Span(f"{lasting(now - example.at)} ago"), Span(example.words)] for example in newest]
    return block("Answers that differ", [*table(rows), *([line(Span(note, Style.FAINT))] if note else [])])


def examples_in(log: str) -> Iterator[Example]:
    """What a comparer's log has of them."""
    for text in log.splitlines():
        try:
            found = json.loads(text)
            if found["logger"] == EXAMPLES:
                yield Example(datetime.fromisoformat(found["time"]).timestamp(), printable(str(found["message"])))
        except (ValueError, KeyError, TypeError):  # a line of somebody else, or half of one
            continue


def _labels(rollout: ModelRollout) -> str:
    return f"{OWNER_LABEL}={rollout.name},{COMPONENT_LABEL}={COMPARER}"


def _runs(pod: Body) -> bool:
    """Whether it has a log of what is compared now."""
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return any("running" in (item.get("state") or {}) for item in containers)
