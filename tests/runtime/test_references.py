"""ConfigMaps that a spec names and that are not there: told when the spec is accepted, until they are; nothing is
refused for it. On a real API server, and where the operator may not read them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.adapters.cluster import CONFIG_MAPS, EVENTS, ApiError
from modelrollout.core.observation import Refusal
from modelrollout.resource.rollout import parse_spec
from modelrollout.resource.spec import Spec
from modelrollout.runtime.references import AGAIN, References
from tests.core.world import CANARY, World
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Object, Stage, play

FIELD = "spec.serving.template.spec.volumes[0].configMap.name"


def template(*, optional: bool = False) -> Object:
    volume = {"name": "features", "configMap": {"name": "features", "optional": optional}}
    return {"template": {"spec": {"volumes": [volume]}}}


async def resolved(stage: Stage) -> tuple[str, str]:
    found = {item["type"]: item for item in (await stage.status())["conditions"]}["ResolvedRefs"]
    return found["status"], found["message"]


@pytest.mark.apiserver
def test_a_config_map_that_comes_later(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.service()
        await stage.installed(serving=template())
        said = f'{FIELD} "features": there is no ConfigMap features in {stage.namespace}; make it, or correct the field'
        assert await resolved(stage) == ("False", said)
        told = [item["message"] for item in await stage.cluster.list(EVENTS, stage.namespace)]
        assert told.count(said) == 1
        described = {"name": "features", "namespace": stage.namespace}
        await stage.cluster.create(CONFIG_MAPS, {"metadata": described, "data": {}})
        await stage.later(AGAIN)
        assert (await resolved(stage))[0] == "True", "it clears by itself"

    play(kubernetes, story)


@pytest.mark.apiserver
def test_one_that_may_be_missing_is_not_told_of(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.service()
        await stage.installed(serving=template(optional=True))
        assert (await resolved(stage))[0] == "True"

    play(kubernetes, story)


class Shelf:
    """A cluster without ConfigMaps, which counts how often it is asked."""

    def __init__(self, error: ApiError | None = None) -> None:
        self.error, self.asked = error, 0

    async def get(self, *_: object) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error

    async def page(self, *_: object, **__: object) -> list[object]:
        return [{}]


def asked(shelf: Shelf, times: int, every: float = 0.0) -> tuple[Refusal, ...] | None:
    """The last of so many answers, seconds apart."""
    spec = parse_spec({**World.of(CANARY).spec, "serving": template()})
    assert isinstance(spec, Spec), spec
    one, unused, now = replace(World.of(CANARY).rollout, spec=spec), Any, 0.0

    async def body() -> tuple[Refusal, ...] | None:
        nonlocal now
        references, answer = References(shelf, unused, lambda: now), None  # type: ignore[arg-type]  # all it asks
        for _ in range(times):
            answer = await references.missing(one, spec)
            now += every
        return answer

    return asyncio.run(body())


def test_an_installation_that_may_not_read_them_says_nothing() -> None:
    assert asked(Shelf(ApiError(403, "configmaps is forbidden")), 1) == ()


def test_however_many_passes_there_are_they_are_asked_for_every_few_seconds() -> None:
    shelf = Shelf()
    answer = asked(shelf, 11, AGAIN / 10)
    assert answer is not None
    assert answer[0].message.startswith(f'{FIELD} "features": there is no ConfigMap')
    assert shelf.asked == 2
