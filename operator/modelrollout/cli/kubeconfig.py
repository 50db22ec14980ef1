"""The kubeconfig: a client of the cluster that it names, or one sentence on what is wrong with it.

The package ``kubernetes`` reads it, and raises whatever came in its way where a file is something else; a program that
was to sign the user in and is not there it only logs, and goes on as nobody.
"""

# Most of the kubernetes package carries types, but its loading does not.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubernetes import client

SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

Context = dict[str, Any]


def connect(context: str | None, kubeconfig: str | None) -> tuple[client.ApiClient, str]:
    """A client and the namespace that it means when none is given: by the kubeconfig, or in a pod without one by the
    pod's service account. Raises ConfigException."""
    from kubernetes import client, config

    settings = client.Configuration()
    default_file = Path.home() / ".kube" / "config"
    if not kubeconfig and not default_file.exists() and "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(client_configuration=settings)
        namespace = SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
    else:
        place = kubeconfig or str(default_file)
        _be_there(place, named=bool(kubeconfig))
        with _said_plainly(place):
            chosen = _chosen(config.list_kube_config_contexts(place), context, place)
            config.load_kube_config(config_file=place, context=context, client_configuration=settings)
        namespace = str(chosen["context"].get("namespace") or "default")
    settings.retries = False  # the commands say what went wrong at once, or try again in their own time
    return client.ApiClient(settings), namespace


def _be_there(place: str, named: bool) -> None:
    """Of several files, as KUBECONFIG may name them, one is enough, as for kubectl. Raises ConfigException."""
    from kubernetes.config import ConfigException

    files = [file for file in place.split(os.pathsep) if file]
    if any(Path(file).expanduser().exists() for file in files):
        return
    way = ", which KUBECONFIG or --kubeconfig names" if named else "; name another one by KUBECONFIG or --kubeconfig"
    raise ConfigException(f"there is no file {' or '.join(files)}{way}")


def _chosen(contexts: tuple[list[Context], Context], name: str | None, place: str) -> Context:
    """The context that is meant. Raises ConfigException with those that there are."""
    from kubernetes.config import ConfigException

    known, current = contexts
    if name is None:
        return current
    found = next((item for item in known if item["name"] == name), None)
    if found is None:
        names = ", ".join(sorted(str(item["name"]) for item in known))
        raise ConfigException(f"there is no context {name} in {place}; it has {names}")
    return found


@contextmanager
def _said_plainly(place: str) -> Iterator[None]:
    """What is raised for a file that is no kubeconfig, and what is only logged, as ConfigException."""
    from kubernetes.config import ConfigException
    from yaml import YAMLError

    logged = _Logged()
    logging.getLogger().addHandler(logged)
    try:
        yield
    except (YAMLError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigException(f"{place} is no kubeconfig; name another one by KUBECONFIG or --kubeconfig") from error
    except OSError as error:
        raise ConfigException(_unread(place, error)) from error
    finally:
        logging.getLogger().removeHandler(logged)
    if logged.errors:
        raise ConfigException(f"the user of {place} cannot be signed in: {logged.errors[-1]}")


def _unread(place: str, error: OSError) -> str:
    """Of a kubeconfig, or of a file that one names, as that of a token."""
    file, why = str(error.filename or place), error.strerror or str(error)
    if file in place.split(os.pathsep):
        return f"{file} cannot be read: {why}; name another one by KUBECONFIG or --kubeconfig"
    return f"{place} names {file}, which cannot be read: {why}"


class _Logged(logging.Handler):
    """Keeps what is logged as an error, and shows nothing."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps it."""
        self.errors.append(record.getMessage())
