"""People of a story, who come through the gateway and whose outcomes go to the reward gateway."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from e2e.client.people import People, Row, Visit
from e2e.cluster.target import Target
from e2e.harness.rollout import Rollout

RATE = 100.0  # requests a second


def people_of(
    target: Target,
    rollout: Rollout,
    models: Path,
    *,
    number: int = 60,
    keep: bool = False,
    rate: float = RATE,
    headers: Callable[[int], Mapping[str, str]] = lambda _: {},
    complain: float | None = None,
    mesh_host: str | None = None,
) -> People:
    """So many people, who keep cookies or not; ``headers`` are those of a request by the digit that it shows. They tell
    of all answers, or ``complain`` of wrong ones so many seconds later. ``mesh_host``: they ask by this name through a
    caller's side car, and not through the gateway."""
    rows = (models / "rows" / "digits.jsonl").read_text().splitlines()
    labels = json.loads((models / "rows" / "labels.json").read_text())
    sent = [Row(body.encode(), label, headers(label)) for body, label in zip(rows, labels, strict=True)]
    entrance = target.gateway_url if mesh_host is None else target.mesh_url
    url = f"{entrance}/v1/models/digits:predict"
    rewards = (target.gateway_url, f"rewards.{rollout.namespace}.example")
    return People(url, mesh_host or rollout.host, rewards, sent, rate=rate, number=number, keep=keep, complain=complain)


def versions_of(visits: Sequence[Visit]) -> dict[tuple[int, str], set[str]]:
    """The versions that answered each person in each epoch."""
    found: dict[tuple[int, str], set[str]] = defaultdict(set)
    for visit in visits:
        if visit.version is not None:
            found[visit.person, visit.epoch].add(visit.version)
    return dict(found)


def shares_of(visits: Sequence[Visit]) -> dict[str, float]:
    """The share of the answers that each version gave."""
    counts = Counter(visit.version for visit in visits if visit.version is not None)
    return {version: count / counts.total() for version, count in counts.items()}


def wait_for_visits(people: People, count: int, timeout: float = 60.0) -> None:
    """Until so many more answers have come. Raises AssertionError when they do not, ``timeout`` in seconds."""
    wanted, deadline = len(people.visits) + count, time.monotonic() + timeout
    while len(people.visits) < wanted:
        assert time.monotonic() < deadline, f"{len(people.visits)} of {wanted} answers after {timeout:.0f} s"
        time.sleep(0.05)
