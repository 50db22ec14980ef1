"""What the comparer of a trial has counted so far of one arm, beside the control (``api/compared``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelrollout.core.validate.disagreement import Flips


@dataclass(frozen=True, slots=True)
class Replays:
    """The answers of one version to the same copies. ``latency`` and ``scores`` are histograms, not cumulated."""

    answered: float = 0.0
    failed: float = 0.0
    latency: Sequence[float] = ()
    scores: Sequence[float] = ()

    @property
    def asked(self) -> float:
        """All of them."""
        return self.answered + self.failed


@dataclass(frozen=True, slots=True)
class Shadowed:
    """Of one arm and the control. In the last minute ``received`` copies came that can be replayed, of which
    ``dropped`` were not, most of them for the reason ``why``. ``unusable`` were replayed and could not be compared, for
    the control's sake.
    ``started`` tells the process that counted from one that was there before: seconds since 1970, 0 where it does not
    say so."""

    flips: Flips
    arm: Replays = Replays()
    control: Replays = Replays()
    received: float = 0.0
    dropped: float = 0.0
    why: str = ""
    unusable: float = 0.0
    started: float = 0.0
