"""TensorFlow Serving's own metrics, told apart by the labels of the pods (it puts no version on them itself).

Prometheus must copy the pods' labels to the series, as its example configuration for Kubernetes does:
``modelrollout.dev/rollout`` then reads ``modelrollout_dev_rollout``. Limits of the source: requests that never reached
a server are not counted, nor those that a server never ended (one that hangs shows nothing at all), and a caller by
REST who gives up is not noticed: the server ends the request, and counts it as good. Latency is that of successful
requests alone, so never judge by it without errors. And a server does not know by which split a request came: requests
of ``traffic.match`` cannot be judged apart from all others (``splits.py``), and smoke and preview requests are counted,
too: they are sent while a version has no share, and counting begins at its first share.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelrollout.adapters.metrics.base import Labels, Provider, Target, any_of
from modelrollout.adapters.metrics.outcomes import Outcome

REQUESTS, ALIVE = ":tensorflow:serving:request_count", ":tensorflow:cc:saved_model:load_attempt_count"
# A server has no counter of requests before the first one. With what it has from its start on, it is known to have been
# scraped without any, and its first requests are all new.
ERRORS = f'{{__name__=~"{REQUESTS}|{ALIVE}",<targets>}}'
LATENCY = ":tensorflow:serving:request_latency_bucket{API=~`(?i)(predict|classify|regress)`,<targets>,<bounds>}"

GOOD = frozenset({"OK", "PERMISSION_DENIED", "UNAUTHENTICATED"})
_NAMES = ("namespace", "modelrollout_dev_rollout", "modelrollout_dev_version")


def _select(targets: Iterable[Target]) -> str:
    chosen = list(targets)
    return (
        f"namespace=~`{any_of(target.namespace for target in chosen)}`,"
        f"modelrollout_dev_rollout=~`{any_of(target.rollout for target in chosen)}`"
    )


def _identity_of(labels: Labels) -> str | None:
    return "/".join(labels.get(name, "") for name in _NAMES)


def _outcome_of(labels: Labels) -> Outcome | None:
    if labels.get("__name__", REQUESTS) != REQUESTS:
        return None
    status = labels.get("status")
    if status == "CANCELLED":
        return Outcome.CANCELLED
    return Outcome.GOOD if status in GOOD else Outcome.BAD


TENSORFLOW_SERVING = Provider(
    name="tensorflow-serving",
    alive=f"{ALIVE}{{}}",
    errors=ERRORS,
    latency=LATENCY,
    unit=0.000001,
    select=_select,
    identify=lambda target: f"{target.namespace}/{target.rollout}/{target.version}",
    identity_of=_identity_of,
    identity_labels=_NAMES,
    outcome_of=_outcome_of,
    tells_splits=False,
)
