"""Assessment: what the evidence says of an arm in this pass, in the few words that decisions need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelrollout.core.evidence import Count


@dataclass(frozen=True, slots=True)
class Alone:
    """The failure of an arm that had all the requests, so that nothing was concurrent: what it answered while things
    looked bad, and the rate of bad answers that the control's record allows."""

    metric: str
    split: str
    candidate: Count
    record: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdicts of all metrics, put together.

    ``against`` is the sentence with the numbers when the evidence reached its bound (roll back); with ``alone``, that
    was by the control's record and not by its answers to the same requests. ``hold`` says that there is enough
    suspicion not to step up; ``suspected`` that this is evidence against it, not evidence that is missing. ``proven``
    says that every required metric is proven not worse; ``proven_share`` is the part of the requests, percent, for
    which all of them are proven good enough. ``bad_news`` says that the newest answers speak against it:
    nothing is proven, and yet this is not the moment. ``blind`` and ``no_traffic`` name why nothing can be said;
    ``missed`` a metric that gave no answer in this pass, or none that is new, though its last sample is not old either:
    no reason for alarm, and none for a rise. ``silent`` says that the arm has just stopped answering. ``skewed``: the
    requests do not go where the shares say. ``within`` says the same of each segment, where the requests have some: a
    share there rises by what is known there.
    """

    against: str | None = None
    alone: Alone | None = None
    hold: str | None = None
    bad_news: str | None = None
    suspected: bool = False
    proven: bool = False
    proven_share: int = 0
    blind: str | None = None
    no_traffic: str | None = None
    missed: str | None = None
    silent: str | None = None
    skewed: str | None = None
    within: Mapping[str, Assessment] = field(default_factory=dict)

    def of(self, split: str) -> Assessment:
        """What decides whether the share of a split may rise."""
        return self.within.get(split, self)


NOTHING_SEEN = Assessment()
"""Before any traffic: nothing against the arm, nothing for it."""
