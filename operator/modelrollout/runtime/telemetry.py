"""What the operator says of itself on /metrics: what it measured, what it made of it, and how well it works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from modelrollout.adapters.exposition import Family, Histogram, page
from modelrollout.api.status import Status
from modelrollout.runtime.shown import Shown
from modelrollout.runtime.world import Key

DURATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds. Of passes: most wait for the network only."""

DELAY_BOUNDS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0)
"""Seconds. From a scrape to a decision: what an alert is about lies between one and five."""


class Telemetry:
    """Collects, and renders when it is asked."""

    def __init__(self) -> None:
        self._shown = Shown()
        self._passes: Counter[str] = Counter()
        self._writes: Counter[str] = Counter()
        self._durations = Histogram(DURATION_BOUNDS)
        self._delays = Histogram(DELAY_BOUNDS)
        self._stalls = Histogram(DURATION_BOUNDS)
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def passed(self, outcome: str, seconds: float) -> None:
        """A pass ended: done, gone, conflict or failed."""
        self._passes[outcome] += 1
        self._durations.add(seconds)

    def judged(self, seconds: float) -> None:
        """A new sample was judged by, so long after it was scraped."""
        self._delays.add(seconds)

    def stalled(self, seconds: float) -> None:
        """So long nothing else could happen than one step of the event loop."""
        self._stalls.add(seconds)

    def wrote(self, what: str) -> None:
        """Something was written to the API server."""
        self._writes[what] += 1

    @property
    def statuses(self) -> Mapping[Key, Status]:
        """The newest status of each rollout that has a trial, as a pass has seen it, or the first listing."""
        return self._shown.trials

    def saw(self, key: Key, status: Status) -> None:
        """The newest status of a rollout."""
        self._shown.show(key, status)

    def forget(self, key: Key) -> None:
        """The rollout is gone."""
        self._shown.forget(key)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A value that is read when it is asked for."""
        self._gauges[name] = (text, read)

    def render(self) -> str:
        """The page. It may be rendered in another thread: with thousands of rollouts it takes a while."""
        return page(self.families())

    def families(self) -> Iterator[Family]:
        """All of it, as it is now."""
        passes = [("", {"outcome": name}, float(count)) for name, count in sorted(self._passes.copy().items())]
        writes = [("", {"object": name}, float(count)) for name, count in sorted(self._writes.copy().items())]
        yield "modelrollout_passes_total", "counter", "Passes over a rollout, by how they ended.", passes
        yield "modelrollout_api_writes_total", "counter", "Writes to the API server, by what was written.", writes
        durations = list(self._durations.rows("modelrollout_pass_duration_seconds", {}))
        yield "modelrollout_pass_duration_seconds", "histogram", "How long a pass took.", durations
        delays = list(self._delays.rows("modelrollout_sample_delay_seconds", {}))
        yield "modelrollout_sample_delay_seconds", "histogram", "From a scrape to the decision that used it.", delays
        stalls = list(self._stalls.rows("modelrollout_loop_delay_seconds", {}))
        yield (
            "modelrollout_loop_delay_seconds",
            "histogram",
            "By how much everything is late, twenty times a second.",
            stalls,
        )
        for name, (text, read) in self._gauges.items():
            yield name, "gauge", text, [("", {}, read())]
        yield from self._shown.families()
