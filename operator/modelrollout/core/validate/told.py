"""Several things that are wrong, in one sentence of a bounded length."""

from __future__ import annotations

from collections.abc import Sequence

TOLD = 2


def some(wrong: Sequence[str], of: int, what: str) -> str:
    """``2 of 8 samples are not answered well: ...``, the first of them in full."""
    return f"{len(wrong)} of {of} {what}: {'; '.join(wrong[:TOLD])}"
