"""What a pass sees, and when one question to the world is at fault: all the rest, and words about that one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import aiohttp
import pytest

from modelrollout.adapters import tensorflow_serving
from modelrollout.adapters.cluster import DEPLOYMENTS, PODS, SERVICES, Cluster, Resource
from modelrollout.adapters.metrics.reader import Reader
from modelrollout.adapters.metrics.scraping import Scraping
from modelrollout.adapters.prometheus import Prometheus
from modelrollout.adapters.shadowed import shadowed
from modelrollout.adapters.tensorflow_serving import ModelState
from modelrollout.api.route import EVERYBODY, MATCHED
from modelrollout.core.observation import LiveRoute, Observation, Refusal, Unavailable
from modelrollout.core.plan import Questions, Reason
from modelrollout.core.validate.probed import Probed
from modelrollout.manifests.meta import SPLIT_LABEL, child_name, selector_labels
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.observe import observe
from modelrollout.runtime.observer import Observer
from modelrollout.runtime.probing import Prober
from modelrollout.runtime.references import References
from modelrollout.runtime.samples import SampleCache
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.shadowing import Comparisons
from modelrollout.runtime.troubles import Troubles
from modelrollout.runtime.validating import Inquiry, Validations
from modelrollout.runtime.workloads import Refused
from modelrollout.runtime.world import Snapshot
from tests.adapters.gateway import Gateway, serving

Object = dict[str, Any]

OLD, NEW, NEWER = "1.0.1", "1.0.2", "1.0.3"
BOTH = (MATCHED, EVERYBODY)
NOBODY = "http://127.0.0.1:9"
CANARY = {"canary": {"steps": [{"setWeight": 10, "for": "1h"}]}}
FROM_CONFIG_MAP = {"blueGreen": {"smoke": {"configMap": "bodies"}}}
WRITTEN_OUT = {"blueGreen": {"smoke": {"requests": [{"instances": [[1, 2]]}]}}}
MADE = "2026-11-23T08:00:00Z"
MADE_AT = 1795420800.0


class Broken:
    """Raises whatever it is asked for, as a fault of our own would."""

    def scrape_interval(self, _: object) -> None:
        """Nothing was measured."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError("value")


async def nobody(asked: Inquiry) -> Probed:
    """No server that could be asked."""
    return Probed(unread=f"nobody is at {asked.arm.pods}")


class Empty:
    """A cluster without objects."""

    async def get(self, resource: Resource, namespace: str, name: str) -> None:
        """There is no such object."""


def rollout(strategy: Object = CANARY, digests: dict[str, str] | None = None) -> ModelRollout:
    """Two arms under trial beside the version that serves; with what the status records of their digests."""

    def described(version: str) -> Object:
        return {
            "version": version,
            "uri": f"https://x.example/{version}.tar.gz",
            "digest": (digests or {}).get(version),
        }

    trial = {
        "startedAt": MADE,
        "strategy": next(iter(strategy)),
        "arms": [described(NEW), described(NEWER)],
        "route": {"splits": [{"name": EVERYBODY, "shares": {OLD: 100}}]},
    }
    return ModelRollout.from_json(
        {
            "metadata": {"name": "fraud", "namespace": "prod", "uid": "u"},
            "spec": {
                "model": {"name": "fraud", "version": NEW, "uri": f"https://x.example/{NEW}.tar.gz"},
                "traffic": {"hosts": ["fraud.example.com"], "gateways": ["istio-system/public"]},
                "strategy": strategy,
            },
            "status": {"stable": described(OLD), "trial": trial},
        }
    )


def spec_of(one: ModelRollout) -> Spec:
    assert isinstance(one.spec, Spec), one.spec
    return one.spec


def deployment(version: str) -> Object:
    described = {"name": child_name("fraud", version), "labels": selector_labels("fraud", version)}
    return {
        "metadata": {**described, "creationTimestamp": MADE},
        "spec": {"replicas": 1},
        "status": {"readyReplicas": 1},
    }


def service(version: str, split: str) -> Object:
    labels = {**selector_labels("fraud", version), SPLIT_LABEL: split}
    name = child_name("fraud", version, split)
    return {"metadata": {"name": name, "labels": labels, "creationTimestamp": MADE}, "spec": {}}


