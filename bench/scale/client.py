"""The API server as the bench sees it: many requests at a time, and watches."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

NAMESPACE = "scale"
ROLLOUTS = f"/apis/modelrollout.dev/v1alpha1/namespaces/{NAMESPACE}/modelrollouts"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
ROUTES = f"/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/virtualservices"
MERGE = "application/merge-patch+json"

Object = dict[str, Any]


class Refused(Exception):
    """The API server's answer."""


@dataclass(frozen=True, slots=True)
class Client:
    """One session."""

    session: aiohttp.ClientSession

    async def send(
        self, method: str, path: str, body: object = None, content: str = "application/json", fine: tuple[int, ...] = ()
    ) -> Object:
        """One request; ``fine`` are statuses above 399 that are no error."""
        data = None if body is None else json.dumps(body)
        async with self.session.request(method, path, data=data, headers={"Content-Type": content}) as response:
            text = await response.read()
            if response.status >= 400 and response.status not in fine:
                raise Refused(f"{method} {path}: {response.status} {text[:300]!r}")
            answer: Object = json.loads(text)
            return answer

    async def watch(self, path: str) -> AsyncIterator[tuple[str, Object]]:
        """What there is and what becomes of it, for ever: the kind of event and the object."""
        while True:
            found = await self.send("GET", path)
            for item in found["items"]:
                yield "ADDED", item
            query = f"?watch=1&resourceVersion={found['metadata']['resourceVersion']}&timeoutSeconds=3000"
            async with self.session.get(path + query) as response:
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break
                    yield event["type"], event["object"]


@asynccontextmanager
async def client(kubeconfig: Path, connections: int = 8) -> AsyncIterator[Client]:
    """By the token and the certificate of a kubeconfig."""
    found = yaml.safe_load(await asyncio.to_thread(kubeconfig.read_text))
    cluster, user = found["clusters"][0]["cluster"], found["users"][0]["user"]
    tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
    async with aiohttp.ClientSession(
        base_url=cluster["server"],
        connector=aiohttp.TCPConnector(limit=connections, ssl=tls),
        headers={"Authorization": f"Bearer {user['token']}", "User-Agent": "bench"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        read_bufsize=2**22,
    ) as session:
        yield Client(session)


async def for_each(numbers: range, act: Callable[[int], Awaitable[object]], at_once: int = 6) -> None:
    """All of them, a few at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with gate:
            await act(number)

    await asyncio.gather(*(one(number) for number in numbers))
