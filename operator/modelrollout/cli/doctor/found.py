"""What was found: one sentence for each thing, and for what is not as it should be a way to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Whether a thing is there. DOUBTFUL: it works, but somebody should look; UNKNOWN: it could not be looked at."""

    THERE = "there"
    DOUBTFUL = "doubtful"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing of an ``area``; ``mend`` is a command, or what to do where no one command does it."""

    area: str
    state: State
    text: str
    mend: str = ""

    def to_json(self) -> dict[str, str]:
        """For ``-o json``."""
        mend = {"mend": self.mend} if self.mend else {}
        return {"area": self.area, "state": self.state.value, "text": self.text, **mend}


def exit_code(findings: Sequence[Finding]) -> int:
    """For pipelines: 0 all is there, 1 something is missing, 3 not everything could be looked at."""
    states = {item.state for item in findings}
    if State.MISSING in states:
        return 1
    return 3 if State.UNKNOWN in states else 0