def pod(version: str, address: str) -> Object:
    """One that has fetched its model and is ready."""
    fetched = {"terminated": {"exitCode": 0, "message": f'{{"digest": "sha256:{version}"}}'}}
    return {
        "metadata": {"name": f"pod-{version}", "uid": version, "labels": selector_labels("fraud", version)},
        "status": {
            "podIP": address,
            "conditions": [{"type": "Ready", "status": "True"}],
            "initContainerStatuses": [{"name": "fetch", "ready": True, "state": fetched}],
        },
    }


VERSIONS = (OLD, NEW, NEWER)
OBJECTS: dict[Resource, list[Object]] = {
    DEPLOYMENTS: [deployment(version) for version in VERSIONS],
    SERVICES: [service(version, split) for version in (OLD, NEW) for split in BOTH] + [service(NEWER, EVERYBODY)],
    PODS: [pod(version, f"10.0.0.{number}") for number, version in enumerate(VERSIONS)],
}


def everything(one: ModelRollout) -> Questions:
    """All that a pass can ask."""
    spec = spec_of(one)
    return Questions(spec, OLD, (NEW, NEWER), BOTH, smoke=(NEW, NEWER), acceptance=spec, baseline=True)


def look(
    one: ModelRollout,
    asked: Questions,
    change: Callable[[Observer], Observer] = lambda observer: observer,
    gateway: Gateway | None = None,
) -> Observation:
    """One observation, with nobody at Prometheus' address."""

    async def body() -> Observation:
        prometheus = Prometheus(NOBODY, timeout=2.0, threads=2)
        scraping = Scraping(prometheus, 1.0, time.monotonic)
        samples = SampleCache(Reader(prometheus, scraping), lambda key, delay: None, poll=0.5, clock=time.monotonic)
        snapshot = Snapshot({kind: {item["metadata"]["name"]: item for item in of} for kind, of in OBJECTS.items()})
        try:
            async with serving(gateway or Gateway()) as url, aiohttp.ClientSession() as http:
                settings, cluster = Settings(gateway_url=url, smoke_timeout=5.0), cast(Cluster, Empty())
                observer = Observer(
                    samples=samples,
                    inquiries=Broken(),  # type: ignore[arg-type]
                    references=References(cluster, prometheus, time.monotonic),
                    validations=Validations(time.monotonic, nobody),
                    smokes=Validations(time.monotonic, Prober(cluster, http, 5.0, prometheus).ask),
                    comparisons=Comparisons(time.monotonic, partial(shadowed, prometheus)),
                    settings=settings,
                    clock=lambda: 7.0,
                    refused={},
                    refused_routes={},
                    confirmed={("prod", "fraud"): set(VERSIONS)},
                    troubles=Troubles(Empty(), lambda: 7.0),  # type: ignore[arg-type]
                )
                return await observe(one, snapshot, asked, change(observer))
        finally:
            prometheus.close()

    return asyncio.run(body())


def in_every_split(words: str) -> dict[tuple[str, str], Unavailable]:
    return {("errors", split): Unavailable("errors", words) for split in BOTH}


def of_every_arm(words: str) -> dict[str, str]:
    return dict.fromkeys((NEW, NEWER), words)


def unsent(found: Observation) -> dict[str, str | None]:
    """Why smoke requests were not sent, by version."""
    return {version: probed.unsent for version, probed in found.smoke.items()}


NOT_CHECKED = Refusal(Reason.NOT_CHECKED, "the spec could not be checked, trying again: 'value'")
NO_CONFIG_MAP = "ConfigMap bodies is missing or empty; each key holds one body in JSON"

FAULTS: dict[str, tuple[Callable[[Observer], Observer], Callable[[Observation], bool]]] = {
    "samples": (
        lambda observer: replace(observer, samples=Broken()),  # type: ignore[arg-type]
        lambda found: dict(found.samples) == in_every_split("'value'") and found.baseline is None,
    ),
    "acceptance": (lambda observer: observer, lambda found: found.refusal == NOT_CHECKED),
    "smoke requests": (
        lambda observer: replace(observer, smokes=Broken()),  # type: ignore[arg-type]
        lambda found: unsent(found) == of_every_arm("'value'"),
    ),
    "a ConfigMap that is missing": (
        lambda observer: observer,
        lambda found: unsent(found) == of_every_arm(NO_CONFIG_MAP),
    ),
}


