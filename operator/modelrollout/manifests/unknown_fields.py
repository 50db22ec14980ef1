"""Fields of a partial pod template that the API server does not know, as the user wrote them.

Server-side apply says ``.spec.template.spec.contaners: field not declared in schema`` of the Deployment, with the code
of a fault of its own (500). What was meant only ``modelrollout lint`` can say, which has the names of all fields.
"""

from __future__ import annotations

import re

TEMPLATE = "spec.serving.template"
_LISTED = 3  # fields that a sentence can hold
_UNKNOWN = re.compile(r"\.spec\.template(\.\S+): field not declared in schema")


def unknown_fields(words: str) -> str | None:
    """The sentence about such fields; None where the API server speaks of something else."""
    found = list(dict.fromkeys(f"{TEMPLATE}{match[1]}" for match in _UNKNOWN.finditer(words)))
    if not found:
        return None
    shown = ", ".join(found[:_LISTED]) + (f" and {len(found) - _LISTED} more" if len(found) > _LISTED else "")
    what = (
        "is no field of a pod; remove it or correct its name"
        if len(found) == 1
        else ("are no fields of a pod; remove them or correct their names")
    )
    return f"{shown}: {what} (modelrollout lint says which one may be meant)"
