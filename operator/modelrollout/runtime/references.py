"""Is all there that a spec names? What may come a moment later, and so refuses nothing, is asked for until it is found:
ConfigMaps, Services of hosts in the mesh, metrics of the user's own.

Only what the operator may read is asked for: no Secrets and no claims, of which pods tell soon enough
(``core/accept/references.py``), and ConfigMaps where the installation lets it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from zlib import crc32

import aiohttp

from modelrollout.adapters.cluster import CONFIG_MAPS, SERVICES, ApiError, Cluster
from modelrollout.adapters.metrics import custom
from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway
from modelrollout.api.analysis import Metric
from modelrollout.api.live import REWARD_COUNT, REWARD_SUM
from modelrollout.core.accept.references import YET, references
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.manifests.hosts import MESH, service_command, services_of_hosts
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.world import Key

AGAIN = 5.0  # seconds that an answer stands
RECHECK = 1500.0  # seconds until what was there is looked for again; looks at rest are rarer (REST_SECONDS)
LIMIT = 10.0  # seconds for all questions of one rollout
PATIENCE = 1.0  # seconds that a pass waits for the answer; the next pass has it
_NO_SERVICE = (
    "spec.traffic.hosts: there is no Service {} in {}, so callers in the mesh cannot resolve that host; make one: {}"
)

log = logging.getLogger(__name__)

Missing = tuple[Refusal, ...]


@dataclass(slots=True)
class _Question:
    asked_of: tuple[str, int]  # uid and generation
    at: float
    task: asyncio.Task[Missing | None]


@dataclass(slots=True)
class References:
    """The questions under way. ``clock`` gives seconds, only differences count."""

    cluster: Cluster
    prometheus: Prometheus
    clock: Callable[[], float]
    _questions: dict[Key, _Question] = field(default_factory=dict)
    _due: dict[Key, float] = field(default_factory=dict)

    async def missing(self, rollout: ModelRollout, spec: Spec) -> Missing | None:
        """What is not there; None while nobody knows."""
        task = self._question(rollout, spec).task
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if not done:
            return None
        self._due[rollout.namespace, rollout.name] = self.clock() + RECHECK
        return task.result()

    def is_due(self, key: Key) -> bool:
        """Whether what was there may have gone since. The first time is anywhere within ``RECHECK``, by its name: an
        operator that has just begun has other things to do for all of them."""
        now = self.clock()
        return now >= self._due.setdefault(key, now + RECHECK * (crc32("/".join(key).encode()) / 2**32))

    def forget(self, key: Key) -> None:
        """The rollout is gone, or its spec is another one."""
        self._due.pop(key, None)
        question = self._questions.pop(key, None)
        if question is not None:
            question.task.cancel()

    def _question(self, rollout: ModelRollout, spec: Spec) -> _Question:
        """The one under way or just answered; otherwise a new one."""
        key, wanted = (rollout.namespace, rollout.name), (rollout.uid, rollout.generation)
        known = self._questions.get(key)
        if known is not None and known.asked_of != wanted:
            self.forget(key)
        elif known is not None and (not known.task.done() or self.clock() < known.at + AGAIN):
            return known
        new = self._questions[key] = _Question(wanted, self.clock(), asyncio.create_task(self._ask(rollout, spec)))
        return new

    async def _ask(self, rollout: ModelRollout, spec: Spec) -> Missing | None:
        """None when nothing is known to be missing, and not all could be asked for: it may be missing still."""
        kinds = (self._config_maps(rollout, spec), self._services(rollout, spec), self._metrics(spec))
        answers = await asyncio.gather(*map(_known, kinds))
        found = tuple(item for answer in answers for item in answer.missing)
        return found if found or all(answer.whole for answer in answers) else None

    async def _config_maps(self, rollout: ModelRollout, spec: Spec) -> AsyncIterator[Refusal]:
        for item in references(spec):
            if item.kind != "ConfigMap" or item.optional:
                continue
            if await self.cluster.get(CONFIG_MAPS, rollout.namespace, item.name) is None:
                yield item.missing(rollout.namespace)

    async def _services(self, rollout: ModelRollout, spec: Spec) -> AsyncIterator[Refusal]:
        """A host of callers in the mesh whose name nobody can resolve: a VirtualService makes no Service."""
        if MESH not in spec.traffic.gateways or spec.validate_only is not None:
            return
        for name in services_of_hosts(spec.traffic.hosts, rollout):
            if not await self.cluster.page(SERVICES, rollout.namespace, {"metadata.name": name}, most=1):
                words = _NO_SERVICE.format(name, rollout.namespace, service_command(name, rollout.namespace))
                yield Refusal(Reason.HOST_WITHOUT_SERVICE, words)

    async def _metrics(self, spec: Spec) -> AsyncIterator[Refusal]:
        """All metrics: a spec for which one is needed may have been accepted before anything served, or while
        Prometheus was away, and is not asked about again (``accepting.py``)."""
        for _, place, query in own_queries(spec):
            async for words in unknown(self.prometheus, place, query):
                yield Refusal(Reason.UNKNOWN_METRIC, f"{words}{YET}")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was found to be missing. ``whole``: all was asked for that the installation may ask for."""

    missing: Missing
    whole: bool


async def _known(asking: AsyncIterator[Refusal]) -> _Answer:
    """What was found to be missing before anything could not be asked for."""
    found, whole = list[Refusal](), True
    try:
        async with asyncio.timeout(LIMIT):
            async for item in asking:
                found.append(item)
    except (ApiError, aiohttp.ClientError, PrometheusAway, BadQuery, TimeoutError) as error:
        whole = isinstance(error, BadQuery) or (isinstance(error, ApiError) and error.status == 403)
        log.info("whether all is there that a spec names is not known: %s", str(error) or "no answer in time")
    return _Answer(tuple(found), whole)


def own_queries(spec: Spec) -> Iterator[tuple[Metric, str, str]]:
    """The user's own queries: the metric, the field, the query."""
    for index, metric in enumerate(spec.analysis.metrics):
        for name, query in metric.queries.items():
            yield metric, f"spec.analysis.metrics[{index}].{name}", query


def is_needed(rollout: ModelRollout, metric: Metric) -> bool:
    """Whether a release is judged by it: a first version is compared with nobody."""
    return metric.required and rollout.status.stable is not None


async def unknown(prometheus: Prometheus, place: str, query: str) -> AsyncIterator[str]:
    """Each metric of a query that has no series, in words. Raises PrometheusAway."""
    for name in custom.metric_names(query):
        if name not in (REWARD_SUM, REWARD_COUNT) and not await prometheus.knows(name):
            yield f"{place}: Prometheus at {prometheus.url} knows no metric {name}"
