"""One loaded version of a model: its session and its signatures, and the count of the requests inside it."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.tensorflow_serving.metrics import Metrics
from e2e.tensorflow_serving.protobufs import meta_graph_pb2
from e2e.tensorflow_serving.session import Array, Session

log = logging.getLogger(__name__)
DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What the flags say about loading. Times in microseconds."""

    tags: tuple[str, ...]
    session_config: bytes
    warmup: bool
    warmup_iterations: int
    max_retries: int
    retry_interval: int
    check_method_names: bool


class Servable:
    """Use it only between `enter` and `leave`; `close` waits until nobody is inside."""

    def __init__(
        self, model: str, version: int, session: Session, signatures: Mapping[str, Any], metrics: Metrics
    ) -> None:
        self.model = model
        self.version = version
        self.signatures = signatures
        self._session = session
        self._metrics = metrics
        self._users = 0
        self._idle = threading.Condition()

    @classmethod
    def load(cls, model: str, version: int, path: str, settings: LoadSettings, metrics: Metrics) -> "Servable":
        """One try to load the SavedModel at `path`, without its warm-up. Raises ServingError."""
        started = time.perf_counter()
        loaded = False
        try:
            session = Session.load(path, settings.tags, settings.session_config)
            loaded = True
        finally:
            metrics.load(path, loaded, (time.perf_counter() - started) * 1e6)
        if (Path(path) / "assets.extra" / "mlmd_uuid").is_file():
            metrics.lineage(model, version)
        signatures = meta_graph_pb2.MetaGraphDef.FromString(session.meta_graph).signature_def
        return cls(model, version, session, signatures, metrics)

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str], timeout_ms: int) -> tuple[list[Array], float]:
        """The values of the fetched tensors, and the microseconds that the session took."""
        started = time.perf_counter()
        try:
            values = self._session.run(feeds, fetches, timeout_ms)
        finally:
            taken = (time.perf_counter() - started) * 1e6
            self._metrics.graph_run(taken)
        return values, taken

    def enter(self) -> None:
        """Count one more user."""
        with self._idle:
            self._users += 1

    def leave(self) -> None:
        """Count one user less."""
        with self._idle:
            self._users -= 1
            self._idle.notify_all()

    def close(self) -> None:
        """Wait for the last user, then free the session."""
        with self._idle:
            self._idle.wait_for(lambda: not self._users)
        self._session.close()
