"""``python -m bench.scale.world KUBECONFIG COUNTERS LOG``: stands for controllers, scheduler, kubelets and gateways.

Every Deployment gets its pod, ready at once, and its status; the versions of every VirtualService get 100 requests
a second in the counters, by their shares. Each change of weights goes with its time to LOG, a JSON line each.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import aiohttp

from bench.scale.client import DEPLOYMENTS, MERGE, PODS, ROUTES, Client, Object, Refused, client

RATE = 100.0  # requests/s of each rollout, by the shares of its versions


@dataclass
class World:
    """What has been done so far."""

    api: Client
    http: aiohttp.ClientSession
    counters: str
    log: TextIO
    done: set[tuple[str, int]] = field(default_factory=set)
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def deployments(self) -> None:
        """A pod for each."""
        async for kind, item in self.api.watch(DEPLOYMENTS):
            name, known = item["metadata"]["name"], (item["metadata"]["uid"], item["metadata"]["generation"])
            if kind == "DELETED":
                self._start(self._removed(name))
            elif known not in self.done:
                self.done.add(known)
                self._start(self._ready(item))

    async def routes(self) -> None:
        """The requests that each version gets."""
        async for kind, item in self.api.watch(ROUTES):
            name, now = item["metadata"]["name"], time.time()
            shares = {} if kind == "DELETED" else _shares(item)
            before, self.shares[name] = self.shares.get(name, {}), shares
            self.log.write(json.dumps([now, name, shares]) + "\n")
            changed = [host for host in {*before, *shares} if before.get(host) != shares.get(host)]
            if changed:
                wanted = [{"host": host, "rate": RATE * shares.get(host, 0.0) / 100} for host in changed]
                async with self.http.post(f"{self.counters}/versions", json=wanted):
                    pass

    async def _ready(self, deployment: Object) -> None:
        name, generation = deployment["metadata"]["name"], deployment["metadata"]["generation"]
        async with self.gate:
            if generation == 1:
                await self.api.send("POST", PODS, _pod(deployment), fine=(409,))
                await self.api.send("PATCH", f"{PODS}/{name}-0/status", _pod_status(deployment), MERGE)
            replicas = deployment["spec"].get("replicas", 1)
            counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), replicas)
            body = {"status": {"observedGeneration": generation, **counts}}
            await self.api.send("PATCH", f"{DEPLOYMENTS}/{name}/status", body, MERGE, fine=(404,))

    async def _removed(self, name: str) -> None:
        await self.api.send("DELETE", f"{PODS}/{name}-0", {"gracePeriodSeconds": 0}, fine=(404,))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_told(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def _told(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Refused as error:
        print(error, flush=True)


def _shares(route: Object) -> dict[str, float]:
    """Of the last rule, which is everybody's."""
    rules = route["spec"].get("http", [{"route": []}])
    return {item["destination"]["host"]: item.get("weight", 100) for item in rules[-1]["route"]}


def _pod(deployment: Object) -> Object:
    template, name = deployment["spec"]["template"], deployment["metadata"]["name"]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-1", "uid": deployment["metadata"]["uid"]}
    described = {"name": f"{name}-0", "namespace": deployment["metadata"]["namespace"], **template["metadata"]}
    described["labels"] = {**described["labels"], "pod-template-hash": "1"}
    described["ownerReferences"] = [{**owner, "controller": True}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": described, "spec": {**template["spec"], "nodeName": "n1"}}


def _pod_status(deployment: Object) -> Object:
    now, name = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), deployment["metadata"]["name"]
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    fetched = {"digest": "sha256:" + hashlib.sha256(name.encode()).hexdigest(), "bytes": 1000}
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now, "message": json.dumps(fetched)}
    both = {"image": image, "imageID": image, "ready": True, "restartCount": 0}
    kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    return {
        "status": {
            "phase": "Running",
            "startTime": now,
            "conditions": [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in kinds],
            "initContainerStatuses": [{"name": "fetch", **both, "state": {"terminated": ended}}],
            "containerStatuses": [
                {"name": "serving", **both, "started": True, "state": {"running": {"startedAt": now}}}
            ],
        }
    }


async def main(kubeconfig: Path, counters: str, log: Path) -> None:
    """Until the process is ended."""
    async with client(kubeconfig, 12) as api, aiohttp.ClientSession() as http:
        with log.open("a", buffering=1) as file:
            world = World(api, http, counters, file)
            await asyncio.gather(world.deployments(), world.routes())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
