"""The metrics page, as TensorFlow Serving's own Prometheus exporter prints it.

It keeps that exporter's oddities, because an operator that lives on these numbers has to live with them: names
that start with a colon, counters without `_total`, no HELP lines, series that are born with their first sample,
doubles cut to six digits, and a request latency that only ever sees successful requests. Thread safe.
"""

import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

LATENCY_LIMITS = tuple(10 * 1.8**power for power in range(33))  # microseconds, from 10 us to about 25 minutes
EXAMPLE_LIMITS = tuple(float(2**power) for power in range(15))


@dataclass(slots=True)
class Histogram:
    """Cells of one sampler with the same label values: a count for each limit and one beyond, and the sum."""

    buckets: list[int]
    sum: float = 0.0


@dataclass(slots=True)
class Metric:
    """One family: its path with slashes, its kind, its labels' names, and a cell for each set of label
    values."""

    path: str
    kind: str
    labels: tuple[str, ...]
    limits: tuple[float, ...] = ()
    cells: dict[tuple[str, ...], Histogram | int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.replace("/", ":")

    def lines(self) -> list[str]:
        """The family's TYPE line and its samples."""
        lines = [f"# TYPE {self.name} {self.kind}"]
        for values, cell in self.cells.items():
            labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(self.labels, values, strict=True))
            if isinstance(cell, Histogram):
                lines += self._histogram(labels, cell)
            else:
                lines.append(f"{self.name}{{{labels}}} {cell}")
        return lines

    def _histogram(self, labels: str, cell: Histogram) -> list[str]:
        total, lines, prefix = 0, [], f"{labels}," if labels else ""
        for limit, count in zip([*map(six_digits, self.limits), "+Inf"], cell.buckets, strict=True):
            total += count
            lines.append(f'{self.name}_bucket{{{prefix}le="{limit}"}} {total}')
        lines.append(f"{self.name}_sum{{{labels}}} {six_digits(cell.sum)}")
        return [*lines, f"{self.name}_count{{{labels}}} {total}"]


class Metrics:
    """All families of the server. The paths and labels are TensorFlow Serving's and TensorFlow's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        serving, loading = "/tensorflow/serving/", "/tensorflow/cc/saved_model/"
        latency = LATENCY_LIMITS
        self._families = {
            family.path: family
            for family in (
                Metric(serving + "request_count", "counter", ("model_name", "status")),
                Metric(serving + "request_latency", "histogram", ("model_name", "API", "entrypoint"), latency),
                Metric(serving + "runtime_latency", "histogram", ("model_name", "API", "runtime"), latency),
                Metric(serving + "request_example_counts", "histogram", ("model",), EXAMPLE_LIMITS),
                Metric(serving + "request_example_count_total", "counter", ("model",)),
                Metric(serving + "model_warmup_latency", "histogram", ("model_path", "status"), latency),
                Metric(serving + "model_warmup_records_read", "counter", ("model_path", "status")),
                Metric(serving + "mlmd_map", "gauge", ("model_name", "version")),
                Metric(loading + "load_attempt_count", "counter", ("model_path", "status")),
                Metric(loading + "load_latency", "counter", ("model_path",)),
                Metric("/tensorflow/core/graph_runs", "counter", ()),
                Metric("/tensorflow/core/graph_run_time_usecs", "counter", ()),
            )
        }

    def request(self, model: str, status: str) -> None:
        """Count one request; `model` is the name that the request asked for, known or not."""
        self._count("/tensorflow/serving/request_count", (model, status))

    def request_latency(self, model: str, api: str, entrypoint: str, microseconds: float) -> None:
        """Sample one successful request."""
        self._sample("/tensorflow/serving/request_latency", (model, api, entrypoint), microseconds)

    def graph_run(self, microseconds: float) -> None:
        """Count one run of a session."""
        self._count("/tensorflow/core/graph_runs", ())
        self._count("/tensorflow/core/graph_run_time_usecs", (), int(microseconds))

    def runtime_latency(self, model: str, api: str, microseconds: float) -> None:
        """Sample one successful run of a session for a request."""
        self._sample("/tensorflow/serving/runtime_latency", (model, api, "TF1"), microseconds)

    def examples(self, model: str, count: int) -> None:
        """Count the examples of a MultiInference, the only request whose examples TensorFlow Serving counts."""
        self._sample("/tensorflow/serving/request_example_counts", (model,), count)
        self._count("/tensorflow/serving/request_example_count_total", (model,), count)

    def load(self, path: str, loaded: bool, microseconds: float) -> None:
        """Count one try to load the model at `path`."""
        self._count("/tensorflow/cc/saved_model/load_attempt_count", (path, "success" if loaded else "fail"))
        if loaded:
            self._count("/tensorflow/cc/saved_model/load_latency", (path,), int(microseconds))

    def warmup(self, path: str, status: str, records: int, microseconds: float) -> None:
        """Record a warm-up that read its file to the end or to an error in it."""
        self._sample("/tensorflow/serving/model_warmup_latency", (path, status), microseconds)
        self._count("/tensorflow/serving/model_warmup_records_read", (path, status), records)

    def lineage(self, model: str, version: int) -> None:
        """Show that the version has an `mlmd_uuid`. The exporter prints its text as 0."""
        self._count("/tensorflow/serving/mlmd_map", (model, str(version)), 0)

    def page(self) -> str:
        """The whole page, families in order of their path."""
        with self._lock:
            families = sorted(self._families.values(), key=lambda family: family.path)
            return "\n".join(line for family in families for line in family.lines()) + "\n"

    def value(self, path: str) -> int:
        """The first cell of a counter, 0 if there is none: what a reload request may ask for."""
        with self._lock:
            family = self._families.get(path)
            first = next(iter(family.cells.values()), 0) if family else 0
            return first if isinstance(first, int) else 0

    def _count(self, path: str, labels: tuple[str, ...], by: int = 1) -> None:
        cells = self._families[path].cells
        with self._lock:
            before = cells.get(labels, 0)
            if not isinstance(before, Histogram):
                cells[labels] = before + by

    def _sample(self, path: str, labels: tuple[str, ...], value: float) -> None:
        family = self._families[path]
        with self._lock:
            cell = family.cells.setdefault(labels, Histogram([0] * (len(family.limits) + 1)))
            if isinstance(cell, Histogram):
                cell.buckets[_bucket(family.limits, value)] += 1
                cell.sum += value


def _bucket(limits: Sequence[float], value: float) -> int:
    """A value on a limit belongs to the bucket above it, unlike Prometheus' own `le`."""
    return bisect_right(limits, value)


def six_digits(value: float) -> str:
    """A double as the exporter prints it: `%g`, so a sum of 12345678 reads 1.23457e+07."""
    return f"{value:g}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
