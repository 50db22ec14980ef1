"""kubectl, for everything that a person would do by hand: apply, edit, delete, scale, read.

The stories go this way so that what the API server and the operator say is what a user would read.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Object = dict[str, Any]
"""A Kubernetes object as plain JSON."""

SECONDS = 60.0  # a kubectl call that takes longer hangs


class Refused(Exception):
    """kubectl ended with an error. The message is what it printed."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl against one cluster."""

    program: Path
    kubeconfig: Path

    def run(self, *arguments: str, given: str | None = None) -> str:
        """What it printed. Raises Refused with its words."""
        done = subprocess.run(
            [str(self.program), *arguments],
            input=given,
            text=True,
            capture_output=True,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise Refused((done.stderr or done.stdout).strip())
        return done.stdout

    def apply(self, manifest: str) -> None:
        """Apply YAML as a user does."""
        self.run("apply", "-f", "-", given=manifest)

    def get(self, kind: str, name: str, namespace: str) -> Object:
        """One object. Raises Refused when there is none."""
        found: Object = json.loads(self.run("get", kind, name, "-n", namespace, "-o", "json"))
        return found

    def list(self, kind: str, namespace: str, labels: str = "", fields: str = "") -> list[Object]:
        """All objects of a kind in a namespace that have the labels and the fields (`name=value,...`)."""
        chosen = ["-l", labels, f"--field-selector={fields}"]
        answer = self.run("get", kind, "-n", namespace, *chosen, "-o", "json")
        items: list[Object] = json.loads(answer)["items"]
        return items

    def patch(self, kind: str, name: str, namespace: str, change: Mapping[str, Any]) -> None:
        """A merge patch: lists are replaced whole."""
        self.run("patch", kind, name, "-n", namespace, "--type=merge", "-p", json.dumps(change))

    def logs(self, pod: str, namespace: str, *arguments: str) -> str:
        """A pod's log; what kubectl says instead when there is none."""
        try:
            return self.run("logs", pod, "-n", namespace, *arguments)
        except Refused as error:
            return f"(no log: {error})"
