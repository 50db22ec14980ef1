"""Can a spec be accepted, as things are in the cluster? What the spec alone can tell was checked before.

Asked once for each generation of a spec, before anything of it is applied. When Prometheus is away nothing is said
about its metrics: a release must be possible then, and it will be blind until Prometheus is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, VIRTUAL_SERVICES, Cluster
from modelrollout.adapters.metrics import custom
from modelrollout.adapters.metrics.base import Target
from modelrollout.adapters.metrics.splits import split_problem
from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway
from modelrollout.api.analysis import Metric
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.manifests.allowed_hosts import forbidden_host, host_rules
from modelrollout.manifests.hosts import host_problem
from modelrollout.manifests.meta import name_problem
from modelrollout.manifests.platform import file_root_problem
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.dry_run import refused_object
from modelrollout.runtime.mesh_filter import missing_filter
from modelrollout.runtime.references import is_needed, own_queries, unknown
from modelrollout.runtime.rivals import rival
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.world import World

Object = dict[str, Any]

_WAYS = "correct the name, let the metric be scraped first, or say required: false"
QUERIES_LIMIT = 10.0  # seconds; a Prometheus that takes longer is as good as away


class Acceptance:
    """Asks the cluster and Prometheus. ``world`` knows whose hosts are whose, once it has been told of all."""

    def __init__(
        self, cluster: Cluster, prometheus: Prometheus, settings: Settings, world: World | None = None
    ) -> None:
        self._cluster = cluster
        self._world = world
        self._prometheus = prometheus
        self._platform = settings.platform
        self._host_rules = host_rules(settings.hosts)
        self._mesh_hash_namespace = settings.mesh_hash_namespace
        self._namespaces: tuple[str | None, ...] = settings.namespaces or (None,)

    async def refusal(self, rollout: ModelRollout, spec: Spec) -> Refusal | None:
        """The first reason to refuse the spec, or None."""
        wrong = (
            name_problem(rollout)
            or file_root_problem(spec, self._platform)
            or host_problem(rollout, spec)
            or forbidden_host(rollout, spec, self._host_rules)
            or _unjudged(spec)
            or (await self._taken(rollout, spec) if spec.validate_only is None else None)
            or await missing_filter(self._cluster, self._mesh_hash_namespace, spec)
        )
        if wrong is not None:
            return wrong
        metric, refused = await asyncio.gather(
            self._wrong_metric(rollout, spec), refused_object(self._cluster, rollout, spec, self._platform)
        )
        return metric or refused

    async def _taken(self, rollout: ModelRollout, spec: Spec) -> Refusal | None:
        """A VirtualService of our name that is not ours, or a host that somebody else routes at the same gateway."""
        routes, rollouts = await self._claimants(rollout, spec)
        return rival(rollout, spec, routes, rollouts, self._host_rules)

    async def _claimants(self, rollout: ModelRollout, spec: Spec) -> tuple[Sequence[Object], Sequence[Object]]:
        """VirtualServices and ModelRollouts that may be in the way: those that name one of the hosts, and the
        VirtualService of our name. Before all of them are known, all that there are."""
        if self._world is None or not self._world.listed:
            routes = [item for name in self._namespaces for item in await self._cluster.list(VIRTUAL_SERVICES, name)]
            return routes, [
                item for name in self._namespaces for item in await self._cluster.list(MODEL_ROLLOUTS, name)
            ]
        found = self._world.claimants(spec.traffic.hosts, rollout.namespace)
        ours = (await self._world.look((rollout.namespace, rollout.name))).virtual_service
        return [*([] if ours is None else [ours]), *found[VIRTUAL_SERVICES]], found[MODEL_ROLLOUTS]

    async def _wrong_metric(self, rollout: ModelRollout, spec: Spec) -> Refusal | None:
        """All queries of the user's own that Prometheus refuses, or that a release cannot be judged by: who has
        corrected one should not hear of the next one then. While Prometheus is away, what was found by then; a missing
        metric alone is waited for, so a wrong query counts more. Raises PrometheusAway or TimeoutError where nothing
        was, and something is needed: what nobody could look at is not in order."""
        found = list[Refusal]()
        try:
            async with asyncio.timeout(QUERIES_LIMIT):
                for metric, place, query in own_queries(spec):
                    found += [item async for item in self._problems(rollout, spec, metric, place, query)]
        except (PrometheusAway, TimeoutError):
            if not found and any(is_needed(rollout, metric) for metric, _, _ in own_queries(spec)):
                raise
        wrong = [item.message for item in found if item.reason is Reason.INVALID_METRIC]
        names = [item.message for item in found if item.reason is Reason.UNKNOWN_METRIC]
        if not found:
            return None
        reason = Reason.INVALID_METRIC if wrong else Reason.UNKNOWN_METRIC
        return Refusal(reason, "; ".join([*wrong, *names, *([_WAYS] if names else [])]))

    async def _problems(
        self, rollout: ModelRollout, spec: Spec, metric: Metric, place: str, query: str
    ) -> AsyncIterator[Refusal]:
        """What is wrong with one of them: the field, the query, Prometheus' words."""
        target = Target(rollout.namespace, rollout.name, spec.model.version)
        try:
            await self._prometheus.query(custom.fill(query, target))
        except BadQuery as error:
            yield Refusal(Reason.INVALID_METRIC, f"{place}: Prometheus refuses {query!r}: {error}")
            return
        if is_needed(rollout, metric):
            async for words in unknown(self._prometheus, place, query):
                yield Refusal(Reason.UNKNOWN_METRIC, words)


def _unjudged(spec: Spec) -> Refusal | None:
    """Metrics that cannot tell the requests of ``match`` from all others."""
    problem = split_problem(spec)
    return Refusal(Reason.INVALID_METRIC, problem) if problem is not None else None
