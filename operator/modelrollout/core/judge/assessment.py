"""Assessment: what the evidence says of an arm in this pass, in the few words that decisions need."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdicts of all metrics, put together.

    ``against`` is the sentence with the numbers when the evidence reached its bound (roll back). ``hold`` says that
    there is enough suspicion not to step up. ``proven`` says that every required metric is proven not worse.
    ``blind`` and ``no_traffic`` name why nothing can be said; ``missed`` a metric that gave no answer in this pass
    though its last sample is fresh: no reason for alarm, and none for a rise.
    """

    against: str | None = None
    hold: str | None = None
    proven: bool = False
    blind: str | None = None
    no_traffic: str | None = None
    missed: str | None = None


NOTHING_SEEN = Assessment()
"""Before any traffic: nothing against the arm, nothing for it."""
