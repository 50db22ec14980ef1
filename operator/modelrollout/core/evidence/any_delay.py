"""Is a version better however late rewards come?

Nobody knows that well: ``rewardDelay`` may be written much too short, and then the version that served, which is still
rewarded for all that it was asked before the test, looks better than it is. So what is proven by the delay that was
told is believed when no other delay explains it as well. The likelihood of the rewards of two versions in the spans of
the ``timeline`` is made as large as it can be over the ratio of their rates and over delays: of any shape
(``any_shape``), and of some shapes that are later still (``one_shape``). And the same over those ratios that deny the
claim, for which the delay is looked for more closely. The log of the ratio of both (S. S. Wilks, "The large-sample
distribution of the likelihood ratio", Ann. Math. Stat. 9 (1938)) must be as large as the log of the evidence that is
needed.

A request has one reward at most: so no delay is so long that there are more of them than requests (``Seen.excess``),
and those of the whole time spread less than if each came by itself, by which 98 of 100 are told from 93
(``Seen.by_totals``). Where both were asked at the same times and shares stay, every delay says the same, and what was
proven stands (``Seen.alike``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf, log

from modelrollout.core.evidence import any_shape, one_shape
from modelrollout.core.evidence.one_shape import FURTHEST, Interval
from modelrollout.core.evidence.seen import Seen
from modelrollout.core.evidence.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Explained:
    """``surplus``: the log by which a claim explains what was seen better than its contrary, each by the delay that
    suits it best, infinite where no delay speaks against it; ``delay`` is the one of the contrary, in seconds on
    average."""

    surplus: float
    delay: float


@dataclass(frozen=True, slots=True)
class Told:
    """A timeline that is asked again and again until it has another whole span: samples come more often than these in
    a test that goes on for a while, and this takes some milliseconds."""

    timeline: Timeline

    def __hash__(self) -> int:
        return hash((self.timeline.begun, self.timeline.ended, len(self.timeline.spans)))


def is_better(timeline: Timeline, one: str, other: str, enough: float = 0.0) -> Explained | None:
    """That the first is rewarded more often than the second; None where nothing tells of both. A surplus that is not
    ``enough`` is not looked at more closely, which would make it smaller."""
    return _explained(Told(timeline.whole), one, other, ((-FURTHEST, 0.0),), round(enough, 1))


def is_alike(timeline: Timeline, one: str, other: str, indifference: float, enough: float = 0.0) -> Explained | None:
    """That their rates differ by less than this part."""
    bound = log(1.0 + indifference)
    return _explained(Told(timeline.whole), one, other, ((-FURTHEST, -bound), (bound, FURTHEST)), round(enough, 1))


@lru_cache(maxsize=1024)
def _explained(told: Told, one: str, other: str, contrary: tuple[Interval, ...], enough: float) -> Explained | None:
    """The claim that the log of the ratio lies in none of these intervals."""
    seen = Seen.of(told.timeline, one, other)
    if seen is None:
        return None
    if seen.alike:
        return Explained(inf, 0.0)
    found = one_shape.explained(seen, contrary)
    found = found.or_(any_shape.explained(seen, contrary, enough, found.highest))
    if found.surplus >= enough:
        found = found.or_(one_shape.explained_closer(seen, contrary))
    return Explained(found.surplus, found.delay)


def may_be_better(timeline: Timeline, one: str, other: str, by: float, overdispersion: float) -> bool:
    """Whether the log of the ratio of the first version's rate to the second's that fits best may well be more than
    ``by``: by some delay with a name that explains what was seen. Any shape would leave that open for long while shares
    move."""
    seen = Seen.of(timeline, one, other)
    return seen is not None and float(one_shape.fitted(seen).plausible_ratios(overdispersion).max()) > by
