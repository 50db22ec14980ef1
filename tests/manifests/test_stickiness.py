"""Who stays with a version and who does not, by a real Envoy that routes as the operator writes."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, TypeVar

import aiohttp
import grpc
import pytest
import requests

from modelrollout.api.match import RequestMatch
from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW, Route, Split
from modelrollout.manifests.istio import moved, virtual_service
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from tests.envoy_routes import APPLICATIONS_COOKIE, Gateway
from tests.manifests.render import rollout_of

pytestmark = pytest.mark.apiserver

OLD, NEW, OTHER, GONE = "2.3.1160", "2.4.1187", "2.10.1", "9.9.9"
BETA = (RequestMatch.model_validate({"headers": {"x-beta": {"exact": "yes"}}}),)
AT_ONCE = 32  # requests under way
Found = TypeVar("Found")


def rollout_with(**traffic: Any) -> tuple[ModelRollout, Spec]:
    return rollout_of(
        {
            "metadata": {"name": "fraud"},
            "spec": {
                "model": {"name": "fraud", "version": NEW, "uri": "pvc://models/fraud/1187"},
                "traffic": {"hosts": ["fraud.prod"], **traffic},
                "strategy": {"canary": {"steps": [{"setWeight": 10}, {"setWeight": 50}]}},
            },
        }
    )


ROLLOUT, STICKY = rollout_with(affinity={"cookie": {"maxAge": "7d"}}, decisionHeader="X-Model-Decision")


def shared(**shares: int) -> Route:
    versions = {"old": OLD, "new": NEW, "other": OTHER}
    return Route(splits=(Split(name=EVERYBODY, shares={versions[name]: share for name, share in shares.items()}),))


def written(route: Route, epoch: int = 7, spec: Spec = STICKY) -> dict[str, Any]:
    return virtual_service(ROLLOUT, spec, route, epoch=epoch)


@dataclass(slots=True)
class User:
    """A browser: it sends back what was set. ``versions`` are those that answered, in order."""

    cookies: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)

    async def ask(self, session: aiohttp.ClientSession, url: str) -> Mapping[str, str]:
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with session.post(url, headers={**self.headers, **({"cookie": sent} if sent else {})}) as answer:
            body = await answer.text()
            assert answer.status == 200
            assert answer.headers["x-model-version"] == body, "the mark is the version that answered"
            given = answer.headers.getall("set-cookie")
        assert APPLICATIONS_COOKIE in given
        for text in given:
            self.cookies |= {name: item.value for name, item in SimpleCookie(text).items()}
        self.versions.append(body)
        return dict(answer.headers)


def together(gateway: Gateway, users: list[User], times: int = 1) -> list[User]:
    """All of them ask so often."""

    async def one(user: User, session: aiohttp.ClientSession) -> None:
        for _ in range(times):
            await user.ask(session, f"http://{gateway.address}/v1/models/fraud:predict")

    async def all_of_them(session: aiohttp.ClientSession) -> None:
        await asyncio.gather(*(one(user, session) for user in users))

    in_session(all_of_them)
    return users


def in_session(asking: Callable[[aiohttp.ClientSession], Awaitable[Found]]) -> Found:
    async def run() -> Found:
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await asking(session)

    return asyncio.run(run())


def is_near(count: int, total: int, percent: int) -> bool:
    """Whether a count is what chance gives; a fair one is further away once in 150,000 times."""
    share = percent / 100
    return abs(count - total * share) <= 4.5 * math.sqrt(total * share * (1 - share))


def shares_of(users: list[User]) -> dict[str, int]:
    """How many of them had each version last."""
    return dict(Counter(user.versions[-1] for user in users))


def test_a_user_stays_and_so_do_the_shares(gateway: Gateway) -> None:
    """Fifty requests each. With a cookie for the candidate alone, all but one in two hundred would have it by now."""
    gateway.follow(written(shared(old=90, new=10)))
    users = together(gateway, [User() for _ in range(200)], times=50)
    assert [len(set(user.versions)) for user in users] == [1] * len(users)
    assert is_near(shares_of(users)[NEW], len(users), 10)


def test_who_sends_no_cookies_is_drawn_each_time(gateway: Gateway) -> None:
    gateway.follow(written(shared(old=50, new=30, other=20)))
    found = shares_of(together(gateway, [User() for _ in range(3000)]))
    assert all(is_near(found[version], 3000, share) for version, share in ((OLD, 50), (NEW, 30), (OTHER, 20)))


def test_a_rise_draws_all_users_anew(gateway: Gateway) -> None:
    """In a new epoch, as the operator writes it. Without one it would reach nobody who was there before."""
    gateway.follow(written(shared(old=90, new=10), epoch=7))
    users = together(gateway, [User() for _ in range(1000)], times=2)
    assert is_near(shares_of(users)[NEW], len(users), 10)
    gateway.follow(written(shared(old=50, new=50), epoch=7))
    assert is_near(shares_of(together(gateway, users))[NEW], len(users), 10), "what a rise without an epoch is"
    gateway.follow(written(shared(old=50, new=50), epoch=8))
    together(gateway, users, times=3)
    assert is_near(shares_of(users)[NEW], len(users), 50)
    assert all(len(set(user.versions[-3:])) == 1 for user in users), "and then they stay again"


ROLLBACKS: dict[str, Callable[[Route, Route], dict[str, Any]]] = {
    "as it is written": lambda before, after: written(after, epoch=8),
    "when the whole route is refused": lambda before, after: moved(written(before, epoch=7), written(after, epoch=8)),
}


@pytest.mark.parametrize("rollback", ROLLBACKS.values(), ids=ROLLBACKS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(shared(old=50, new=50), shared(old=100), id="of the only one"),
        pytest.param(shared(old=40, new=30, other=30), shared(old=70, other=30), id="of one of two"),
    ],
)
def test_nobody_stays_with_a_version_that_failed(
    gateway: Gateway, before: Route, after: Route, rollback: Callable[[Route, Route], dict[str, Any]]
) -> None:
    """Users ask on and on meanwhile: none of them fails, and none gets it once the route is there."""
    gateway.follow(written(before, epoch=7))
    users = together(gateway, [User() for _ in range(60)], times=2)
    assert {user.versions[-1] for user in users} == before.versions
    url, ends = f"http://{gateway.address}/", time.monotonic() + 60

    async def all_of_them(session: aiohttp.ClientSession) -> None:
        over = asyncio.Event()

        async def one(user: User) -> None:
            while not over.is_set() and time.monotonic() < ends:
                await user.ask(session, url)

        asking = [asyncio.create_task(one(user)) for user in users]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(gateway.follow, rollback(before, after))
        over.set()
        await asyncio.gather(*asking)

    in_session(all_of_them)
    for user in together(gateway, users, times=3):
        assert NEW not in user.versions[-3:]
    assert set(shares_of(users)) == after.versions


def test_a_cookie_of_another_making_is_none(gateway: Gateway) -> None:
    gateway.follow(written(shared(old=1, new=99)))
    forged = ["7.9.9.9", "6.2.3.1160", "7.2.3.11600", "7x2.3.1160", "17.2.3.1160", "", "7.2.3.1160.1", "7.2.3"]
    sent = [{"model-arm": value} for value in forged] + [{"xmodel-arm": "7.2.3.1160"}]
    for cookies in sent:
        found = shares_of(together(gateway, [User(cookies=dict(cookies)) for _ in range(20)]))
        assert found.get(OLD, 0) < 10, f"{cookies} leads to {OLD}"  # by chance one in five such sets has one


@pytest.mark.parametrize(
    "cookie",
    [
        "model-arm={}",
        "a=b; model-arm={}",
        "a=b;model-arm={};c=d",
        "a=model-arm; model-arm={}; c=d",
        "a=b; model-arm={};",
    ],
)
def test_the_cookie_is_found_among_others(gateway: Gateway, cookie: str) -> None:
    gateway.follow(written(shared(old=1, new=99)))
    users = [User(headers={"cookie": cookie.format(f"7.{OLD}")}) for _ in range(5)]
    assert shares_of(together(gateway, users)) == {OLD: 5}


def test_a_user_is_the_same_one_in_every_split(gateway: Gateway) -> None:
    """Who is drawn among the matched requests has that version among everybody's, too, while it has a share there."""
    spec = rollout_with(affinity={"cookie": {}}, match=[{"headers": {"x-beta": {"exact": "yes"}}}])[1]
    splits = [Split(name=MATCHED, shares={OLD: 50, NEW: 50}, who=BETA), *shared(old=50, new=50).splits]
    gateway.follow(written(Route(splits=tuple(splits)), spec=spec))
    users = together(gateway, [User(headers={"X-Beta": "yes"}) for _ in range(40)], times=3)
    for user in users:
        user.headers = {}
    together(gateway, users, times=3)
    assert [len(set(user.versions)) for user in users] == [1] * len(users)
    assert set(shares_of(users)) == {OLD, NEW}


