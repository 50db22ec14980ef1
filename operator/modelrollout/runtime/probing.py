"""One question to the servers of an arm and of the control: signatures by gRPC, then the samples."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from modelrollout.adapters import grpc_samples, memory, samples, tensorflow_serving
from modelrollout.adapters.cluster import CONFIG_MAPS, ApiError, Cluster
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.adapters.samples import Destination, Unreachable
from modelrollout.api.samples import Samples
from modelrollout.api.signature import Signatures
from modelrollout.api.version import ModelVersion
from modelrollout.core.validate.answer import Answer
from modelrollout.core.validate.probed import Memory, Probed, Sent
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT
from modelrollout.runtime import beside
from modelrollout.runtime.given_samples import (
    NotSent,
    bodies,
    described,
    from_model,
    given,
    in_config_map,
    is_by_grpc,
)
from modelrollout.runtime.memory_limits import Measured
from modelrollout.runtime.smoke_way import check_service
from modelrollout.runtime.validating import Inquiry, Server

PODS_TRIED = 3  # of a version; they all hold the same model
WHOLE_LIMIT = 120.0  # seconds for all samples of one version
CONFIG_MAP_LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class Prober:
    """``time_limit`` of one sample in seconds; ``memory_patience`` for a first sample of memory in Prometheus."""

    cluster: Cluster
    http: aiohttp.ClientSession
    time_limit: float
    prometheus: Prometheus
    memory_patience: float = 90.0

    async def ask(self, asked: Inquiry) -> Probed:
        """Everything that the settings want to know."""
        if asked.mesh is not None and asked.samples is not None:
            return await self._with_samples(asked, asked.samples, Probed())
        if asked.against is None:
            return await self._of_servers(asked)
        try:
            control = await beside.serving(self.cluster, asked.namespace, asked.against, asked.model)
        except beside.NotKnown as error:
            return replace(await self._of_servers(asked), control_unknown=str(error))
        probed = await self._of_servers(replace(asked, control=control))
        return replace(probed, control=control.version if control is not None else None)

    async def _of_servers(self, asked: Inquiry) -> Probed:
        if asked.memory is None:
            return await self._answered(asked)
        try:
            limits = _limits(asked.memory, asked.arm)
            before = await memory.newest(self.prometheus, asked.memory.place)
            probed = await self._answered(asked)
        except memory.NotMeasured as error:
            return replace(await self._answered(asked), unmeasured=str(error))
        try:
            used = await memory.most_since(self.prometheus, asked.memory.place, before, self.memory_patience)
        except memory.NotMeasured as error:
            return replace(probed, unmeasured=str(error))
        return replace(probed, memory=tuple(Memory(pod, used[pod], limit) for pod, limit in limits.items()))

    async def _answered(self, asked: Inquiry) -> Probed:
        found, of_control, unread = await signatures(asked)
        probed = Probed(found, of_control, unread)
        return probed if asked.samples is None else await self._with_samples(asked, asked.samples, probed)

    async def _with_samples(self, asked: Inquiry, wanted: Samples, probed: Probed) -> Probed:
        golden: Mapping[str, Any] = {}
        try:
            if asked.mesh is not None and asked.mesh.service is not None:
                await check_service(self.cluster, asked.namespace, asked.mesh.service)
            requests = await self._samples(asked, wanted)
            if wanted.golden is not None:
                golden = await self._bodies(asked.namespace, wanted.golden.config_map, wanted.golden.answers)
            sent = await self._sent(asked, wanted, requests)
        except NotSent as error:
            return replace(probed, unsent=str(error))
        probed = replace(probed, requests=described(requests), golden=golden, sent=sent)
        if wanted.agreement is None or asked.control is None:
            return probed
        try:
            theirs = await self._in_time(asked.control, asked, requests, warm_up=0)
            return replace(probed, sent=replace(sent, by_control=theirs))
        except NotSent as error:
            return replace(probed, control_unsent=str(error))

    async def _sent(self, asked: Inquiry, wanted: Samples, requests: Mapping[str, Any]) -> Sent:
        """Warm up, then all of them, and all of them again."""
        warm_up = wanted.warm_up
        answers = await self._in_time(asked.arm, asked, requests, warm_up=warm_up, times=2)
        cold, counted = (answers[0].seconds if warm_up else None), answers[warm_up:]
        return Sent(counted[: len(requests)], counted[len(requests) :], cold)

    async def _in_time(
        self, server: Server, asked: Inquiry, requests: Mapping[str, Any], *, warm_up: int, times: int = 1
    ) -> tuple[Answer, ...]:
        by_grpc = asked.samples is not None and is_by_grpc(asked.samples, requests)
        to = self._destination(server, asked, by_grpc)
        order = [next(iter(requests.items()))] * warm_up + list(requests.items()) * times
        try:
            if by_grpc:
                return await grpc_samples.send_all(to, order, WHOLE_LIMIT)
            async with asyncio.timeout(WHOLE_LIMIT):
                return await samples.send_all(self.http, to, order)
        except Unreachable as error:
            raise NotSent(str(error) if asked.mesh is not None else f"{server.version} at {error}") from error
        except TimeoutError as error:
            raise NotSent(f"{server.version} took longer than {WHOLE_LIMIT:g} s for all of them; give fewer") from error

    def _destination(self, server: Server, asked: Inquiry, by_grpc: bool) -> Destination:
        """Raises NotSent."""
        number = ModelVersion.parse(server.version).serving_number
        if asked.mesh is not None:
            if by_grpc:
                raise NotSent("recorded requests go by gRPC, and none go so through the mesh; give bodies in JSON")
            return Destination("", asked.model, number, self.time_limit, asked.mesh)
        if not server.pods:
            raise NotSent(f"no pod of {server.version} is ready")
        address = f"{server.pods[0]}:{GRPC_PORT if by_grpc else REST_PORT}"
        return Destination(address, asked.model, number, self.time_limit)

    async def _samples(self, asked: Inquiry, wanted: Samples) -> Mapping[str, Any]:
        """By name: bodies of ``:predict``, and recorded requests."""
        if wanted.from_model:
            return from_model(asked.arm)
        if wanted.config_map is None:
            return given(wanted.requests)
        return in_config_map(wanted.config_map, await self._config_map(asked.namespace, wanted.config_map))

    async def _bodies(self, namespace: str, config_map: str | None, inline: tuple[Any, ...]) -> Mapping[str, Any]:
        """Golden answers by the names of their samples."""
        if config_map is None:
            return given(inline)
        return bodies(config_map, await self._config_map(namespace, config_map))

    async def _config_map(self, namespace: str, name: str) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(CONFIG_MAP_LIMIT):
                found = await self.cluster.get(CONFIG_MAPS, namespace, name)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            raise NotSent(f"ConfigMap {name} cannot be read: {str(error) or 'no answer in time'}") from error
        return found or {}


def _limits(asked: Measured, arm: Server) -> Mapping[str, float]:
    """The memory limit of each pod. Raises NotMeasured where one has none."""
    if not asked.place.pods:
        raise memory.NotMeasured(f"no pod of {arm.version} is ready")
    found = dict(zip(asked.place.pods, asked.limits, strict=True))
    for pod, limit in found.items():
        if limit is None:
            raise memory.NotMeasured(
                f"the server of {pod} has no memory limit to be a part of; set spec.serving.resources.limits.memory"
            )
    return {pod: limit for pod, limit in found.items() if limit is not None}


async def signatures(asked: Inquiry) -> tuple[Signatures | None, Signatures | None, str | None]:
    """The arm's, the control's, and why there are none."""
    servers = [server for server in (asked.arm, asked.control) if server is not None]
    targets = [
        (f"{pod}:{GRPC_PORT}", ModelVersion.parse(server.version).serving_number)
        for server in servers
        for pod in server.pods[:PODS_TRIED]
    ]
    answers = await tensorflow_serving.model_signatures(targets, asked.model)
    by_address = dict(zip([address for address, _ in targets], answers, strict=True))
    found = [_of_server(server, by_address) for server in servers]
    unread = [words for words in found if isinstance(words, str)]
    known = [None if isinstance(item, str) else item for item in found]
    return known[0], known[1] if len(known) > 1 else None, "; ".join(unread) or None


def _of_server(server: Server, answers: dict[str, Signatures | str]) -> Signatures | str:
    """The first pod's that answers."""
    if not server.pods:
        return f"no pod of {server.version} is ready"
    said = [answers[f"{pod}:{GRPC_PORT}"] for pod in server.pods[:PODS_TRIED]]
    known = next((item for item in said if not isinstance(item, str)), None)
    return known if known is not None else f"{server.version} at {server.pods[0]}:{GRPC_PORT}: {said[0]}"
