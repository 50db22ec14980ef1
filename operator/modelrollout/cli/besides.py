"""What a status tells beside its sentence, and who reads only that would miss: what the spec names and is not there,
and what of it does not hold yet."""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.api.status import Status
from modelrollout.core.accept.acceptance import RESOLVED_REFS


def besides(status: Status) -> Iterator[str]:
    """One sentence each."""
    for item in status.conditions:
        unheeded = item.message.partition("; but ")[2]
        if item.type == RESOLVED_REFS and item.status == "False" and item.message not in status.message:
            yield item.message
        elif item.type == "Accepted" and item.status == "True" and unheeded:
            yield unheeded
