"""Who earns more in a test: a bar for each version's rate with its interval, all on one scale, and how sure it is that
the one that leads is better than the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelrollout.api.base import format_amount
from modelrollout.api.contest_status import Competitor, ContestStatus, Gain, ValueStatus
from modelrollout.api.status import Status
from modelrollout.cli.render_route import split_words
from modelrollout.cli.text import Line, Span, Style, bar, lasting, line, number, percent, towards

RATE_BAR = 32
EVIDENCE_BAR = 20


def contest_lines(status: Status, now: float) -> list[Line]:
    """The versions of the test under way, the best first, in each segment for itself; of the last one when none is."""
    trial = status.trial
    contest = trial.contest if trial is not None else status.last_contest
    segments = trial.segments if trial is not None else status.last_segments
    if contest is None or not contest.versions:
        return []
    told = [*segments, contest]
    lines = [text for item in told for text in _one(item, now, is_over=trial is None, alone=not segments)]
    return lines + value_lines(trial.value if trial is not None else None, contest.largest)


def value_lines(value: ValueStatus | None, largest: float | None) -> list[Line]:
    """What shares by segment were worth, once that can be told; ``largest`` is that of rewards of any size."""
    if value is None or value.ran is None:
        return []
    ran = value.ran.value
    told = f"  {100 * ran:.3g} % of the requests rewarded" if largest is None else f"  {ran:.4g} for each request"
    beside = (("equal shares", value.over_equal), ("one version for everybody", value.over_one))
    gains = [
        line(f"  than {other.ljust(25)}  {gain_words(gain, largest)}") for other, gain in beside if gain is not None
    ]
    return [line(Span("Value of the segments", Style.TITLE), told), *gains]


def gain_words(gain: Gain, largest: float | None) -> str:
    """``3.93 points more, between 3.51 and 4.36``: of a hundred requests, so many more were rewarded."""
    unit, words = (100.0, " points") if largest is None else (1.0, "")
    value, low, high = (unit * part for part in (gain.value, gain.low, gain.high))
    return f"{value:.3g}{words} more, between {low:.3g} and {high:.3g}"


def _one(contest: ContestStatus, now: float, *, is_over: bool, alone: bool) -> list[Line]:
    age = f", sampled {lasting(now - contest.last_sample_at)} ago" if not is_over and contest.last_sample_at else ""
    last = " of the last test" if is_over else ""
    split = "" if alone else f" of {split_words(contest.split)}"
    late = "" if contest.reward_delay is None else f", {lasting(contest.reward_delay)} late on average"
    title = line(Span(f"Reward{last}", Style.TITLE), Span(f"  {contest.metric}{split}{late}{age}", Style.FAINT))
    why = contest.trouble or contest.skewed
    warned = [line("  ", Span(why, Style.WARN))] if why else []
    told = contest.unproven or contest.doubted
    unproven = [line("  ", Span(told, Style.FAINT))] if told and not is_over else []
    return [title, *warned, *unproven, *_rates(contest), *_evidence(contest)]


def ranked(contest: ContestStatus) -> list[Competitor]:
    """By how much evidence there is that each is the best; by what they earned where there is none."""
    return sorted(contest.versions, key=lambda item: (-lead(item), -(item.rate or 0.0), item.version))


def lead(version: Competitor) -> float:
    """Evidence that it is better than each of the others: the least."""
    return min(version.against.values(), default=0.0)


def _rates(contest: ContestStatus) -> Iterator[Line]:
    told = ranked(contest)
    width = max(len(item.version) for item in told)
    shares = [f"{contest.shares[item.version]} %" if item.version in contest.shares else "" for item in told]
    longest = max(5, *map(len, shares))
    known = [item for item in told if item.requests]
    low, high = min((item.low for item in known), default=0.0), max((item.high for item in known), default=1.0)
    for item, share in zip(told, shares, strict=True):
        name = f"  {item.version.ljust(width)}  {share.rjust(longest)}  "
        counts, within = earned(item, contest.largest)
        yield line(name, Span(interval_bar(item, low, high)), f"  {counts}", Span(within, Style.FAINT))


def earned(item: Competitor, largest: float | None) -> tuple[str, str]:
    """What a version has earned, and where its true rate lies: in percent, or where a reward may be anything up to a
    largest one, in its own unit."""
    if largest is None:
        counts = f"{item.rewards:,.0f} of {item.compared:,} ({percent(item.rewards, item.compared)})"
        return counts, f", between {100 * item.low:.3g} and {100 * item.high:.3g} %" if item.compared else ""
    if not item.compared:
        return "0 requests", ""
    return (
        f"{format_amount(item.rate or 0.0)} for each of {item.compared:,}",
        f", between {format_amount(item.low)} and {format_amount(item.high)}",
    )


def interval_bar(item: Competitor, low: float, high: float) -> str:
    """``···──●───····``: where the true rate lies, on a scale from ``low`` to ``high``, and the rate that was seen."""
    if not item.compared or high <= low:
        return "·" * RATE_BAR

    def place(rate: float) -> int:
        return min(RATE_BAR - 1, max(0, int((rate - low) / (high - low) * RATE_BAR)))

    first, last = place(item.low), place(item.high)
    cells = ["─" if first <= index <= last else "·" for index in range(RATE_BAR)]
    cells[place(item.rate or 0.0)] = "●"
    return "".join(cells)


def _evidence(contest: ContestStatus) -> Iterator[Line]:
    """How far the leader is from having won, and all of them from being proven alike."""
    told: Sequence[Competitor] = [item for item in ranked(contest) if item.requests]
    if len(told) < 2:
        return
    first = told[0]
    width = len(f"{first.version} is the best")
    best = (*bar(towards(lead(first), contest.needed), EVIDENCE_BAR, Style.GOOD), Span(f"  {number(lead(first))}"))
    alike = (*bar(towards(contest.alike, contest.alike_needed), EVIDENCE_BAR), Span(f"  {number(contest.alike)}"))
    yield line("  ", f"{first.version} is the best  ", *best, f" of {number(contest.needed)}")
    yield line("  ", f"{'no difference'.ljust(width)}  ", *alike, f" of {number(contest.alike_needed)}")
