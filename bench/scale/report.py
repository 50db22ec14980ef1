"""The section of the results, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.scale.measures import While

Row = tuple[str, str, str]
_DELAY = "modelrollout_sample_delay_seconds"


def cost_rows(title: str, cost: While) -> Iterator[Row]:
    """CPU, memory, requests and queries."""
    yield f"{title}: processor time", f"{cost.cpu:.1f} s/min", "<= 10 s/min"
    others = ", ".join(f"{name} {spent:.0f}" for name, spent in cost.others.items())
    yield f"{title}: that of the others, s/min", others, ""
    yield f"{title}: memory, the most in {cost.seconds:.0f} s", f"{cost.memory:.0f} MiB", "<= 120 MiB"
    most = ", ".join(f"{count:.1f} {name}" for name, count in list(cost.requests.items())[:4])
    yield f"{title}: requests to the API server", f"{cost.all_requests:.1f}/s ({most})", "<= 25/s"
    yield f"{title}: queries", f"{cost.queries:.2f}/s", "<= 1/s"
    yield from delay_rows(title, cost)


def delay_rows(title: str, cost: While) -> Iterator[Row]:
    """How long after its scrape a sample was judged by, as the operator counts it, and how many were."""
    buckets = sorted(
        (float(name.partition('le="')[2].partition('"')[0]), count)
        for name, count in cost.own.items()
        if name.startswith(f"{_DELAY}_bucket")
    )
    everyone = cost.own.get(f"{_DELAY}_count", 0.0)
    if everyone:
        within = next((bound for bound, count in buckets if count >= 0.99 * everyone), float("inf"))
        yield f"{title}: scrape -> decision, p99", f"<= {within:g} s", "<= 1 s"
        yield f"{title}: samples judged by", f"{everyone:.0f} in {cost.seconds:.0f} s", ""


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
