"""Who stays with a version by an id that each request carries, by a real Envoy that routes as the operator writes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
import requests

from modelrollout.api.route import MATCHED, PREVIEW, Route, Split
from modelrollout.manifests.istio import moved
from tests.envoy_routes import APPLICATIONS_COOKIE, Gateway
from tests.manifests import test_stickiness
from tests.manifests.test_stickiness import (
    BETA,
    NEW,
    OLD,
    OTHER,
    ROLLBACKS,
    User,
    is_near,
    rollout_with,
    shared,
    shares_of,
    together,
)

pytestmark = pytest.mark.apiserver

BY_ID = {"header": {"name": "X-User-Id", "method": "HexSuffix"}}
STICKY = rollout_with(affinity=BY_ID, decisionHeader="x-model-decision")[1]
BEFORE, AFTER = shared(old=90, new=10), shared(old=50, new=50)


def written(route: Route, **more: Any) -> dict[str, Any]:
    return test_stickiness.written(route, **{"spec": STICKY, **more})


def users(count: int) -> list[User]:
    """With ids that are UUIDs by a hash, always the same."""
    ids = (uuid.uuid5(uuid.NAMESPACE_URL, str(number)) for number in range(count))
    return [User(headers={"x-user-id": str(name)}) for name in ids]


def test_an_id_has_one_version_from_its_first_request_on(gateway: Gateway) -> None:
    gateway.follow(written(BEFORE))
    known = together(gateway, users(1000), times=3)
    assert [len(set(user.versions)) for user in known] == [1] * len(known)
    assert is_near(shares_of(known)[NEW], len(known), 10)
    assert {name for user in known for name in user.cookies} == {"session"}, "nothing has to be kept"


def test_a_step_takes_nobody_from_the_candidate_and_the_shares_are_what_they_say(gateway: Gateway) -> None:
    """At once, and in the same epoch or another. A user's cookie would have been drawn anew."""
    gateway.follow(written(BEFORE, epoch=7))
    known = together(gateway, users(1000))
    gateway.follow(written(AFTER, epoch=8))
    together(gateway, known, times=2)
    assert all(user.versions == [NEW] * 3 for user in known if user.versions[0] == NEW)
    assert is_near(shares_of(known)[NEW], len(known), 50)
    gateway.follow(written(BEFORE, epoch=9))
    together(gateway, known)
    assert all(user.versions[-1] == user.versions[0] for user in known), "and the way back is the way there"


def test_who_has_no_id_is_drawn_each_time(gateway: Gateway) -> None:
    """So is who has one of another kind: neither two hex digits at its end, nor hidden in front."""
    gateway.follow(written(AFTER))
    for headers in ({}, {"x-user-id": ""}, {"x-user-id": "jane"}, {"x-user-id": "{7c11}"}, {"x-user": "7c11"}):
        asked = together(gateway, [User(headers=headers) for _ in range(400)])
        assert is_near(shares_of(asked)[NEW], 400, 50), headers


@pytest.mark.parametrize("name", ["x-user-id", "X-USER-ID"])
@pytest.mark.parametrize("value", ["{}", "8D0C6B1E-44A7-9B52-8F3E-2F0F5D0A7C{}", "user/{}"])
def test_what_comes_before_and_the_case_say_nothing(gateway: Gateway, name: str, value: str) -> None:
    gateway.follow(written(AFTER))
    for ending in ("0a", "f7", "99"):
        asked = [User(headers={name: value.format(text)}) for text in (ending, ending.upper())]
        alone = together(gateway, [User(headers={"x-user-id": ending})])
        assert set(shares_of(together(gateway, asked, times=3))) == set(shares_of(alone))


def test_an_id_has_the_same_version_in_every_split_and_by_every_protocol(gateway: Gateway) -> None:
    splits = [Split(name=MATCHED, shares={OLD: 50, NEW: 50}, who=BETA), *AFTER.splits]
    gateway.follow(written(Route(splits=tuple(splits))))
    known = together(gateway, users(40))
    for user in known:
        user.headers = {**user.headers, "x-beta": "yes"}
    together(gateway, known)
    with grpc.insecure_channel(gateway.address) as channel:
        ask = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        for user in known:
            metadata = (("x-user-id", user.headers["x-user-id"]),)
            user.versions.append(ask(b"", metadata=metadata, timeout=10).decode())
    assert [len(set(user.versions)) for user in known] == [1] * len(known)
    assert set(shares_of(known)) == {OLD, NEW}


@pytest.mark.parametrize("rollback", ROLLBACKS)
def test_who_loses_a_version_gets_an_answer_of_another(gateway: Gateway, rollback: str) -> None:
    """And nobody is led to it any more. Who had another keeps it where the whole route can be written."""
    before, after = shared(old=40, new=30, other=30), shared(old=70, other=30)
    gateway.follow(written(before, epoch=7))
    known = together(gateway, users(300))
    whole = written(after, epoch=8)
    gateway.follow(whole if rollback == "as it is written" else moved(written(before, epoch=7), whole))
    together(gateway, known, times=3)
    assert all(NEW not in user.versions[1:] for user in known)
    stayed = [user for user in known if user.versions[0] != NEW and set(user.versions) == {user.versions[0]}]
    others = [user for user in known if user.versions[0] != NEW]
    assert (len(stayed) > 0.85 * len(others)) == (rollback == "as it is written")


def test_who_is_shown_a_preview_is_shown_it_whatever_the_id(gateway: Gateway) -> None:
    preview = Split(name=PREVIEW, shares={OTHER: 100}, who=BETA)
    gateway.follow(written(Route(splits=(preview, *BEFORE.splits))))
    for user in (asked := users(20)):
        user.headers = {**user.headers, "x-beta": "yes"}
    assert shares_of(together(gateway, asked)) == {OTHER: 20}


def test_at_rest_nothing_is_asked(gateway: Gateway) -> None:
    gateway.follow(written(Route.to(OLD), epoch=0))
    assert shares_of(together(gateway, users(20))) == {OLD: 20}


def test_answers_say_which_decision_it_was_and_nothing_more(gateway: Gateway) -> None:
    gateway.follow(written(AFTER, epoch=1764180039))
    sent: Mapping[str, str] = {"x-user-id": "7c11"}
    answer = requests.get(f"http://{gateway.address}/", headers=sent, timeout=10)
    decision = rf"prod/fraud/1764180039/{re.escape(answer.text)}/everybody/[0-9]+/[0-9a-f-]{{36}}"
    assert re.fullmatch(decision, answer.headers["x-model-decision"])
    assert answer.headers["set-cookie"] == APPLICATIONS_COOKIE
