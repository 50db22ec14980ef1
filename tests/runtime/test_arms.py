"""``GET /v1/arms``: the trials of all rollouts from the first answer on, and no answer where they are not known."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress

import aiohttp
import pytest

from modelrollout.adapters.cluster import Cluster
from modelrollout.api.live import LiveTrial, LiveTrials
from modelrollout.resource.rollout import ModelRollout
from modelrollout.runtime.arms import Arms
from modelrollout.runtime.server import Known, serve
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.runtime.world import Key
from tests.kubernetes import Kubernetes
from tests.runtime.stage import set_up

TRIAL = LiveTrial(
    namespace="prod", rollout="fraud", first_epoch=7, epoch=7, versions=("1.0.1",), segments=("everybody",)
)


async def asked(known: Known) -> tuple[int, str]:
    """Status and text of what the operator's server answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with (
        serve(address, Telemetry(), lambda: None, lambda: None, known),
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/v1/arms") as answer,
    ):
        return answer.status, await answer.text()


def test_the_leader_answers_with_the_list() -> None:
    status, text = asyncio.run(asked(lambda: LiveTrials(trials=(TRIAL,))))
    assert status == 200
    assert '"firstEpoch":7,"epoch":7,"versions":["1.0.1"],"segments":["everybody"]' in text
    assert LiveTrials.model_validate_json(text).trials == (TRIAL,)


def test_a_replica_that_stands_by_does_not_answer() -> None:
    status, text = asyncio.run(asked(lambda: None))
    assert status == 503
    assert "ask the others" in text


@pytest.mark.apiserver
def test_the_first_list_is_whole(kubernetes: Kubernetes) -> None:
    """Before any pass of this process: a rollout that is missing would be taken for one whose trial has ended."""
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        async with set_up(cluster, namespace) as stage:
            await stage.installed("1.0.1")
            await stage.submit("1.0.2")
            await stage.passes()
            await stage.pods_ready("1.0.2")
            await stage.passes(2)
            told: list[Mapping[Key, ModelRollout]] = []

            async def found_trials(trials: Mapping[Key, ModelRollout]) -> None:
                told.append(trials)

            seen = Arms(cluster, stage.reconciler.telemetry, (namespace,), found_trials)
            anew = Arms(cluster, Telemetry(), (namespace,), found_trials)
            assert anew.now() is None
            assert not anew.tried.is_set()
            for arms in (seen, anew):
                with suppress(TimeoutError):
                    async with asyncio.timeout(5):
                        await arms.run()
            assert seen.now() == anew.now()
            assert anew.tried.is_set()
            assert [set(trials) for trials in told] == [set(), {(namespace, "fraud")}]  # a pass has told of it already
            found = anew.now()
            assert found is not None
            (trial,) = found.trials
            assert (trial.key, trial.versions) == ((namespace, "fraud"), ("1.0.1", "1.0.2"))

    kubernetes.run(body)
