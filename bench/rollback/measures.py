"""What one run of the rollback benchmark gives, and what many runs say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil

from e2e.client import Answer

Routes = Sequence[tuple[float, Mapping[str, int]]]


@dataclass(frozen=True, slots=True)
class Run:
    """One rollback. Times in seconds since the first bad answer, except the two shares at the end.

    ``last_bad`` is when the last bad answer came to a client; ``route_written`` when the API server told of the route
    without the candidate. ``decided_after`` is the operator's own share: from the scrape that decided to that write.
    ``live_after`` is Envoy's: from that write to the last answer by the candidate.
    """

    last_bad: float
    bad_answers: int
    other_failures: int
    route_written: float
    decided_after: float
    live_after: float

    def to_json(self) -> dict[str, float]:
        """As plain numbers."""
        return asdict(self)


def measure(answers: Sequence[Answer], routes: Routes, candidate: str, decisive_scrape: float) -> Run:
    """One run from what clients got and what the API server told.

    Raises ValueError when no bad answer was served: then nothing was measured.
    """
    bad = [answer for answer in answers if answer.failed and answer.version == candidate]
    if not bad:
        raise ValueError("no bad answer came from the candidate")
    first = min(answer.at + answer.seconds for answer in bad)
    last = max(answer.at + answer.seconds for answer in bad)
    written = next((at for at, weights in routes if at >= first and not weights.get(candidate)), None)
    if written is None:
        raise ValueError(f"{candidate} was taken out of traffic before its first bad answer: for another reason")
    last_answer = max(answer.at for answer in answers if answer.version == candidate)
    return Run(
        last_bad=last - first,
        bad_answers=len(bad),
        other_failures=sum(answer.failed and answer.version != candidate for answer in answers),
        route_written=written - first,
        decided_after=written - decisive_scrape,
        live_after=max(0.0, last_answer - written),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
