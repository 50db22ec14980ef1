"""What a while costs, and how long a fault keeps its traffic."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.process import processor_seconds
from bench.scale.manifests import host_of
from bench.scale.operator import Operator
from bench.scale.stage import Stage

ERRORS = 0.3  # the share of the answers of a version that fails

_SAMPLE = re.compile(r"^(modelrollout_[a-z_]+(?:\{[^}]*\})?) ([0-9.e+-]+|\+?Inf)$", re.M)
_QUERIES = re.compile(r'^prometheus_http_requests_total\{[^}]*handler="/api/v1/query"[^}]*\} ([0-9.e+]+)$', re.M)


@dataclass(frozen=True, slots=True)
class Moment:
    """What was counted until then."""

    at: float
    cpu: float
    others: dict[str, float]
    audited: int  # bytes of the audit log
    queries: float
    own: dict[str, float]  # the operator's own counters


@dataclass(frozen=True, slots=True)
class While:
    """What a while cost. CPU in seconds a minute, memory in MiB, all others a second."""

    seconds: float
    cpu: float
    others: dict[str, float]
    memory: float
    requests: dict[str, float]
    queries: float
    own: dict[str, float]  # by how much the operator's counters went on, in all

    @property
    def all_requests(self) -> float:
        """To the API server, watches that begin included."""
        return sum(self.requests.values())


def moment(stage: Stage, operator: Operator) -> Moment:
    """Now."""
    queries = requests.get(f"{stage.prometheus}/metrics", timeout=10).text
    return Moment(
        time.time(),
        operator.cpu,
        {name: processor_seconds(process) for name, process in stage.processes.items()},
        stage.requests.stat().st_size,
        sum(map(float, _QUERIES.findall(queries))),
        {name: float(value) for name, value in _SAMPLE.findall(operator.page())},
    )


def watch(stage: Stage, operator: Operator, seconds: float) -> While:
    """Wait so long, and tell what it cost."""
    before, memory = moment(stage, operator), 0.0
    while time.time() < before.at + seconds:
        time.sleep(min(5.0, seconds))
        memory = max(memory, operator.memory())
    after = moment(stage, operator)
    took = after.at - before.at
    asked = Counter(_requests(stage.requests, before.audited, after.audited))
    return While(
        took,
        (after.cpu - before.cpu) / took * 60,
        {name: (after.others[name] - spent) / took * 60 for name, spent in before.others.items()},
        memory,
        {name: count / took for name, count in asked.most_common()},
        (after.queries - before.queries) / took,
        {name: value - before.own.get(name, 0.0) for name, value in after.own.items()},
    )


def _requests(file: Path, begin: int, end: int) -> Sequence[str]:
    """``get pods``, ``patch modelrollouts/status``: one for each request."""
    with file.open("rb") as log:
        log.seek(begin)
        lines = log.read(end - begin).splitlines()
    found = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # half a line, at either end
        about = event.get("objectRef", {})
        part = "/" + about["subresource"] if "subresource" in about else ""
        found.append(f"{event['verb']} {about.get('resource', '-')}{part}")
    return found


def fault(stage: Stage, name: str, version: str) -> float:
    """Seconds from the moment at which a version begins to fail until its route gives it nothing."""
    return gone(stage, name, version, stage.break_version(name, version, ERRORS))


def gone(stage: Stage, name: str, version: str, since: float, seconds: float = 300.0) -> float:
    """Seconds from a moment until a route gives a version nothing; infinity if it does not."""
    host = host_of(name, version)
    while time.time() < since + seconds:
        time.sleep(0.2)
        for at, whose, shares in reversed(stage.routes()):
            if at < since:
                break
            if whose == name and not shares.get(host):
                return at - since
    return float("inf")
