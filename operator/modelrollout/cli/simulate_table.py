"""What ``modelrollout simulate`` prints for people, as lines of text. Pure: the same release gives the same lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelrollout.api.base import format_duration
from modelrollout.api.route import EVERYBODY
from modelrollout.api.status import Phase
from modelrollout.cli.render_contest import value_lines
from modelrollout.cli.text import Line, Span, Style, columns, line, number
from modelrollout.simulation.decisions import Decision, Ending, Judged
from modelrollout.simulation.runs import Share
from modelrollout.simulation.scenario import Scenario

MOVE_STYLE = {"Promote": Style.GOOD, "Rollback": Style.BAD, "Hold": Style.FAINT}
OUTCOME_STYLE = {"Promoted": Style.GOOD, "Kept": Style.GOOD, "RolledBack": Style.BAD}


def arms(scenario: Scenario) -> str:
    """The versions under trial, in words."""
    return " and ".join(scenario.cast.arms)


def head_line(scenario: Scenario, seed: int) -> Line:
    """What is played."""
    return line(
        Span(f"{scenario.spec.model.name} {arms(scenario)}", Style.TITLE),
        f" against {scenario.stable}, a sample every {format_duration(scenario.scrape_interval)}, "
        f"for {format_duration(scenario.duration)} at most, seed {seed}",
    )


def table_line(scenario: Scenario, decision: Decision) -> Line:
    """One decision: when, the phase and the weights after it, what it was, and why."""
    return line(
        f"{format_duration(round(decision.at, 2)):>10}  {decision.phase.value:<11}  {weights(scenario, decision)}  ",
        Span(f"{decision.move:<8}", MOVE_STYLE.get(decision.move, Style.PLAIN)),
        f"  {decision.reason}",
    )


def weights(scenario: Scenario, decision: Decision) -> str:
    """Percent of each arm; where some requests come first, with the split that it is of, and of every segment where
    there are some."""
    if scenario.spec.segments and len(decision.splits) > 1:
        return "; ".join(f"{split} {_percents(scenario, shares)}" for split, shares in decision.splits.items())
    numbers = _percents(scenario, decision.weights)
    return f"{numbers} % {decision.audience:<{len(EVERYBODY)}}" if scenario.spec.traffic.match else f"{numbers} %"


def _percents(scenario: Scenario, shares: Mapping[str, float]) -> str:
    return ", ".join(f"{shares.get(version, 0):>3}" for version in scenario.cast.arms)


def end_lines(scenario: Scenario, last: Decision, end: Ending) -> list[Line]:
    """The verdicts as they stand at the end, unless its own words have them, and the outcome."""
    told = [item for item in last.verdicts if speaks(item) and item.test.message not in last.reason]
    verdicts = [line(f"{item.test.verdict:>10}  {whose(scenario, item)}{item.test.message}") for item in told]
    served = f"{number(end.requests)} answers by {arms(scenario)}, {number(end.bad_served)} of them bad"
    stands = f"; {end.stands}" if end.stands else ""
    return [
        *verdicts,
        *value_lines(last.value, last.contest.largest if last.contest is not None else None),
        line(
            Span(end.told, OUTCOME_STYLE.get(end.outcome, Style.WARN)),
            f" after {format_duration(round(end.at, 2))}: {served}{stands}",
        ),
        *unapproved(scenario, last, end),
    ]


def unapproved(scenario: Scenario, last: Decision, end: Ending) -> list[Line]:
    """What goes on here where a release waits for a person: the command that its words name is one for a cluster."""
    if end.stands is None or last.phase is not Phase.AWAITING_APPROVAL or scenario.approve_after is not None:
        return []
    return [line("Nobody approves in a simulation; say --approve-after 10s, and it goes on 10s after it began to wait")]


def speaks(verdict: Judged) -> bool:
    """Whether a verdict has numbers, and not only the word that counting has not begun, or is over."""
    return verdict.test.candidate.requests > 0 and verdict.test.message.startswith(f"{verdict.test.metric}: ")


def whose(scenario: Scenario, verdict: Judged) -> str:
    """Which arm and whose requests a verdict is about, where that is not plain."""
    names = [verdict.version] if len(scenario.cast.arms) > 1 else []
    names += [verdict.test.split] if scenario.spec.traffic.match or scenario.spec.segments else []
    return f"{', '.join(names)}: " if names else ""


def runs_lines(scenario: Scenario, seeds: range, shares: Mapping[str, Share]) -> list[Line]:
    """How often which outcome, with the limits that so many runs allow."""
    head = f"{scenario.spec.model.name} {arms(scenario)} against {scenario.stable}: "
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
