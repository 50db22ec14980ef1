"""Outcomes: how a request ended, and which of them are bad answers.

Whatever ends without an answer is an answer that failed. Who gave up, the caller or a proxy, makes no difference to
whoever waited in vain; only where ``clientCancels`` is Ignore, requests that their caller ended are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from modelrollout.api.analysis import ClientCancels


class Outcome(Enum):
    """How the requests of one series ended. The last three are for sources that count one end in several series."""

    GOOD = auto()
    BAD = auto()
    CANCELLED = auto()  # the caller ended it
    RESET = auto()  # the caller or the proxy ended it
    TIMED_OUT = auto()  # the proxy ended it; there is a RESET of it, too, and an answer that says so
    EXPIRED = auto()  # past its deadline: answered so by the server, or by the proxy, and then there is a RESET of it


def totals(ended: Mapping[Outcome, float], cancels: ClientCancels) -> tuple[float, float]:
    """Bad answers and all answers, from the numbers by outcome. No request is counted twice.

    A deadline that passed may have been answered by the server or by the proxy, and only the latter is among the
    resets; nothing tells them apart. So of both kinds together at least as many failed as of the larger one.
    """
    good, bad, cancelled, reset, timed_out, expired = (ended.get(outcome, 0.0) for outcome in Outcome)
    if cancels is ClientCancels.IGNORE:
        cancelled = reset = 0.0
    failed = bad + cancelled + max(expired, reset - timed_out)
    return failed, good + failed


def http_outcome(code: str) -> Outcome:
    """Every 4xx and 5xx is an answer that a client did not want, but those that the mesh gives by itself.

    4xx count, because TensorFlow Serving answers 400 when a graph's own check fails on an input and when a new
    signature no longer fits the clients. Clients' own mistakes fall on both versions alike, and the tests compare.
    """
    if code == "499":  # TensorFlow Serving's word for a call that was cancelled
        return Outcome.CANCELLED
    return Outcome.BAD if code >= "400" and code not in ("401", "403", "407") else Outcome.GOOD


def grpc_outcome(status: str) -> Outcome:
    """All are bad but OK (0), PERMISSION_DENIED (7) and UNAUTHENTICATED (16); CANCELLED (1) is the caller's word."""
    if status == "1":
        return Outcome.CANCELLED
    return Outcome.GOOD if status in ("0", "7", "16") else Outcome.BAD
