"""Who stays with a version by sending back what the last answer said, by a real Envoy that routes as we write."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
import requests

from modelrollout.api.route import Route
from modelrollout.manifests.istio import moved
from tests.envoy_routes import Gateway
from tests.manifests import test_stickiness
from tests.manifests.test_stickiness import (
    NEW,
    OLD,
    ROLLBACKS,
    User,
    is_near,
    rollout_with,
    shared,
    shares_of,
    together,
)

pytestmark = pytest.mark.apiserver

STICKY = rollout_with(affinity={"echo": {}})[1]
PREDICT = "/tensorflow.serving.PredictionService/Predict"


def written(route: Route, **more: Any) -> dict[str, Any]:
    return test_stickiness.written(route, **{"spec": STICKY, **more})


class Service:
    """A caller by gRPC that sends back what the last answer carried, whatever that is."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.echo: str | None = None
        self.versions: list[str] = []
        self._call = channel.unary_unary(PREDICT)

    def ask(self, times: int = 1) -> None:
        for _ in range(times):
            metadata = (("x-model-arm", self.echo),) if self.echo is not None else ()
            answer, call = self._call.with_call(b"", timeout=10, metadata=metadata)
            self.echo = dict(call.initial_metadata()).get("x-model-arm")
            self.versions.append(answer.decode())


def test_a_service_stays_for_an_epoch_and_is_drawn_anew_in_the_next(gateway: Gateway) -> None:
    gateway.follow(written(shared(old=50, new=50), epoch=7))
    with grpc.insecure_channel(gateway.address) as channel:
        services = [Service(channel) for _ in range(60)]
        for service in services:
            service.ask(5)
            assert set(service.versions) == {service.versions[0]}
            assert service.echo == f"7.{service.versions[0]}", "it is told each time, not only when it is drawn"
        assert {service.versions[0] for service in services} == {OLD, NEW}
        gateway.follow(written(shared(old=99, new=1), epoch=8))
        for service in services:
            service.ask(3)
            assert set(service.versions[5:]) == {service.versions[5]}
        assert sum(service.versions[-1] == NEW for service in services) < 10, (
            "the share is 1 % of those from before, too"
        )


@pytest.mark.parametrize("rollback", ROLLBACKS)
def test_nobody_is_led_to_what_was_taken_back(gateway: Gateway, rollback: str) -> None:
    before, after = shared(old=50, new=50), Route.to(OLD)
    gateway.follow(written(before, epoch=7))
    whole = written(after, epoch=8)
    gateway.follow(whole if rollback == "as it is written" else moved(written(before, epoch=7), whole))
    answer = requests.get(f"http://{gateway.address}/", headers={"x-model-arm": f"7.{NEW}"}, timeout=10)
    assert (answer.status_code, answer.text) == (200, OLD)
    assert "x-model-arm" not in answer.headers, "there is nothing to stay with"


@pytest.mark.parametrize("echo", [f"6.{NEW}", "7.9.9.9", NEW, f"7.{NEW}.1", f"17.{NEW}", f"7x{NEW[1:]}", ""])
def test_an_echo_of_another_making_is_none(gateway: Gateway, echo: str) -> None:
    gateway.follow(written(shared(old=99, new=1), epoch=7))
    found = shares_of(together(gateway, [User(headers={"x-model-arm": echo}) for _ in range(20)]))
    assert found.get(NEW, 0) < 5
    stays = shares_of(together(gateway, [User(headers={"X-Model-Arm": f"7.{NEW}"}) for _ in range(20)]))
    assert stays == {NEW: 20}


def test_who_sends_nothing_back_is_drawn_each_time(gateway: Gateway) -> None:
    gateway.follow(written(shared(old=50, new=50), epoch=7))
    assert is_near(shares_of(together(gateway, [User() for _ in range(400)]))[NEW], 400, 50)
