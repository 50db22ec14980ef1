"""Evidence: sequential tests that are right however often one looks, and the verdicts that follow from them.

Counts come in as ticks, evidence is a value that grows (``evidence = evidence.after(tick)``), and goes to and from
the status without loss. Pure arithmetic with numpy: no clock, no input or output, no randomness.

    settings = EvidenceSettings(overdispersion=overdispersion(history)).shared_by(metrics=2)
    errors = MetricEvidence.start("errors", at=now, settings=settings)
    counters, tick = counters.after(sample, interval)
    if tick is not None:
        errors = errors.after(tick)
    verdicts = judge_all([errors, latency], now)
"""

from modelrollout.core.evidence.counters import Counters, RawSample
from modelrollout.core.evidence.counts import PARTS, BadCount, Count, MoreBadThanNew, Tick
from modelrollout.core.evidence.interval import Interval, OddsInterval, rate_interval
from modelrollout.core.evidence.metric import MetricEvidence
from modelrollout.core.evidence.non_inferiority import NonInferiority, stake_on_floor
from modelrollout.core.evidence.odds_ratio import OddsRatioEProcess
from modelrollout.core.evidence.outcome import Outcome, Trouble
from modelrollout.core.evidence.overdispersion import overdispersion
from modelrollout.core.evidence.rate import RateEProcess, rate_of_record
from modelrollout.core.evidence.release import Combined, combine, part_of
from modelrollout.core.evidence.sample_ratio import SampleRatio
from modelrollout.core.evidence.scrapes import Moments, Scraped, together
from modelrollout.core.evidence.sentence import OddsRatio, percent
from modelrollout.core.evidence.series_counters import SeriesCounters
from modelrollout.core.evidence.settings import EvidenceSettings
from modelrollout.core.evidence.verdict import Verdict, judge, judge_all

__all__ = [
    "PARTS",
    "BadCount",
    "Combined",
    "Count",
    "Counters",
    "EvidenceSettings",
    "Interval",
    "MetricEvidence",
    "Moments",
    "MoreBadThanNew",
    "NonInferiority",
    "OddsInterval",
    "OddsRatio",
    "OddsRatioEProcess",
    "Outcome",
    "RateEProcess",
    "RawSample",
    "SampleRatio",
    "Scraped",
    "SeriesCounters",
    "Tick",
    "Trouble",
    "Verdict",
    "combine",
    "judge",
    "judge_all",
    "overdispersion",
    "part_of",
    "percent",
    "rate_interval",
    "rate_of_record",
    "stake_on_floor",
    "together",
]
