"""What can go wrong between the command line and the cluster, each as one sentence with its own exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from modelrollout.api.printable import printable

WRONG = (400, 409, 422)  # of the API server: the object itself is refused
FORBIDDEN = 403
NO_CRD = "the server knows no modelrollouts; is the operator installed in this cluster?"


class Said(click.ClickException):
    """Sentences, a line each, as a terminal may show them: each may hold what a server, or a file of somebody else's,
    says."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(map(printable, lines)))


class Refused(Said):
    """The command makes no sense as things are; nothing was sent."""

    exit_code = 1


class NotFound(Said):
    """There is no such rollout."""

    exit_code = 2


class NoNamespace(Said):
    """The namespace that is meant is not there, so whatever is looked for in it is not either."""

    exit_code = 2


class NotTaken(Said):
    """The API server takes no such object, whoever brings it: it is wrong, or its name is taken."""

    exit_code = 2


class ClusterError(Said):
    """The cluster could not be asked, or refused to answer."""

    exit_code = 4


class Forbidden(ClusterError):
    """The server knows who asks, and refused it for that: nothing was done."""


@contextmanager
def asking(what: str, missing: str | None = None, giving: bool = False) -> Iterator[None]:
    """Turns the errors of the ``kubernetes`` package into ours. ``missing`` is the sentence for "not found"; when
    ``giving`` an object it may be refused for what it is."""
    from kubernetes.client import ApiException
    from kubernetes.config import ConfigException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if error.status == 404 and not _has_message(error.body):
            raise ClusterError(f"cannot {what}: {NO_CRD}") from error
        if error.status == 404 and missing:
            raise NotFound(missing) from error
        if giving and error.status in WRONG:
            raise NotTaken(f"cannot {what}: {_words(error.body, error.reason, error.status)}") from error
        kind = Forbidden if error.status == FORBIDDEN else ClusterError
        raise kind(f"cannot {what}: {_words(error.body, error.reason, error.status)}") from error
    except ConfigException as error:
        raise ClusterError(f"cannot {what}: {error}") from error
    except (HTTPError, OSError) as error:
        raise ClusterError(f"cannot {what}: {error}; is the cluster up, and the kubeconfig right?") from error


def _has_message(body: object) -> bool:
    """Whether the server answers as Kubernetes does. To a path that it does not know it only says that."""
    return _message(body) is not None


def _words(body: object, reason: str | None, status: int | None) -> str:
    """What the server says of its refusal."""
    message = _message(body) or reason or "no reason given"
    return f"{message} ({status})" if status else message


def _message(body: object) -> str | None:
    try:
        return str(json.loads(str(body))["message"])
    except (ValueError, KeyError, TypeError):
        return None
