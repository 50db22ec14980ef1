"""What is believed of each version in each split, and by which shares it should get requests.

Not in every pass: it takes some milliseconds, and changes with the samples alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelrollout.api.contest_status import Competitor
from modelrollout.core.evidence.contest import Rules
from modelrollout.core.evidence.proofs import HARDLY, Proofs
from modelrollout.core.evidence.segments import SegmentAllocation
from modelrollout.core.evidence.thompson import Posterior, chances_of_best, value_remaining
from modelrollout.core.judge.known import Known, following, rules
from modelrollout.core.pass_state import Pass

Posteriors = Mapping[str, Posterior]
"""By version."""


def believed(state: Pass, known: Sequence[Known]) -> list[Known]:
    """What is known of every split, with what is believed now; the same where shares do not follow the rewards."""
    if following(state) is None:
        return list(known)
    largest = max(known, key=lambda item: sum(count.trials for count in item.contest.counts.values()))
    found = _posteriors(state, known, largest)
    sure = Proofs(largest.contest, rules(state, largest.status)).provable == largest.contest.versions
    return [
        _told(item, posteriors, sure=sure, decided=rules(state, item.status))
        for item, posteriors in zip(known, found, strict=True)
    ]


def _posteriors(state: Pass, known: Sequence[Known], largest: Known) -> list[Posteriors]:
    """Of every split. Segments learn from each other, so what they do has one noise, that of most requests, in the
    ``largest``."""
    decided = rules(state, largest.status)
    phi = largest.contest.spread.factor(decided.overdispersion)
    every = SegmentAllocation({item.status.split: item.allocation for item in known})
    found = every.posteriors(more_is_better=decided.more_is_better, overdispersion=phi)
    return [found[item.status.split] for item in known]


def _told(known: Known, posteriors: Posteriors, *, sure: bool, decided: Rules) -> Known:
    """As it is told. By a noise or a delay that is not known yet, or by which another one may be the best, shares may
    follow, but it is not said how much is left to gain: that ends a trial."""
    if not posteriors:
        return known
    every = list(posteriors.values())
    chances = dict(zip(posteriors, chances_of_best(every), strict=True))
    left = round(value_remaining(every), 5) if sure and len(every) > 1 else None
    best = max(chances, key=lambda version: chances[version])
    if left is not None and left <= HARDLY and Proofs(known.contest, decided).may_be_beaten(best):
        left = None
    versions = tuple(Competitor(version=version, chance=round(chance, 6)) for version, chance in chances.items())
    told = {"value_remaining": left, "versions": versions}
    return replace(known, status=known.status.model_copy(update=told))