@pytest.mark.parametrize(("change", "is_said"), FAULTS.values(), ids=FAULTS)
def test_one_fault_does_not_end_the_pass(
    change: Callable[[Observer], Observer], is_said: Callable[[Observation], bool]
) -> None:
    one = rollout(FROM_CONFIG_MAP)
    found = look(one, everything(one), change)
    assert is_said(found), found
    assert set(found.workloads) == set(VERSIONS)


def test_without_prometheus_every_metric_is_away_in_every_split() -> None:
    one = rollout()
    found = look(one, Questions(spec_of(one), OLD, (NEW, NEWER), BOTH)).samples
    assert set(found) == {("errors", split) for split in BOTH}
    assert all(isinstance(item, Unavailable) and not item.invalid for item in found.values())


def test_nothing_that_was_not_asked_for() -> None:
    one = rollout(WRITTEN_OUT)
    found = look(one, Questions(spec_of(one), OLD, (NEW, NEWER)))
    assert (found.samples, found.smoke, found.refusal, found.baseline) == ({}, {}, None, None)


ELSEWHERE = f"answered by version {NEW} with status 200: the request did not reach {NEWER}"
# What a strategy wants, of whom -> how many answers of each, or why there are none
SMOKE: dict[str, tuple[Object, tuple[str, ...], dict[str, object]]] = {
    "an arm": (WRITTEN_OUT, (NEW,), {NEW: 1}),
    "each arm by itself": (WRITTEN_OUT, (NEW, NEWER), {NEW: 1, NEWER: ELSEWHERE}),
    "a strategy that sends none": (CANARY, (NEW,), {}),
}


@pytest.mark.parametrize(("strategy", "versions", "expected"), SMOKE.values(), ids=SMOKE)
def test_smoke_requests_of_whatever_strategy(
    strategy: Object, versions: tuple[str, ...], expected: dict[str, object]
) -> None:
    one, gateway = rollout(strategy), Gateway(version=NEW)
    found = look(one, Questions(spec_of(one), OLD, (NEW, NEWER), smoke=versions), gateway=gateway).smoke
    answers = {
        version: probed.unsent if probed.sent is None else len(probed.sent.first) for version, probed in found.items()
    }
    assert answers == expected
    assert all(headers["x-model-preview"] == "green" for _, _, headers, _ in gateway.asked)


def test_since_when_a_version_can_be_reached_by_split() -> None:
    found = look(rollout(), Questions()).workloads
    assert {version: dict(item.services) for version, item in found.items()} == {
        OLD: dict.fromkeys(BOTH, MADE_AT),
        NEW: dict.fromkeys(BOTH, MADE_AT),
        NEWER: {EVERYBODY: MADE_AT},
    }
    assert {item.created_at for item in found.values()} == {MADE_AT}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_whose_files_are_not_those_on_record(version: str) -> None:
    found = look(rollout(digests={version: "sha256:other"}), Questions()).workloads
    words = f"its pods fetched sha256:{version}, but it is recorded with sha256:other; a version never changes"
    assert {name: item.failure for name, item in found.items() if item.failure} == {version: words}


def test_what_the_api_server_refused_is_seen() -> None:
    key = "prod", "fraud"
    refused = {(key, NEWER): Refused("no such field", True), (("prod", "other"), NEW): Refused("not ours", True)}
    routes = {key: "no such gateway"}
    found = look(rollout(), Questions(), lambda observer: replace(observer, refused=refused, refused_routes=routes))
    assert {name: item.waiting for name, item in found.workloads.items() if item.refused} == {NEWER: "no such field"}
    assert found.route == LiveRoute(refused="no such gateway")


def test_the_servers_of_every_arm_are_asked_and_of_no_other_version(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def states(addresses: Sequence[str], model: str, number: int) -> list[ModelState | None]:
        asked.extend(addresses)
        return [ModelState("LOADING") if address.startswith("10.0.0.2") else None for address in addresses]

    monkeypatch.setattr(tensorflow_serving, "model_states", states)
    one = rollout()
    asked_for = Questions(spec_of(one), OLD, (NEW, NEWER))
    found = look(one, asked_for, lambda observer: replace(observer, confirmed={})).workloads
    assert sorted(asked) == ["10.0.0.1:8500", "10.0.0.2:8500"]
    assert {version: item.ready for version, item in found.items()} == {OLD: 1, NEW: 1, NEWER: 0}
    assert found[NEWER].waiting == f"the server of pod pod-{NEWER} says LOADING"
