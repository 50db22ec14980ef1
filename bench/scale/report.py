"""The section of the results, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.scale.measures import While

Row = tuple[str, str, str]
_DELAY, _STALL = "modelrollout_sample_delay_seconds", "modelrollout_loop_delay_seconds"
_LONGEST_STEP = 0.05  # seconds, of the event loop


@dataclass(frozen=True, slots=True)
class Goals:
    """At most so much: seconds of processor time a minute, MiB, and requests and queries a second."""

    cpu: float
    memory: float
    requests: float
    queries: float = 1.0


RELEASING = Goals(10, 120, 25)  # 500 at one time
MANY = Goals(15, 150, 50)  # 5,000 at rest besides


def cost_rows(title: str, cost: While, goals: Goals) -> Iterator[Row]:
    """CPU, memory, requests and queries."""
    yield f"{title}: processor time", f"{cost.cpu:.1f} s/min", f"<= {goals.cpu:g} s/min"
    others = ", ".join(f"{name} {spent:.0f}" for name, spent in cost.others.items())
    yield f"{title}: that of the others, s/min", others, ""
    yield f"{title}: memory, the most in {cost.seconds:.0f} s", f"{cost.memory:.0f} MiB", f"<= {goals.memory:g} MiB"
    most = ", ".join(f"{count:.1f} {name}" for name, count in list(cost.requests.items())[:4])
    yield f"{title}: requests to the API server", f"{cost.all_requests:.1f}/s ({most})", f"<= {goals.requests:g}/s"
    yield f"{title}: queries", f"{cost.queries:.2f}/s", f"<= {goals.queries:g}/s"
    yield from delay_rows(title, cost)
    yield from step_rows(title, cost)


def delay_rows(title: str, cost: While) -> Iterator[Row]:
    """How long after its scrape a sample was judged by, as the operator counts it, and how many were."""
    buckets, everyone = buckets_of(_DELAY, cost)
    if everyone:
        within = next((bound for bound, count in buckets if count >= 0.99 * everyone), float("inf"))
        yield f"{title}: scrape -> decision, p99", f"<= {within:g} s", "<= 1 s"
        yield f"{title}: samples judged by", f"{everyone:.0f} in {cost.seconds:.0f} s", ""


def step_rows(title: str, cost: While) -> Iterator[Row]:
    """How long everything waits for one step of the event loop, as the operator counts it twenty times a second."""
    buckets, everyone = buckets_of(_STALL, cost)
    if everyone:
        short = max((count for bound, count in buckets if bound <= _LONGEST_STEP), default=0.0)
        longest = next((bound for bound, count in buckets if count >= everyone), float("inf"))
        found = f"{everyone - short:.0f} of {everyone:.0f}, the longest <= {longest:g} s"
        yield f"{title}: the event loop was late by more than 50 ms", found, "0"


def buckets_of(name: str, cost: While) -> tuple[list[tuple[float, float]], float]:
    """A histogram of the operator's: how many were within each bound, rising, and all of them."""
    buckets = sorted(
        (float(sample.partition('le="')[2].partition('"')[0]), count)
        for sample, count in cost.own.items()
        if sample.startswith(f"{name}_bucket")
    )
    return buckets, cost.own.get(f"{name}_count", 0.0)


def fault_rows(title: str, times: Sequence[float]) -> Iterator[Row]:
    """From the beginning of a fault to weight 0."""
    if times:
        middle = sorted(times)[len(times) // 2]
        found = f"p50 {middle:.1f} s, max {max(times):.1f} s of {len(times)}"
        yield f"{title}: fault -> weight 0", found, "p50 <= 12 s, max <= 16 s"


def table(rows: Sequence[Row]) -> str:
    """All rows."""
    lines = ["| what | measured | goal |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {measured} | {goal} |" for what, measured, goal in rows)]) + "\n"
