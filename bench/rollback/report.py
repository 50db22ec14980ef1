"""The rollback benchmark's section of the results, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.rollback.measures import Run, percentile

ROWS: tuple[tuple[str, Callable[[Run], float], str], ...] = (
    ("first bad answer -> **last bad answer at the gateway**", lambda run: run.last_bad, "p50 <= 5 s, p95 <= 8 s"),
    ("bad answers served", lambda run: run.bad_answers, "p50 <= 25"),
    ("first bad answer -> route without the candidate in the API server", lambda run: run.route_written, ""),
    ("the operator's own share: scrape that decided -> that route", lambda run: run.decided_after, ""),
    ("that route -> last answer by the candidate (live in Envoy)", lambda run: run.live_after, ""),
    ("failed answers that were not the candidate's", lambda run: run.other_failures, "0"),
)
INTRODUCTION = """\
{runs} rollbacks. Candidate at 20 % of 100 requests/s, scrape interval 2 s, metric errors, alpha 1 %; then 20 % of the
candidate's answers turn into HTTP 500, at a moment drawn at random. Times in seconds, as seen by the clients; "in the
API server" is when a watch reported it. A judge that needs two whole scrapes to be sure needs 2 to 4 s.
"""


def section(runs: Sequence[Run]) -> str:
    """The table."""
    lines = [
        INTRODUCTION.format(runs=len(runs)),
        "| what | min | p50 | p95 | max | goal |",
        "|---|---|---|---|---|---|",
    ]
    for title, value, goal in ROWS:
        values = [value(run) for run in runs]
        shown = [min(values), percentile(values, 0.5), percentile(values, 0.95), max(values)]
        lines.append(f"| {title} | " + " | ".join(f"{number:.3g}" for number in shown) + f" | {goal} |")
    return "\n".join(lines) + "\n"
