"""A look at which only the samples are new: it asks for nothing else, and evidence alone may wait to be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, Cluster
from modelrollout.core.observation import SETTLE_SECONDS
from modelrollout.manifests.meta import child_name
from modelrollout.resource.rollout import parse_status
from modelrollout.runtime import recent
from modelrollout.runtime.decider import Decider
from modelrollout.runtime.recent import LONGEST, REFERENCES_AGAIN, wait_for
from tests.kubernetes import Kubernetes
from tests.prometheus_server import Scraped
from tests.runtime.stage import Stage, set_up

pytestmark = pytest.mark.apiserver

OLD, NEW = "1.0.1", "1.0.2"
ANALYSIS = {"provider": "envoy", "metrics": [{"name": "errors"}]}


class Counting(Cluster):
    """Counts every request."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster._session, cluster._server)
        self.sent: list[str] = []

    async def _send(self, method: str, path: str, **options: Any) -> Any:
        self.sent.append(f"{method} {path}")
        return await super()._send(method, path, **options)


class Release:
    """A release with a tenth of the requests, and what a gateway has counted of it."""

    def __init__(self, stage: Stage, cluster: Counting, scraped: Scraped) -> None:
        self.stage, self.cluster, self.scraped = stage, cluster, scraped
        self.counts = {OLD: [0, 0], NEW: [0, 0]}

    async def answers(self, good: int, bad: int = 0) -> None:
        """So many answers of the candidate more, and a hundred good ones of stable's; and a look at them."""
        before = self.counts[NEW]
        self.counts[NEW] = [before[0] + good, before[1] + bad]
        self.counts[OLD][0] += 100
        lines = {"envoy_server_live": 1.0}
        for name, (fine, failed) in self.counts.items():
            host = f"{child_name(self.stage.name, name)}.{self.stage.namespace}.svc.cluster.local"
            cluster = f'cluster_name="outbound|8501||{host}"'
            lines[f"envoy_cluster_upstream_cx_destroy_local_with_active_rq{{{cluster}}}"] = 0.0
            lines[f'envoy_cluster_upstream_rq{{{cluster},response_code="200"}}'] = float(fine)
            lines[f'envoy_cluster_upstream_rq{{{cluster},response_code="500"}}'] = float(failed)
        self.scraped.source.lines = lines
        await asyncio.to_thread(self.scraped.wait_for_scrape)
        await self.stage.reconciler.observer.samples.poll()
        await self.stage.passes()

    async def until_routed(self, version: str) -> None:
        """By the true clock, which samples have, too."""
        async with asyncio.timeout(60):
            while not (await self.stage.weights()).get(child_name(self.stage.name, version)):
                await asyncio.sleep(SETTLE_SECONDS / 4)
                await self.answers(0)

    async def stored(self) -> int:
        """The candidate's answers, as the API server knows them."""
        return _answers(await self.stage.status())

    @property
    def known(self) -> int:
        """And as the operator does."""
        return _answers(self.stage.reconciler.telemetry.statuses[self.stage.key])


def _answers(status: Any) -> int:
    found = parse_status(status) if isinstance(status, dict) else status
    return sum(item.candidate.requests for arm in found.arms for item in arm.metrics)


