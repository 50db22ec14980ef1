"""Why nothing of a Deployment or of a selector is ready, in the words of its pods."""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.cli.doctor.look import Body
from modelrollout.runtime.pods import LOADING, STARTING, conditions, is_ready, waits_for

_OTHERWISE = {LOADING: "its containers run, and it is not ready", STARTING: "it is starting"}
"""What is said of a model's pod, for any pod."""


def why(pods: Sequence[Body]) -> str:
    """What the first pod that is not ready waits for, empty where there is none."""
    unready = next((pod for pod in pods if not is_ready(pod)), None)
    if unready is None:
        return ""
    words = waits_for(unready)
    return _OTHERWISE.get(words, words)


def not_made(deployment: Body) -> str:
    """Why a Deployment has no pod at all: a quota, an admission policy, an account that is not there."""
    failed = (item for item in conditions(deployment) if item["type"] == "ReplicaFailure" and item["status"] == "True")
    return str(next(failed, {}).get("message") or "")
