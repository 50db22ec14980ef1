"""Loads and unloads versions so that the wanted ones serve, one action at a time, in a thread of its own.

The rule is TensorFlow Serving's AvailabilityPreservingPolicy: a new version is loaded before the old one goes,
so a model never stops serving in between, and for a while two versions are in memory. Its harshest trait is
kept as well: a version whose tries are used up stays END until it is no longer wanted, and while a try waits
for the next, nothing else is loaded or unloaded (`--num_load_threads`, 0 by default).
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto

from e2e.tensorflow_serving.metrics import Metrics
from e2e.tensorflow_serving.servable import LoadSettings, Servable
from e2e.tensorflow_serving.states import State, States, VersionState
from e2e.tensorflow_serving.status import OK, Code, ServingError, Status, status_of
from e2e.tensorflow_serving.warmup import warm_up

log = logging.getLogger(__name__)


class Stage(Enum):
    """Where the loader is with one version."""

    NEW = auto()
    BUSY = auto()
    READY = auto()
    FAILED = auto()
    GONE = auto()


@dataclass(slots=True)
class Harness:
    """What the loader knows of one version."""

    model: str
    version: int
    path: str
    aspired: bool = True
    stage: Stage = Stage.NEW
    servable: Servable | None = None

    def __str__(self) -> str:
        return f"{{name: {self.model} version: {self.version}}}"


class Loader:
    """`aspire` says what should serve; the loader's thread brings it about. Thread safe."""

    def __init__(self, states: States, settings: LoadSettings, metrics: Metrics) -> None:
        self._states, self._settings, self._metrics = states, settings, metrics
        self._changed = threading.Condition()
        self._harnesses: dict[str, dict[int, Harness]] = {}
        self._workers: ThreadPoolExecutor | None = None

    def start(self) -> None:
        """Start to load what is wanted."""
        threading.Thread(target=self._work, name="loader", daemon=True).start()

    def use_threads(self, threads: int) -> None:
        """Load in so many threads from now on; with 0 the actions run one after another in the loader's own."""
        with self._changed:
            self._workers = ThreadPoolExecutor(threads, "load") if threads else None

    def aspire(self, model: str, versions: dict[int, str]) -> None:
        """Make these versions (number -> path) the wanted ones of a model; all others of it are unloaded."""
        with self._changed:
            known = self._harnesses.setdefault(model, {})
            for version, harness in list(known.items()):
                harness.aspired = harness.aspired and version in versions
                if not harness.aspired and harness.stage in (Stage.NEW, Stage.FAILED, Stage.GONE):
                    del known[version]
            for version in versions.keys() - known.keys():
                known[version] = Harness(model, version, versions[version])
                self._states.publish(VersionState(model, version, State.START))
            self._changed.notify_all()

    @contextlib.contextmanager
    def servable(self, model: str, version: int | None) -> Iterator[Servable]:
        """The ready version, or the highest ready one; it is not unloaded before the block ends.

        Raises ServingError (NOT_FOUND) with TensorFlow Serving's words.
        """
        found = self._enter(model, version)
        try:
            yield found
        finally:
            found.leave()

    def _enter(self, model: str, version: int | None) -> Servable:
        with self._changed:
            ready = {h.version: h.servable for h in self._harnesses.get(model, {}).values() if h.stage is Stage.READY}
            found = ready.get(max(ready, default=-1) if version is None else version)
            if found is None:
                request = f"Latest({model})" if version is None else f"Specific({model}, {version})"
                raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {request}")
            found.enter()
            return found

    def _work(self) -> None:
        while True:
            with self._changed:
                action = self._changed.wait_for(self._next_action)
                assert action is not None
                harness, act = action
                harness.stage = Stage.BUSY
                workers = self._workers
            if workers:
                workers.submit(act, harness)
            else:
                act(harness)

    def _next_action(self) -> tuple[Harness, Callable[[Harness], None]] | None:
        for known in self._harnesses.values():
            harnesses = sorted(known.values(), key=lambda harness: harness.version)
            aspired = [harness for harness in harnesses if harness.aspired]
            old = [harness for harness in harnesses if not harness.aspired and harness.stage is Stage.READY]
            if old and (not aspired or any(h.stage is Stage.READY for h in aspired) or len(old) > 1):
                return old[0], self._unload
            new = [harness for harness in aspired if harness.stage is Stage.NEW]
            if new:
                return new[-1], self._load
        return None

    def _load(self, harness: Harness) -> None:
        log.info("Loading servable version %s", harness)
        self._publish(harness, State.LOADING)
        status = self._try_to_load(harness)
        with self._changed:
            harness.stage = Stage.FAILED if status.code else Stage.READY
            self._forget_if_unwanted(harness)
            self._changed.notify_all()
        if status.code:
            log.info("Encountered an error for servable version %s: %s", harness, status)
            self._publish(harness, State.END, status)
        else:
            log.info("Successfully loaded servable version %s", harness)
            self._publish(harness, State.AVAILABLE)

    def _try_to_load(self, harness: Harness) -> Status:
        """All tries at a version; the status of the last."""
        retries, what = self._settings.max_retries, f"Loading servable: {harness}"
        for number in range(retries + 1):
            if number:
                time.sleep(max(self._settings.retry_interval, 0) / 1e6)
                log.info("Retrying of %s retry: %d", what, number)
            status = self._try_once(harness)
            if not status.code:
                return status
            log.error("%s failed: %s", what, status)
            if not harness.aspired:
                log.info("Retrying of %s was cancelled.", what)
                return status
        log.info("Retrying of %s exhausted max_num_retries: %d", what, retries)
        return status

    def _try_once(self, harness: Harness) -> Status:
        try:
            servable = Servable.load(harness.model, harness.version, harness.path, self._settings, self._metrics)
        except Exception as problem:  # whatever it is: the state is END, and the loader goes on
            return status_of(problem)
        try:
            if self._settings.warmup:
                warm_up(servable, harness.path, self._settings, self._metrics)
        except Exception as problem:
            servable.close()
            return status_of(problem)
        harness.servable = servable
        return OK

    def _unload(self, harness: Harness) -> None:
        self._publish(harness, State.UNLOADING)
        log.info("Unloading just-loaded servable version %s", harness)
        if harness.servable:
            harness.servable.close()
        log.info("Done unloading servable version %s", harness)
        with self._changed:
            harness.servable, harness.stage = None, Stage.GONE
            self._forget_if_unwanted(harness)
            self._changed.notify_all()
        self._publish(harness, State.END)

    def _forget_if_unwanted(self, harness: Harness) -> None:
        """A version that ended and is not wanted is forgotten, so that it can be loaded anew when it is wanted
        again."""
        if not harness.aspired and harness.stage in (Stage.FAILED, Stage.GONE):
            self._harnesses[harness.model].pop(harness.version, None)

    def _publish(self, harness: Harness, state: State, status: Status = OK) -> None:
        self._states.publish(VersionState(harness.model, harness.version, state, status))