def play(kubernetes: Kubernetes, scraped: Scraped, story: Callable[[Release], Awaitable[None]]) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        counting = Counting(cluster)
        async with set_up(counting, namespace, prometheus_url=scraped.url) as stage:
            release = Release(stage, counting, scraped)
            await release.answers(0)
            for version in (OLD, NEW):
                await stage.submit(version, analysis=ANALYSIS)
                await stage.passes(2)
                await stage.pods_ready(version)
                await stage.passes(2)
                await release.until_routed(version)
            await release.answers(10)
            await stage.passes(2)
            counting.sent.clear()
            await story(release)

    kubernetes.run(body)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with so many releases that evidence waits for the longest time."""
    monkeypatch.setattr(recent, "WRITES", 0.01)


def test_with_few_releases_every_sample_is_stored_by_one_request(kubernetes: Kubernetes, scraped: Scraped) -> None:
    async def story(release: Release) -> None:
        before = await release.stored()
        release.cluster.sent.clear()
        await release.answers(7)
        assert [line.split()[0] for line in release.cluster.sent] == ["PATCH"]
        assert await release.stored() == release.known == before + 7

    play(kubernetes, scraped, story)


def test_a_look_at_which_nothing_is_new_takes_no_request(kubernetes: Kubernetes, scraped: Scraped) -> None:
    async def story(release: Release) -> None:
        await release.answers(7)
        release.cluster.sent.clear()
        await release.stage.passes(3)
        assert release.cluster.sent == []

    play(kubernetes, scraped, story)


def test_what_is_missing_is_looked_for_now_and_then(kubernetes: Kubernetes, scraped: Scraped) -> None:
    """Here the Service of its callers; a release goes on meanwhile, and most of its looks ask for nothing."""

    async def story(release: Release) -> None:
        stage = release.stage
        stage.clock.skipped += REFERENCES_AGAIN
        await stage.passes()
        assert [line for line in release.cluster.sent if line.endswith("/services")], release.cluster.sent
        await stage.service()
        stage.clock.skipped += REFERENCES_AGAIN
        await stage.passes()
        found = {item["type"]: item["status"] for item in (await stage.status())["conditions"]}
        assert found["ResolvedRefs"] == "True"

    play(kubernetes, scraped, story)


def test_with_many_evidence_alone_takes_no_request(kubernetes: Kubernetes, scraped: Scraped, busy: None) -> None:
    async def story(release: Release) -> None:
        before = release.known
        await release.answers(7)
        await release.answers(5)
        assert release.cluster.sent == []
        assert release.known == before + 12
        assert await release.stored() < release.known

    play(kubernetes, scraped, story)


def test_what_has_waited_long_enough_is_stored_and_not_judged_anew(
    kubernetes: Kubernetes, scraped: Scraped, busy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(release: Release) -> None:
        await release.answers(7)
        assert await release.stored() < release.known
        release.cluster.sent.clear()
        monkeypatch.setattr(recent, "LONGEST", 0.0)
        monkeypatch.setattr(Decider, "decide", None)
        await release.stage.passes()
        assert [line.split()[0] for line in release.cluster.sent] == ["PATCH"]
        assert await release.stored() == release.known

    play(kubernetes, scraped, story)


def test_what_is_decided_is_stored_at_once(kubernetes: Kubernetes, scraped: Scraped, busy: None) -> None:
    async def story(release: Release) -> None:
        await release.answers(0, bad=40)
        await release.answers(0, bad=40)
        assert (await release.stage.weights()).get(child_name("fraud", NEW), 0) == 0
        assert (await release.stage.status())["quarantined"][0]["version"] == NEW

    play(kubernetes, scraped, story)


def test_evidence_that_waits_is_not_lost_by_a_whole_pass(kubernetes: Kubernetes, scraped: Scraped, busy: None) -> None:
    async def story(release: Release) -> None:
        await release.answers(7)
        known = release.known
        await release.stage.command("pause")
        await release.stage.passes()
        assert await release.stored() == release.known == known
        assert (await release.stage.status())["phase"] == "Paused"

    play(kubernetes, scraped, story)


def test_who_is_killed_meanwhile_finds_the_same_in_the_counters(
    kubernetes: Kubernetes, scraped: Scraped, busy: None
) -> None:
    async def story(release: Release) -> None:
        await release.answers(7)
        await release.answers(5)
        known = release.known
        release.stage.reconciler.recent.clear()  # all that a new process does not have
        release.stage.world.forget(release.stage.key)
        await release.stage.passes()
        assert await release.stored() == release.known == known

    play(kubernetes, scraped, story)


def test_a_status_that_somebody_else_wrote_is_gone_on_from(
    kubernetes: Kubernetes, scraped: Scraped, busy: None
) -> None:
    async def story(release: Release) -> None:
        await release.answers(7)
        live = await release.cluster.get(MODEL_ROLLOUTS, *release.stage.key)
        assert live is not None
        described = {"name": release.stage.name, "namespace": release.stage.namespace}
        head = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": described}
        times = dict.fromkeys(("startedAt", "endedAt"), "2026-01-01T00:00:00.000Z")
        history = [{"version": "0.9.9", "outcome": "Promoted", "reason": "Promoted", "message": "by hand", **times}]
        await release.cluster._apply(
            MODEL_ROLLOUTS, {**head, "status": {"history": history}}, "somebody", "status", True
        )
        release.stage.heard()
        await release.stage.passes()
        found = parse_status(await release.stage.status())
        assert found.history[0].version == "0.9.9"

    play(kubernetes, scraped, story)


@pytest.mark.parametrize(("releases", "seconds"), [(0, 0.0), (1, 0.0), (15, 0.0), (75, 5.0), (500, LONGEST)])
def test_how_long_evidence_may_wait(releases: int, seconds: float) -> None:
    assert wait_for(releases) == seconds
