"""What lies between the APIs and the loader: the model config, the labels, and the polling of version folders.

The reload of a config keeps TensorFlow Serving's order and its trap: the new config counts as the current one
before its labels are checked, and a label that names a version which does not serve yet ends the reload
*before* the new versions are asked for. See `UpdateModelVersionLabelMap` in its server_core.cc.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

from e2e.tensorflow_serving import config as configuration
from e2e.tensorflow_serving import model_config
from e2e.tensorflow_serving.config import Flags
from e2e.tensorflow_serving.loader import Loader
from e2e.tensorflow_serving.metrics import Metrics
from e2e.tensorflow_serving.servable import LoadSettings, Servable
from e2e.tensorflow_serving.states import State, States, VersionState
from e2e.tensorflow_serving.status import Code, ServingError, invalid, status_of
from e2e.tensorflow_serving.versions import aspired_versions

log = logging.getLogger(__name__)
INITIAL_LOAD_THREADS = 4 * configuration.CPUS


class ServerCore:
    """Everything that the REST and the gRPC API share. Thread safe."""

    def __init__(self, flags: Flags) -> None:
        self.flags = flags
        self.metrics = Metrics()
        self.states = States()
        settings = LoadSettings(
            tags=tuple(flags.saved_model_tags.split(",")),
            session_config=configuration.session_config(flags),
            warmup=flags.enable_model_warmup,
            warmup_iterations=max(flags.num_request_iterations_for_warmup, 1),
            max_retries=flags.max_num_load_retries,
            retry_interval=flags.load_retry_interval_micros,
            check_method_names=flags.enable_signature_method_name_check,
        )
        self.check_method_names = flags.enable_signature_method_name_check
        self._loader = Loader(self.states, settings, self.metrics)
        self._reloading = threading.Lock()
        self._config: Any = None
        self._models: list[Any] = []
        self._started = False
        self._polling = threading.Lock()
        self._labels: dict[str, dict[str, int]] | None = None

    def start(self) -> None:
        """Load the first config and wait, for ever if need be, until all its models serve.

        Raises ServingError in the words with which TensorFlow Serving gives up.
        """
        self.reload(configuration.model_server_config(self.flags))
        if self.flags.model_config_file and self.flags.model_config_file_poll_wait_seconds > 0:
            _every(self.flags.model_config_file_poll_wait_seconds, self._poll_config, "config_poll")

    def reload(self, new: Any) -> None:
        """Make a ModelServerConfig the whole truth: models that it does not name are unloaded.

        Returns when every *new model* serves; new versions of known models may still be loading.
        """
        with self._reloading:
            model_config.check_transition(self._config, new)
            if new.WhichOneof("config") is None:
                log.info("Taking no action for empty config.")
                return
            models = list(new.model_config_list.config)
            model_config.check(models, list(self._config.model_config_list.config) if self._config else [])
            self._config = new
            self._update_labels(models)
            log.info("Adding/updating models.")
            model_config.check_platforms(models)
            self._add_models(models)
            log.info("Finished adding/updating models")

    @contextlib.contextmanager
    def servable(self, spec: Any) -> Iterator[Servable]:
        """The version that a ModelSpec asks for: by number, by label, or the highest that serves."""
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        version: int | None = None
        match spec.WhichOneof("version_choice"):
            case "version":
                version = spec.version.value
            case "version_label":
                version = self._labelled(spec.name, spec.version_label)
        with self._loader.servable(spec.name, version) as found:
            yield found

    def status(self, spec: Any) -> list[VersionState]:
        """The states that the status API answers with. A label in the request is ignored, as in TensorFlow
        Serving."""
        if spec.HasField("version"):
            state = self.states.version(spec.name, spec.version.value)
            if state is None:
                raise ServingError(Code.NOT_FOUND, f"Could not find version {spec.version.value} of model {spec.name}")
            return [state]
        states = self.states.versions(spec.name)
        if not states:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {spec.name}")
        return states

    def _labelled(self, model: str, label: str) -> int:
        if self._labels is None:
            raise ServingError(Code.UNAVAILABLE, f"Model labels does not init yet.{label}")
        version = self._labels.get(model, {}).get(label)
        if version is None:
            raise invalid(f"Unrecognized servable version label: {label}")
        return version

    def _update_labels(self, models: list[Any]) -> None:
        current = self._labels or {}
        new: dict[str, dict[str, int]] = {}
        for model in models:
            for label, version in model.version_labels.items():
                moved = current.get(model.name, {}).get(label, version) != version
                relaxed = self.flags.allow_version_labels_for_unavailable_models and not moved
                state = self.states.version(model.name, version)
                if not relaxed and (state is None or state.state is not State.AVAILABLE):
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {version} of model {model.name}, which is not currently"
                        " available for inference",
                    )
                new.setdefault(model.name, {})[label] = version
        self._labels = new

    def _add_models(self, models: list[Any]) -> None:
        first, self._started = not self._started, True
        old, names = {model.name for model in self._models}, {model.name for model in models}
        before = {name: self.states.ended(name) for name in names - old}
        with self._polling:
            self._models = models
        for name in old - names:
            self._loader.aspire(name, {})
        if first:
            self._start_loading()
        self._await(sorted(names - old), "servable(s)" if first else "model(s)", before)
        if first:
            self._loader.use_threads(self.flags.num_load_threads)

    def _start_loading(self) -> None:
        """The first models are loaded side by side, later ones as `--num_load_threads` says."""
        self._loader.use_threads(INITIAL_LOAD_THREADS)
        self._loader.start()
        if self.flags.file_system_poll_wait_seconds >= 0:
            _every(self.flags.file_system_poll_wait_seconds, self._poll_versions, "version_poll")

    def _await(self, names: list[str], what: str, before: dict[str, set[int]]) -> None:
        settled = self.states.wait_until_settled(names, before)
        failed = [state for state in settled if state.state is not State.AVAILABLE]
        if failed:
            parts = "".join(
                f"{{{state}{f' due to error: {state.status}' if state.status.code else ''}}}, " for state in failed
            )
            raise ServingError(Code.UNKNOWN, f"{len(failed)} {what} did not become available: {{{parts}}}")

    def _poll_versions(self) -> None:
        with self._polling:
            try:
                for name, versions in aspired_versions(self._models).items():
                    self._loader.aspire(name, versions)
            except Exception as problem:
                words = status_of(problem).message
                log.error("FileSystemStoragePathSource encountered a filesystem access error: %s", words)

    def _poll_config(self) -> None:
        try:
            new = configuration.model_server_config(self.flags)
        except Exception as problem:
            log.error("Failed to read ModelServerConfig file: %s", status_of(problem).message)
            return
        try:
            self.reload(new)
        except Exception as problem:
            log.error("PollFilesystemAndReloadConfig failed to ReloadConfig: %s", status_of(problem).message)


def _every(seconds: int, work: Any, name: str) -> None:
    """Run `work` now and then every so many seconds, or once for 0, in a thread of its own."""

    def repeat() -> None:
        work()
        while seconds > 0:
            time.sleep(seconds)
            work()

    threading.Thread(target=repeat, name=name, daemon=True).start()
