"""What the metrics say of each version under trial: a bar towards each bound, the counts, the odds with their interval,
and how much of the chance of a false rollback is left to spend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from modelrollout.api.metric_status import MetricStatus, Ratio, Side
from modelrollout.api.status import Arm, Status, Trial
from modelrollout.cli.render_route import split_words
from modelrollout.cli.text import Line, Span, Style, bar, lasting, line, number, percent, towards
from modelrollout.core.judge.splits import counted, judged
from modelrollout.resource.spec import Spec

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


@dataclass(frozen=True, slots=True)
class Group:
    """The tests of one version among the same people's requests. ``title`` tells them from others, ``instead`` is said
    where there is nothing to draw."""

    title: str
    tests: tuple[MetricStatus, ...]
    instead: str = ""


def evidence_lines(status: Status, spec: Spec | None, now: float) -> list[Line]:
    """One block of lines for each metric of each version under trial; of the last release when none is under way."""
    if status.trial is None:
        return _last_lines(status)
    title = line(Span("Evidence", Style.TITLE), Span(f"  {alpha_words(status.trial)}", Style.FAINT))
    return _drawn(title, [group for arm in status.arms for group in _of_arm(status, spec, arm)], now)


def _last_lines(status: Status) -> list[Line]:
    """The verdicts on the version whose release ended last."""
    version = f"  {status.history[-1].version}" if status.history else ""
    title = line(Span("Evidence of the last release", Style.TITLE), Span(version, Style.FAINT))
    return _drawn(title, groups([item for item in status.last_analysis if has_counts(item)]), None)


def _of_arm(status: Status, spec: Spec | None, arm: Arm) -> Iterator[Group]:
    """The groups of one version, named by it where there are several."""
    for group in groups(asked(status, spec, arm)):
        names = ([arm.version] if len(status.arms) > 1 else []) + ([group.title] if group.title else [])
        counting = group.tests[0].split in judged_splits(status, arm)
        yield replace(group, title=", ".join(names), instead="" if counting else _instead(group.tests))


def _instead(tests: Sequence[MetricStatus]) -> str:
    """What is said of requests among which a version is not judged now. That nothing can be seen is said anyway."""
    if any(has_counts(item) or item.verdict != "Undecided" for item in tests):
        return ""
    return "counting is over" if any(item.state for item in tests) else "counting has not begun"


def asked(status: Status, spec: Spec | None, arm: Arm) -> tuple[MetricStatus, ...]:
    """The tests that the spec asks for. Those of a metric that was taken out of it are kept, and say nothing new."""
    if spec is None:
        return arm.metrics
    names, splits = {metric.name for metric in spec.analysis.guardrails}, counted(spec, status.trial)
    return tuple(item for item in arm.metrics if item.metric in names and item.split in splits)


def asked_now(status: Status, spec: Spec | None, arm: Arm) -> tuple[MetricStatus, ...]:
    """Of these, the tests among the requests that count just now."""
    splits = judged_splits(status, arm)
    return tuple(item for item in asked(status, spec, arm) if item.split in splits)


def judged_splits(status: Status, arm: Arm) -> tuple[str, ...]:
    """The splits in which a version is judged now; before its first share that in which it will be."""
    trial = status.trial
    if trial is None or status.stable is None:
        return ()
    return judged(trial.route, arm.version, status.stable.version, trial.audience) or (trial.audience,)


def groups(tests: Sequence[MetricStatus]) -> list[Group]:
    """The tests by split; named where there is more than one."""
    splits = list(dict.fromkeys(item.split for item in tests))
    return [
        Group(split_words(split) if len(splits) > 1 else "", tuple(item for item in tests if item.split == split))
        for split in splits
    ]


def alpha_words(trial: Trial) -> str:
    """``chance of a false rollback: 0.87 of 1 % left``."""
    left, total = number(100 * trial.alpha.left), number(100 * trial.alpha.total)
    return f"chance of a false rollback: {left} of {total} % left"


def _drawn(title: Line, found: Sequence[Group], now: float | None) -> list[Line]:
    """``now`` None: a sample's age says nothing any more."""
    if not found:
        return []
    width = max(len(item.metric) for group in found for item in group.tests)
    lines = [title]
    named = len(found) > 1
    for group in found:
        if named:
            lines.append(line(f"  {group.title}", Span(f"  {group.instead}", Style.FAINT)))
        for item in () if named and group.instead else group.tests:
            lines += _metric_lines(item, width, "    " if named else "  ", now)
    return lines


def _metric_lines(item: MetricStatus, width: int, margin: str, now: float | None) -> Iterator[Line]:
    indent = f"{margin}{' ' * (width + 2)}"
    age = f"  sampled {lasting(now - item.last_sample_at)} ago" if now is not None and item.last_sample_at else ""
    verdict = Span(item.verdict, VERDICT_STYLE.get(item.verdict, Style.PLAIN))
    yield line(f"{margin}{item.metric.ljust(width)}  ", verdict, Span(age, Style.FAINT))
    if item.message and not (has_counts(item) and item.verdict in SPEAK_FOR_THEMSELVES):
        yield line(indent, item.message)
    if not has_counts(item):
        return
    # The bar is the metric's own part, so that a person sees which one it is; the bound is for all parts together.
    together = f" (all together {number(item.evidence)})" if number(item.part) != number(item.evidence) else ""
    yield line(indent, "worse       ", *_bound(item.part, item.needed, Style.BAD), together)
    yield line(indent, "not worse   ", *_bound(item.proven, item.proven_needed, Style.GOOD))
    yield line(indent, f"candidate   {counts(item, item.candidate)}")
    yield line(indent, f"stable      {counts(item, item.stable)}")
    if odds := odds_ratio(item.ratio.of_good if item.counts_good else item.ratio):
        yield line(indent, f"odds        {odds}")


def has_counts(item: MetricStatus) -> bool:
    """Whether there is anything to draw: at least one request."""
    return item.candidate.requests + item.stable.requests > 0


def _bound(evidence: float, needed: float, style: Style) -> Line:
    return (*bar(towards(evidence, needed), EVIDENCE_BAR, style), Span(f"  {number(evidence)} of {number(needed)}"))


def counts(item: MetricStatus, side: Side) -> str:
    """``8 bad of 7,301 (0.11 %)``; of a metric that counts what is good, ``38 of 320 (11.9 %)``."""
    counted = item.counted(side)
    return f"{counted:,}{'' if item.counts_good else ' bad'} of {side.requests:,} ({percent(counted, side.requests)})"


def odds_ratio(ratio: Ratio) -> str:
    """The candidate's odds as a multiple of stable's, as far as they are known; or nothing."""
    if ratio.low is None and ratio.high is None:
        interval = ""
    elif ratio.high is None:
        interval = f"at least {number(ratio.low or 0.0)}"
    else:
        interval = f"{number(ratio.low or 0.0)} to {number(ratio.high)}"
    if ratio.estimate is None:
        return f"{interval} times stable's" if interval else ""
    return f"{number(ratio.estimate)} times stable's" + (f" ({interval})" if interval else "")
