"""All that is there besides the operator: etcd, kube-apiserver, Prometheus, the counters and the made-up world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.scale.client import MERGE, NAMESPACE, ROLLOUTS, Client
from bench.scale.manifests import GATEWAY, gateway, host_of, name_of, rollout
from bench.scale.operator import Operator, start
from tests import apiserver
from tests.kubernetes import prepared
from tests.prometheus_server import free_port, until

Running = AbstractContextManager[subprocess.Popen[bytes]]

SCRAPE = 5.0  # seconds
GATEWAYS = "/apis/networking.istio.io/v1/namespaces/{}/gateways"
ROOT = Path(__file__).parents[2]
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": ["operator"]}, {"level": "None"}],
}
_PROMETHEUS = """
global: {{scrape_interval: {interval:g}s}}
scrape_configs:
- job_name: envoy
  fallback_scrape_protocol: PrometheusText0.0.4
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything is."""

    folder: Path
    server: apiserver.ApiServer
    prometheus: str
    counters: str
    processes: dict[str, int]

    @contextmanager
    def operator(self) -> Iterator[Operator]:
        """The operator, ended at the end."""
        found = start(self.folder, free_port(), self.prometheus)
        try:
            yield found
        finally:
            if found.process.poll() is None:
                found.end()

    def scrapes(self) -> list[float]:
        """When the counters were scraped."""
        return list(requests.get(f"{self.counters}/scrapes", timeout=10).json())

    def break_version(self, name: str, version: str, errors: float) -> float:
        """From now on this share of a version's answers fails; gives the time."""
        wanted = json.dumps([{"host": host_of(name, version), "errors": errors}])
        return float(requests.post(f"{self.counters}/versions", data=wanted, timeout=10).json()["at"])

    def routes(self) -> list[tuple[float, str, dict[str, float]]]:
        """Every route that a gateway heard of: when, of which rollout, and the shares by host."""
        return [tuple(json.loads(line)) for line in (self.folder / "routes.jsonl").read_text().splitlines()]

    @property
    def requests(self) -> Path:
        """The audit log: a line for each request of the operator's."""
        return self.folder / "audit.log"


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Everything but the operator, without a rollout."""
    (folder / "audit.yaml").write_text(json.dumps(_AUDIT))
    audit = [
        "--service-cluster-ip-range=10.0.0.0/16",
        f"--audit-policy-file={folder / 'audit.yaml'}",
        f"--audit-log-path={folder / 'audit.log'}",
    ]
    counters, prometheus = free_port(), free_port()
    with ExitStack() as stack:
        server = stack.enter_context(apiserver.running(folder, *audit, "--audit-log-maxsize=2000", users=["operator"]))
        prepared(server)
        for name in (NAMESPACE, "modelrollout-system", GATEWAY.partition("/")[0]):
            server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        server.ask("POST", GATEWAYS.format(GATEWAY.partition("/")[0]), gateway())
        (folder / "prometheus.yaml").write_text(_PROMETHEUS.format(interval=SCRAPE, port=counters))
        urls = f"http://127.0.0.1:{prometheus}", f"http://127.0.0.1:{counters}"
        world = ["bench.scale.world", str(server.kubeconfig), urls[1], str(folder / "routes.jsonl")]
        started = {
            "counters": stack.enter_context(_module(folder, ["bench.scale.counters", str(counters)])),
            "prometheus": stack.enter_context(_prometheus(folder, server, prometheus)),
            "world": stack.enter_context(_module(folder, world)),
        }
        processes = {name: process.pid for name, process in started.items()}
        until(lambda: _answers(f"{urls[0]}/-/ready") and _answers(f"{urls[1]}/scrapes"))
        yield Stage(folder, server, *urls, processes | _programs(folder))


def _module(folder: Path, arguments: list[str]) -> Running:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}"}
    return apiserver.process_of(folder, arguments[0], [sys.executable, "-m", *arguments], environment)


def _prometheus(
    folder: Path, server: apiserver.ApiServer, port: int
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    command = [
        str(server.programs.program("prometheus")),
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return apiserver.process_of(folder, "prometheus", command)


def _programs(folder: Path) -> dict[str, int]:
    """etcd and kube-apiserver by the folder that they work in."""
    found: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _folder_of(entry) == folder:
            name = (entry / "comm").read_text().strip()
            found |= {name: int(entry.name)} if name in ("etcd", "kube-apiserver") else {}
    return found


def _folder_of(entry: Path) -> Path | None:
    try:
        return (entry / "cwd").readlink()
    except OSError:
        return None


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


async def create(api: Client, number: int, version: str = "1.0.0") -> None:
    """A new rollout."""
    await api.send("POST", ROLLOUTS, rollout(number, version))


async def release(api: Client, number: int, version: str) -> None:
    """Another version of it."""
    model = rollout(number, version)["spec"]["model"]
    await api.send("PATCH", f"{ROLLOUTS}/{name_of(number)}", {"spec": {"model": model}}, MERGE)


def phases(server: apiserver.ApiServer) -> dict[str, str]:
    """By rollout. Asked for as the table that kubectl prints: whole, thousands of them are a hundred megabytes."""
    table = server.ask("GET", ROLLOUTS, accept=_TABLE, includeObject="None").body
    names = [column["name"] for column in table["columnDefinitions"]]
    name, phase = names.index("Name"), names.index("Phase")
    return {row["cells"][name]: row["cells"][phase] or "" for row in table["rows"]}


def wait(what: str, done: Callable[[], bool], seconds: float) -> float:
    """Until ``done`` gives True; gives the seconds. What asks for much rests the longer. Raises TimeoutError."""
    begun = time.monotonic()
    while not _rested(done):
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
    return time.monotonic() - begun


def _rested(done: Callable[[], bool]) -> bool:
    asked = time.monotonic()
    if done():
        return True
    time.sleep(max(0.5, 10 * (time.monotonic() - asked)))
    return False
