"""What ``modelrollout simulate`` prints for people, as lines of text. Pure: the same release gives the same lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelrollout.api.base import format_duration
from modelrollout.cli.text import Line, Span, Style, columns, line, number
from modelrollout.simulation.decisions import Decision, Ending
from modelrollout.simulation.runs import Share
from modelrollout.simulation.scenario import Scenario

MOVE_STYLE = {"Promote": Style.GOOD, "Rollback": Style.BAD, "Hold": Style.FAINT}
OUTCOME_STYLE = {"Promoted": Style.GOOD, "RolledBack": Style.BAD}


def head_line(scenario: Scenario, seed: int) -> Line:
    """What is played."""
    return line(
        Span(f"{scenario.spec.model.name} {scenario.candidate}", Style.TITLE),
        f" against {scenario.stable}, a sample every {format_duration(scenario.scrape_interval)}, "
        f"for {format_duration(scenario.duration)} at most, seed {seed}",
    )


def table_line(scenario: Scenario, decision: Decision) -> Line:
    """One decision: when, the phase and the candidate's weight after it, what it was, and why."""
    weight = decision.weights[scenario.candidate]
    return line(
        f"{format_duration(round(decision.at, 2)):>10}  {decision.phase.value:<11}  {weight:>3} %  ",
        Span(f"{decision.move:<8}", MOVE_STYLE.get(decision.move, Style.PLAIN)),
        f"  {decision.reason}",
    )


def end_lines(scenario: Scenario, last: Decision, end: Ending) -> list[Line]:
    """The verdicts as they stood at the last decision, unless its own words have them, and the outcome."""
    counted = [item for item in last.verdicts if item.candidate.requests and item.message not in last.reason]
    verdicts = [line(f"{item.verdict:>10}  {item.message}") for item in counted]
    served = f"{number(end.requests)} answers by {scenario.candidate}, {number(end.bad_served)} of them bad"
    return [
        *verdicts,
        line(
            Span(end.outcome, OUTCOME_STYLE.get(end.outcome, Style.WARN)),
            f" after {format_duration(round(end.at, 2))}: {served}",
        ),
    ]


def runs_lines(scenario: Scenario, seeds: range, shares: Mapping[str, Share]) -> list[Line]:
    """How often which outcome, with the limits that so many runs allow."""
    head = f"{scenario.spec.model.name} {scenario.candidate} against {scenario.stable}: "
    count = f"{len(seeds)} releases, seeds {seeds[0]} to {seeds[-1]}"
    rows: list[tuple[str, ...]] = [
        ("outcome", "runs", "share", "95 % limits", "ended, median", "p95", "bad answers, median", "p95")
    ]
    rows += [_row(outcome, share) for outcome, share in shares.items()]
    return [line(Span(head, Style.TITLE), count), *(line(text) for text in _table(rows))]


def _row(outcome: str, share: Share) -> tuple[str, ...]:
    return (
        outcome,
        f"{share.runs}",
        f"{100 * share.share:.1f} %",
        f"{100 * share.low:.2f} % to {100 * share.high:.2f} %",
        format_duration(round(share.at[0], 2)),
        format_duration(round(share.at[1], 2)),
        number(share.bad_served[0]),
        number(share.bad_served[1]),
    )


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    return columns(rows)
