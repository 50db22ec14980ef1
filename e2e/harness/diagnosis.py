"""What a person would look at when a story did not go as told, gathered into the error message itself.

A failed story in a pipeline leaves no cluster behind to look at, so everything that explains it has to be in the log.
"""

from __future__ import annotations

from typing import Any

import yaml

from e2e.harness.kubectl import Kubectl, Object, Refused

LOG_LINES = 40
SEARCHED = 2000  # lines of the operator's log, which tells of all rollouts
OPERATOR = ("-l", "app.kubernetes.io/name=modelrollout", "--prefix")
HEAVY = ("acceptedSpec", "history")  # parts of the status that explain little


def explain(kubectl: Kubectl, namespace: str, rollout: Object | None, operator: str) -> str:
    """The rollout's status, the Events, the pods and the end of the operator's log, as text.

    ``operator`` is the namespace that the operator runs in.
    """
    parts = {
        "status": _status(rollout),
        "events": _try(kubectl, "get", "events", "-n", namespace, "--sort-by=.lastTimestamp"),
        "pods": _try(kubectl, "get", "pods", "-n", namespace, "-o", "wide"),
        "routes": _try(kubectl, "get", "virtualservices", "-n", namespace, "-o", "jsonpath={.items[*].spec.http}"),
        "servers": _try(
            kubectl,
            "logs",
            "-n",
            namespace,
            "-l",
            "modelrollout.dev/rollout",
            "--all-containers",
            "--prefix",
            "--tail=8",
        ),
        "operator": _concerning(namespace, _try(kubectl, "logs", "-n", operator, *OPERATOR, f"--tail={SEARCHED}")),
    }
    return "\n".join(f"--- {title}\n{text}" for title, text in parts.items())


def _status(rollout: Object | None) -> str:
    if rollout is None:
        return "there is no ModelRollout"
    status: dict[str, Any] = {key: value for key, value in rollout.get("status", {}).items() if key not in HEAVY}
    generation = rollout["metadata"].get("generation")
    return f"generation {generation}\n{yaml.safe_dump(status, sort_keys=False, width=160)}"


def _concerning(namespace: str, log: str) -> str:
    """The last lines about a namespace, and those about no rollout at all: what a process says when it ends."""
    lines = [line for line in log.splitlines() if f'"{namespace}/' in line or '"rollout"' not in line]
    return "\n".join(lines[-LOG_LINES:])


def _try(kubectl: Kubectl, *arguments: str) -> str:
    try:
        return kubectl.run(*arguments).strip()
    except Refused as error:
        return f"({error})"
