"""What the metrics say of the candidate: a bar towards each bound, the counts, and the odds with their interval."""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.api.status import MetricStatus, Ratio, Side, Status
from modelrollout.cli.text import Line, Span, Style, bar, lasting, line, number, percent, towards

EVIDENCE_BAR = 20
VERDICT_STYLE = {
    "Pass": Style.GOOD,
    "Fail": Style.BAD,
    "Blind": Style.WARN,
    "Invalid": Style.BAD,
    "NoTraffic": Style.WARN,
}

SPEAK_FOR_THEMSELVES = ("Pass", "Undecided")
"""Verdicts whose message only repeats the numbers below it."""


def evidence_lines(status: Status, now: float) -> list[Line]:
    """One block of lines for each metric; of the last release when none is under way."""
    metrics = [item for item in status.analysis if status.release is not None or _has_counts(item)]
    if not metrics:
        return []
    title = "Evidence" if status.release is not None else "Evidence of the last release"
    width = max(len(item.metric) for item in metrics)
    lines = [line(Span(title, Style.TITLE))]
    for item in metrics:
        lines += _metric_lines(item, width, now if status.release is not None else None)
    return lines


def _metric_lines(item: MetricStatus, width: int, now: float | None) -> Iterator[Line]:
    """``now`` None: the sample's age says nothing any more."""
    indent = " " * (width + 4)
    age = f"  sampled {lasting(now - item.last_sample_at)} ago" if now is not None and item.last_sample_at else ""
    verdict = Span(item.verdict, VERDICT_STYLE.get(item.verdict, Style.PLAIN))
    yield line(f"  {item.metric.ljust(width)}  ", verdict, Span(age, Style.FAINT))
    if item.message and not (_has_counts(item) and item.verdict in SPEAK_FOR_THEMSELVES):
        yield line(indent, item.message)
    if not _has_counts(item):
        return
    # The bar is the metric's own part, so that a person sees which one it is; the bound is for all parts together.
    together = f" (all together {number(item.evidence)})" if number(item.part) != number(item.evidence) else ""
    yield line(indent, "worse       ", *_bound(item.part, item.needed, Style.BAD), together)
    yield line(indent, "not worse   ", *_bound(item.proven, item.proven_needed, Style.GOOD))
    yield line(indent, f"candidate   {counts(item.candidate)}")
    yield line(indent, f"stable      {counts(item.stable)}")
    if odds := odds_ratio(item.ratio):
        yield line(indent, f"odds        {odds}")


def _has_counts(item: MetricStatus) -> bool:
    """Whether there is anything to draw: at least one request."""
    return item.candidate.requests + item.stable.requests > 0


def _bound(evidence: float, needed: float, style: Style) -> Line:
    return (*bar(towards(evidence, needed), EVIDENCE_BAR, style), Span(f"  {number(evidence)} of {number(needed)}"))


def counts(side: Side) -> str:
    """``8 bad of 7,301 (0.11 %)``."""
    return f"{side.bad:,} bad of {side.requests:,} ({percent(side.bad, side.requests)})"


def odds_ratio(ratio: Ratio) -> str:
    """The candidate's odds of a bad answer as a multiple of stable's, as far as they are known; or nothing."""
    if ratio.low is None and ratio.high is None:
        interval = ""
    elif ratio.high is None:
        interval = f"at least {number(ratio.low or 0.0)}"
    else:
        interval = f"{number(ratio.low or 0.0)} to {number(ratio.high)}"
    if ratio.estimate is None:
        return f"{interval} times stable's" if interval else ""
    return f"{number(ratio.estimate)} times stable's" + (f" ({interval})" if interval else "")
