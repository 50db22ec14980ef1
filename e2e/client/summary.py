"""Counts over answers, for the stories, the benchmarks and the client's own lines.

All times are seconds since the epoch. A window takes the requests that were *due* in it, `since <= at < until`.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from e2e.client.answer import Answer


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a number of requests. Latencies in milliseconds, NaN if nothing was answered."""

    requests: int
    failed: int
    not_finite: int
    versions: dict[str, int]
    p50: float
    p99: float

    def __str__(self) -> str:
        versions = ", ".join(f"{version} {count / self.requests:.1%}" for version, count in self.versions.items())
        return (
            f"{self.requests} requests, {self.failed} failed, {self.not_finite} not finite; {versions or 'no answers'};"
            f" p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms"
        )


def window(answers: Iterable[Answer], since: float = -math.inf, until: float = math.inf) -> list[Answer]:
    """The answers to the requests that were due between two times."""
    return [answer for answer in answers if since <= answer.at < until]


def summarize(answers: Sequence[Answer]) -> Summary:
    """The numbers of all these answers."""
    return Summary(
        requests=len(answers),
        failed=len(failures(answers)),
        not_finite=sum(not answer.finite for answer in answers),
        versions=dict(sorted(Counter(_version(answer) for answer in answers).items())),
        p50=latency(answers, 0.5),
        p99=latency(answers, 0.99),
    )


def failures(answers: Iterable[Answer]) -> list[Answer]:
    """Those that failed: HTTP 4xx or 5xx, no connection, no answer in time."""
    return [answer for answer in answers if answer.failed]


def shares(answers: Sequence[Answer]) -> dict[str, float]:
    """The share of the answers that each version gave, 0 to 1; `-` for answers that name none."""
    counts = Counter(_version(answer) for answer in answers)
    return {version: count / len(answers) for version, count in sorted(counts.items())}


def share(answers: Sequence[Answer], version: str) -> float:
    """The share of one version, 0 if it gave none."""
    return shares(answers).get(version, 0.0)


def latency(answers: Iterable[Answer], quantile: float) -> float:
    """A quantile (0 to 1) of the time to an answer in milliseconds, by nearest rank; requests without an answer
    count too."""
    times = sorted(answer.seconds for answer in answers)
    if not times:
        return math.nan
    return times[min(math.ceil(quantile * len(times)), len(times)) - 1 if quantile else 0] * 1000


def first_bad(answers: Iterable[Answer]) -> float | None:
    """When the first failed answer ended, None if none failed."""
    return min((answer.done_at for answer in failures(answers)), default=None)


def last_bad(answers: Iterable[Answer]) -> float | None:
    """When the last failed answer ended, None if none failed."""
    return max((answer.done_at for answer in failures(answers)), default=None)


def first_answer_of(answers: Iterable[Answer], version: str) -> float | None:
    """When the first answer of a version ended, None if it gave none."""
    return min((answer.done_at for answer in answers if answer.version == version), default=None)


def last_answer_of(answers: Iterable[Answer], version: str) -> float | None:
    """When the last answer of a version ended, None if it gave none."""
    return max((answer.done_at for answer in answers if answer.version == version), default=None)


def _version(answer: Answer) -> str:
    return answer.version or "-"
