"""The state of every version of every model that the server ever managed, and waiting for a state.

This is what the status API shows. A version that failed or was unloaded stays in it as END for the server's
life, as in TensorFlow Serving.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from e2e.tensorflow_serving.status import OK, Status


class State(IntEnum):
    """As in get_model_status.proto."""

    UNKNOWN = 0
    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, slots=True)
class VersionState:
    """Where one version is. END with a status other than OK: it could not be loaded."""

    model: str
    version: int
    state: State
    status: Status = OK

    def __str__(self) -> str:
        return f"{{name: {self.model} version: {self.version}}}"


class States:
    """The board that the loader writes and the APIs read. Thread safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._models: dict[str, dict[int, VersionState]] = {}

    def publish(self, state: VersionState) -> None:
        """Set the state of a version and wake whoever waits."""
        with self._changed:
            self._models.setdefault(state.model, {})[state.version] = state
            self._changed.notify_all()

    def versions(self, model: str) -> list[VersionState]:
        """All versions of a model, the highest number first; empty for an unknown model."""
        with self._changed:
            return [state for _, state in sorted(self._models.get(model, {}).items(), reverse=True)]

    def version(self, model: str, version: int) -> VersionState | None:
        """One version, or nothing."""
        with self._changed:
            return self._models.get(model, {}).get(version)

    def wait_until_settled(
        self, models: Iterable[str], after: "dict[str, set[int]] | None" = None
    ) -> list[VersionState]:
        """Block until each model has a version that serves or has ended, for ever if need be; those versions.

        The highest such version counts, so a newest version that failed is reported though an older one serves.
        `after` names versions that ended before the wait and do not count.
        """
        names, before = list(models), after or {}
        with self._changed:
            self._changed.wait_for(lambda: all(self._settled(name, before.get(name, set())) for name in names))
            return [state for name in names if (state := self._settled(name, before.get(name, set())))]

    def ended(self, model: str) -> set[int]:
        """The versions of a model that have ended."""
        return {state.version for state in self.versions(model) if state.state is State.END}

    def _settled(self, model: str, before: set[int]) -> VersionState | None:
        for version, state in sorted(self._models.get(model, {}).items(), reverse=True):
            ended = state.state is State.END and version not in before
            if state.state is State.AVAILABLE or ended:
                return state
        return None
