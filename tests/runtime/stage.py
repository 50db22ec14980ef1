"""A stage for passes: the operator's own parts on a real API server, woken by hand.

Pods are what a test says they are, because there is no kubelet. Prometheus is at an address where nobody answers,
unless a test brings one.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp

from modelrollout.adapters.cluster import DEPLOYMENTS, MODEL_ROLLOUTS, PODS, SERVICES, VIRTUAL_SERVICES, Cluster
from modelrollout.adapters.metrics.reader import Reader
from modelrollout.adapters.metrics.scraping import Scraping
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.adapters.shadowed import shadowed
from modelrollout.api.route import EVERYBODY
from modelrollout.manifests.meta import OWNER_LABEL, child_name
from modelrollout.resource.rollout import CLUSTER_DOMAIN, COMMAND_ANNOTATION
from modelrollout.runtime.accepting import Acceptance
from modelrollout.runtime.inquiry import Inquiries
from modelrollout.runtime.observer import Observer
from modelrollout.runtime.probing import Prober
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.reconciler import Reconciler
from modelrollout.runtime.references import References
from modelrollout.runtime.samples import SampleCache
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.shadowing import Comparisons
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.runtime.troubles import Troubles
from modelrollout.runtime.validating import Validations
from modelrollout.runtime.workloads import Refused
from modelrollout.runtime.world import Key, World
from modelrollout.runtime.writing import Applier
from tests.kubernetes import Kubernetes

_tokens = itertools.count(1)

NOBODY = "http://127.0.0.1:9"
Object = dict[str, Any]


@dataclass
class Clock:
    """The time of day, and what a test has skipped of it."""

    skipped: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.skipped


@dataclass
class Stage:
    """One rollout in a namespace of its own."""

    cluster: Cluster
    reconciler: Reconciler
    world: World
    namespace: str
    name: str = "fraud"
    writes: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    async def submit(self, version: str = "1.0.1", **spec: Any) -> Object:
        """Create the rollout, or change its spec."""
        body = {
            "apiVersion": "modelrollout.dev/v1alpha1",
            "kind": "ModelRollout",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "model": {"name": "fraud", "version": version, "uri": f"https://models.example.com/{version}.tar.gz"},
                "traffic": {"hosts": [f"fraud.{self.namespace}"]},
                "strategy": {"canary": {"steps": [{"setWeight": 10, "for": "1h"}]}},
                **spec,
            },
        }
        applied = await self.cluster.apply(MODEL_ROLLOUTS, body, "user")
        self.heard()
        return applied

    async def service(self) -> None:
        """The Service that its callers resolve; without it, an Event says that nobody can."""
        described = {"name": self.name, "namespace": self.namespace}
        body: Object = {"apiVersion": "v1", "kind": "Service", "metadata": described}
        await self.cluster.apply(SERVICES, {**body, "spec": {"ports": [{"port": 8501, "name": "http"}]}}, "user")

    def heard(self) -> None:
        """All that happened since is news, as the watches would say."""
        self.world.forget(self.key)

    async def passes(self, count: int = 1) -> None:
        """So many passes, one after the other."""
        for _ in range(count):
            await self.reconciler.reconcile(self.key)

    async def command(self, verb: str, note: str = "") -> None:
        """What a person says of the release under way."""
        live = await self.cluster.get(MODEL_ROLLOUTS, self.namespace, self.name)
        assert live is not None
        text = f"{verb} {live['spec']['model']['version']} {next(_tokens)} {note}".strip()
        live["metadata"].setdefault("annotations", {})[COMMAND_ANNOTATION] = text
        await self.cluster.replace(MODEL_ROLLOUTS, live)
        self.heard()

    async def later(self, seconds: float) -> None:
        """Two passes after so much time."""
        self.clock.skipped += seconds
        await self.passes(2)

    async def pods_ready(self, version: str, ready: int = 1) -> None:
        """The version's pods are ready, as its Deployment's controller would say."""
        await self.rolled_out(child_name(self.name, version), ready)

    async def rolled_out(self, name: str, ready: int = 1) -> None:
        """The pods of a Deployment are as it is and ready, as its controller would say."""
        live = await self.cluster.get(DEPLOYMENTS, self.namespace, name)
        assert live is not None, f"there is no Deployment {name}"
        status = {"readyReplicas": ready, "replicas": ready, "availableReplicas": ready, "updatedReplicas": ready}
        status["observedGeneration"] = live["metadata"]["generation"]
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": self.namespace}}
        await self.cluster._apply(DEPLOYMENTS, {**body, "status": status}, "controller", "status", True)
        self.heard()

    async def installed(self, version: str = "1.0.1", **spec: Any) -> None:
        """Submit a first version and see it through."""
        await self.submit(version, **spec)
        await self.passes()
        await self.pods_ready(version)
        await self.passes()
        await self.later(5)
        status = await self.status()
        assert status["phase"] == "Healthy", status

    async def status(self) -> Object:
        """The status as it is stored."""
        live = await self.cluster.get(MODEL_ROLLOUTS, self.namespace, self.name)
        assert live is not None
        found: Object = live.get("status", {})
        return found

    async def weights(self, split: str = EVERYBODY) -> dict[str, int]:
        """Weights of the live route in one split, by host."""
        live = await self.cluster.get(VIRTUAL_SERVICES, self.namespace, self.name)
        rules = {rule["name"]: rule for rule in live["spec"]["http"]} if live else {}
        route = rules.get(split, {}).get("route", [])
        return {item["destination"]["host"].partition(".")[0]: item["weight"] for item in route}

    async def children(self) -> dict[str, str]:
        """All objects of the rollout: name by kind and name, and their resource versions."""
        found = {}
        for resource in (DEPLOYMENTS, SERVICES, PODS, VIRTUAL_SERVICES):
            for item in await self.cluster.list(resource, self.namespace, {OWNER_LABEL: self.name}):
                found[f"{resource.plural}/{item['metadata']['name']}"] = item["metadata"]["resourceVersion"]
        return found


@asynccontextmanager
async def set_up(
    cluster: Cluster, namespace: str, *, prometheus_url: str = NOBODY, cluster_domain: str = CLUSTER_DOMAIN
) -> AsyncIterator[Stage]:
    """The parts of an operator, as its process puts them together, without watches and workers."""
    settings = Settings(
        prometheus_url=prometheus_url,
        prometheus_timeout=2.0,
        file_root="/srv/models",
        cluster_domain=cluster_domain,
    )
    prometheus = Prometheus(prometheus_url, timeout=2.0, threads=2)
    queue, telemetry, writes, clock = WorkQueue[Key](), Telemetry(), list[str](), Clock()
    world = World(cluster, cluster_domain)
    samples = SampleCache(
        Reader(prometheus, Scraping(prometheus, 1.0, time.monotonic)), queue.add, poll=0.5, clock=time.monotonic
    )
    refused: dict[tuple[Key, str], Refused] = {}
    refused_routes: dict[Key, str] = {}
    try:
        async with aiohttp.ClientSession() as http:
            inquiries = Inquiries(Acceptance(cluster, prometheus, settings, world), clock)
            troubles, prober = Troubles(cluster, clock), Prober(cluster, http, 5.0, prometheus)
            validations = Validations(clock, prober.ask)
            observer = Observer(
                samples,
                inquiries,
                References(cluster, prometheus, clock),
                validations,
                Validations(clock, prober.ask),
                Comparisons(clock, partial(shadowed, prometheus)),
                settings,
                clock,
                refused,
                refused_routes,
                {},
                troubles,
            )
            applier = Applier(cluster, world, settings.platform, clock, refused, refused_routes, writes.append)
            reconciler = Reconciler(queue, world, observer, applier, telemetry, 60.0, clock)
            yield Stage(cluster, reconciler, world, namespace, writes=writes, clock=clock)
    finally:
        prometheus.close()


def play(kubernetes: Kubernetes, story: Callable[[Stage], Awaitable[None]], **options: Any) -> None:
    """A story on a stage of its own, in a new namespace; ``options`` are those of ``set_up``."""
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        async with set_up(cluster, namespace, **options) as stage:
            await story(stage)

    kubernetes.run(body)
