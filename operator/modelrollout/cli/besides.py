"""What a status tells beside its sentence, and who reads only that would miss: what the spec names and is not there,
and what of it does not hold yet."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelrollout.api.status import Status
from modelrollout.core.accept.acceptance import RESOLVED_REFS

_FIELD = re.compile(r'(?:^|; )(spec\.\S+ "[^"]*")')


def besides(status: Status) -> Iterator[str]:
    """One sentence each."""
    for item in status.conditions:
        unheeded = item.message.partition("; but ")[2]
        if item.type == RESOLVED_REFS and item.status == "False" and not _is_told(item.message, status.message):
            yield item.message
        elif item.type == "Accepted" and item.status == "True" and unheeded:
            yield unheeded


def _is_told(missing: str, sentence: str) -> bool:
    """Whether the sentence tells of it, or of each field with its value that it names."""
    fields = _FIELD.findall(missing)
    return missing in sentence or (bool(fields) and all(field in sentence for field in fields))
