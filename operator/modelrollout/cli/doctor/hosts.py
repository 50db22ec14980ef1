"""Hosts in the mesh: whether callers can resolve them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelrollout.cli.doctor.found import Finding, State
from modelrollout.cli.doctor.look import Look, NotSeen
from modelrollout.manifests.hosts import MESH, service_command, services_of_hosts
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

AREA = "hosts in the mesh"


def mesh_hosts(look: Look, rollouts: Sequence[ModelRollout]) -> Iterator[Finding]:
    """The Services that rollouts in the mesh name as hosts: people make them, and routes alone resolve no name."""
    for rollout in rollouts:
        spec = rollout.spec
        if not isinstance(spec, Spec) or MESH not in spec.traffic.gateways:
            continue
        for name in services_of_hosts(spec.traffic.hosts, rollout):
            yield _of(look, rollout, name)


def _of(look: Look, rollout: ModelRollout, name: str) -> Finding:
    try:
        found = look.one(f"/api/v1/namespaces/{rollout.namespace}/services/{name}")
    except NotSeen as error:
        words = f"Service {name} of {rollout.key} cannot be looked at: {error}"
        return Finding(AREA, State.UNKNOWN, words, "ask somebody who may get services")
    if found is not None:
        return Finding(AREA, State.THERE, f"{rollout.key}: Service {name} is there for callers to resolve")
    words = f"{rollout.key}: there is no Service {name} in {rollout.namespace}, so callers cannot resolve that host"
    return Finding(AREA, State.MISSING, words, service_command(name, rollout.namespace))
