"""Ticks for tests: as strategies, and as plain lists."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from modelrollout.core.evidence import Count, EvidenceSettings, MetricEvidence, Tick

SCRAPE = 5.0


def counts(most: int = 400) -> st.SearchStrategy[Count]:
    """Any count of up to so many answers; few bad ones as often as many."""
    few = st.tuples(st.integers(0, 5), st.integers(0, most))
    any_part = st.tuples(st.integers(0, most), st.integers(0, most))
    return st.one_of(few, any_part).map(lambda pair: Count(min(pair), max(pair)))


def pairs(most: int = 400, length: int = 12) -> st.SearchStrategy[list[tuple[Count, Count]]]:
    """Counts of candidate and stable, tick by tick."""
    return st.lists(st.tuples(counts(most), counts(most)), max_size=length)


def ticks_of(pairs: Sequence[tuple[Count, Count]], start: float = 0.0) -> list[Tick]:
    """The ticks of these counts, a scrape apart."""
    return [Tick(start + SCRAPE * (i + 1), c, s) for i, (c, s) in enumerate(pairs)]


def after_all(ticks: Sequence[Tick], evidence: MetricEvidence | None = None, **settings: Any) -> MetricEvidence:
    """The evidence after all of them."""
    evidence = evidence or MetricEvidence.start("errors", 0.0, EvidenceSettings(**settings))
    for tick in ticks:
        evidence = evidence.after(tick)
    return evidence


settings_of_a_metric = st.builds(
    EvidenceSettings,
    alpha=st.sampled_from([0.01, 0.001, 0.1]),
    share=st.sampled_from([1.0, 0.5, 0.25]),
    margin=st.sampled_from([1.0, 1.1, 2.0]),
    floor=st.sampled_from([0.0, 0.001, 0.05]),
    limit=st.sampled_from([None, None, 0.01]),
    overdispersion=st.sampled_from([1.0, 1.7, 20.0]),
    planned_ticks=st.sampled_from([1, 10, 360]),
    record=st.sampled_from([None, 0.01]),
)