def test_at_rest_nothing_is_set_and_nothing_asked(gateway: Gateway) -> None:
    gateway.follow(written(Route.to(OLD), epoch=0))
    (user,) = together(gateway, [User(cookies={"model-arm": f"7.{NEW}"})], times=3)
    assert user.versions == [OLD] * 3
    assert user.cookies == {"model-arm": f"7.{NEW}", "session": "of-the-application"}


DECISION = re.compile(
    r"prod/fraud/(?P<epoch>[0-9]+)/(?P<version>[0-9.]+)/(?P<split>[a-z]+)/(?P<time>[0-9]+)/(?P<request>[0-9a-f-]{36})"
)


def decision_of(gateway: Gateway, user: User) -> re.Match[str]:
    async def ask(session: aiohttp.ClientSession) -> Mapping[str, str]:
        return await user.ask(session, f"http://{gateway.address}/")

    found = DECISION.fullmatch(in_session(ask)["x-model-decision"])
    assert found is not None
    return found


def test_every_answer_says_which_decision_it_is(gateway: Gateway) -> None:
    """Who was drawn, who has a cookie, and who comes while nothing is under trial."""
    user, named = User(), set()
    preview = Split(name=PREVIEW, shares={OTHER: 100}, who=BETA)
    gateway.follow(written(Route(splits=(preview, *shared(old=50, new=50).splits)), epoch=1764180039))
    for _ in range(3):
        found = decision_of(gateway, user)
        assert found.group("epoch", "version", "split") == ("1764180039", user.versions[-1], EVERYBODY)
        assert abs(int(found["time"]) - time.time()) < 60
        named.add(found["request"])
    assert len(named) == 3, "each request has a name of its own"
    assert decision_of(gateway, User(headers={"x-beta": "yes"})).group("version", "split") == (OTHER, PREVIEW)
    gateway.follow(written(Route.to(OLD), epoch=0))
    assert decision_of(gateway, user).group("epoch", "version", "split") == ("0", OLD, EVERYBODY)


def test_an_answer_that_envoy_makes_itself_is_marked_as_well(gateway: Gateway) -> None:
    gateway.follow(written(Route.to(GONE), epoch=0))
    answer = requests.get(f"http://{gateway.address}/", timeout=10)
    assert (answer.status_code, answer.headers["x-model-version"]) == (503, GONE)
    assert DECISION.fullmatch(answer.headers["x-model-decision"]) is not None


def test_calls_by_grpc_that_bring_a_cookie_stay(gateway: Gateway) -> None:
    """HTTP/2 may send the pairs apart (RFC 9113, 8.2.3)."""
    gateway.follow(written(shared(old=1, new=99)))
    with grpc.insecure_channel(gateway.address) as channel:
        ask = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        cookie = (("cookie", "a=b"), ("cookie", f"model-arm=7.{OLD}"), ("cookie", "c=d"))
        assert [ask(b"", metadata=cookie, timeout=10) for _ in range(5)] == [OLD.encode()] * 5
        _, call = ask.with_call(b"", timeout=10)
        told = dict(call.initial_metadata())
    assert told["set-cookie"].startswith("model-arm=7.2.")
    assert DECISION.fullmatch(told["x-model-decision"]) is not None
