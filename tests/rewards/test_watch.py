"""What is on trial, by the operator's word: new trials at once, an operator that is away, several replicas."""

from __future__ import annotations

import asyncio
import socket
import time
from unittest import mock

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from modelrollout.api.live import LiveTrials
from modelrollout.rewards import watch
from modelrollout.rewards.watch import NoAnswer, ask
from modelrollout.runtime.server import serve
from modelrollout.runtime.telemetry import Telemetry
from tests.rewards.stage import NOW, TRIAL, Operator, Stage, play, reward

NEXT = TRIAL.model_copy(
    update={"first_epoch": TRIAL.epoch + 600, "epoch": TRIAL.epoch + 600, "versions": ("2.4.1187", "2.4.1190")}
)
FRESH = int(NOW)


def test_a_trial_that_began_a_moment_ago_is_found_at_once() -> None:
    operator = Operator()

    async def story(stage: Stage) -> None:
        operator.trials = (NEXT,)
        new = reward(epoch=NEXT.epoch, version="2.4.1190", at=FRESH)
        assert await stage.post(new) == (200, {"accepted": 1, "refused": []})
        assert operator.asked == 2

    play(story, operator=operator, poll=3600)


def test_of_a_batch_only_the_new_ones_wait() -> None:
    operator = Operator()

    async def story(stage: Stage) -> None:
        operator.trials = (TRIAL, NEXT.model_copy(update={"rollout": "shop"}))
        new = [reward(rollout="shop", epoch=NEXT.epoch, at=FRESH, request=number) for number in range(3)]
        status, body = await stage.post([reward(), *new, reward(namespace="dev")])
        assert (status, body["accepted"]) == (200, 4)
        assert [(item["index"], item["reason"]) for item in body["refused"]] == [(4, "Unknown")]
        assert operator.asked == 2

    play(story, operator=operator, poll=3600)


def test_what_is_over_is_not_asked_for() -> None:
    """Late rewards of a trial that has ended come for a day."""
    operator = Operator(trials=(NEXT,))

    async def story(stage: Stage) -> None:
        assert (await stage.post(reward(at=FRESH)))[1]["reason"] == "Unknown"  # an older epoch
        assert (await stage.post(reward(rollout="gone")))[1]["reason"] == "Unknown"  # a minute old
        assert operator.asked == 1

    play(story, operator=operator, poll=3600)


def test_a_new_trial_is_not_lost_while_the_operator_is_away() -> None:
    operator = Operator()

    async def story(stage: Stage) -> None:
        operator.trials = None
        stage.now[0] += 30
        new = reward(epoch=NEXT.epoch, version="2.4.1190", at=FRESH + 20)
        status, body = await stage.post(new)
        assert (status, body["reason"]) == (503, "Unavailable")
        assert "as of 30 s ago; send it again" in body["message"]
        assert (await stage.post(reward()))[0] == 200  # of the trial that it knows
        assert (await stage.metrics())["modelrollout_rewards_list_age_seconds"] == 30
        operator.trials = (NEXT,)
        assert (await stage.post(new))[0] == 200

    play(story, operator=operator, poll=3600)


def test_however_many_strangers_ask_the_operator_is_asked_seldom() -> None:
    operator = Operator()

    async def story(stage: Stage) -> None:
        with mock.patch.object(watch, "LEAST", 0.3):
            began = time.monotonic()
            strange = [reward(rollout=f"r{number}", at=FRESH) for number in range(40)]
            answers = await asyncio.gather(*(stage.post(item) for item in strange))
            took = time.monotonic() - began
        assert {status for status, _ in answers} == {503}  # the list is not older than they are
        assert operator.asked <= 2 + took / 0.3

    play(story, operator=operator, poll=3600)


def test_it_takes_nothing_before_the_first_list() -> None:
    operator = Operator(trials=None)

    async def story(stage: Stage) -> None:
        status, body = await stage.post(reward())
        assert (status, body["reason"]) == (503, "Unavailable")
        assert (await stage.get("/readyz"))[0] == 503
        assert await stage.get("/healthz") == (200, "ok")
        assert (await stage.metrics())["modelrollout_rewards_list_age_seconds"] == float("inf")
        operator.trials = (TRIAL,)
        await stage.gateway.watch.newer()
        assert await stage.get("/readyz") == (200, "ok")
        assert (await stage.post(reward()))[0] == 200

    play(story, operator=operator, poll=0.05)


def test_of_several_replicas_the_one_that_knows_is_found() -> None:
    """By the addresses of the name, as those of a headless Service; the first stands by, the second is not there."""

    async def body() -> None:
        standby, leader = Operator(trials=None), Operator()
        async with TestServer(standby.application(), host="127.0.0.1") as first:
            second = TestServer(leader.application(), host="127.0.0.3", port=first.port)
            async with second, aiohttp.ClientSession() as session:
                addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
                with mock.patch.object(watch, "_addresses", mock.AsyncMock(return_value=addresses)):
                    listed = await ask(session, URL(f"http://modelrollout:{first.port}/v1/arms"))
                assert listed.trials == (TRIAL,)
                assert (standby.asked, leader.asked) == (1, 1)

    asyncio.run(body())


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("", 503, "status 503"),
        ("", 302, "status 302"),
        ("<html>", 200, "no list of trials"),
        ('{"trials": [{"rollout": "fraud"}]}', 200, "no list of trials"),
    ],
)
def test_what_is_no_list_is_no_answer(text: str, status: int, words: str) -> None:
    async def body() -> None:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(text=text, status=status, headers={"Location": "/"})

        application = web.Application()
        application.add_routes([web.get("/v1/arms", answer)])
        async with TestServer(application) as server, aiohttp.ClientSession() as session:
            with pytest.raises(NoAnswer, match=words):
                await ask(session, URL(str(server.make_url("/v1/arms"))))

    asyncio.run(body())


def test_the_operators_own_server_is_understood() -> None:
    async def body() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        listed = LiveTrials(trials=(TRIAL, NEXT))
        async with (
            serve(address, Telemetry(), lambda: None, lambda: None, lambda: listed),
            aiohttp.ClientSession() as session,
        ):
            assert await ask(session, URL(f"http://{address}/v1/arms")) == listed

    asyncio.run(body())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1/arms", "http://nobody.invalid:8080/v1/arms"])
def test_an_operator_that_is_not_there_is_named(url: str) -> None:
    async def body() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(NoAnswer, match=url):
                await ask(session, URL(url))

    asyncio.run(body())
