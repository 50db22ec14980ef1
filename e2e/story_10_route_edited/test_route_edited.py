"""Story 10: the VirtualService is edited, then deleted, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.harness.kubectl import Object
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.route import Weights, version_of
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"
DECIDED: Weights = {"1.0.1": 70, "1.1.2": 30}
EDITED: Weights = {"1.0.1": 1, "1.1.2": 99}
BOUND = 5.0  # seconds


def test_route_is_restored_with_the_weights_that_were_decided(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_weight("1.1.2", 30, RELEASE_SECONDS)

        edit_weights(rollout)
        rollout.wait_for(lambda seen: seen.times_routed(EDITED) == 1, 10, "the edit is seen")
        rollout.wait_for(lambda seen: seen.route() == DECIDED, 10, "the edit is undone")

        rollout.world.kubectl.run("delete", "virtualservice", "digits", "-n", rollout.namespace, "--wait=false")
        rollout.wait_for(lambda seen: seen.times_routed({}) == 1, 10, "the route is gone")
        rollout.wait_for(lambda seen: seen.route() == DECIDED, 10, "the route is there again")
        requests.wait_for_answers(200)

    assert restored_after(rollout, EDITED) < BOUND
    assert restored_after(rollout, {}) < BOUND
    assert requests.failed(last=100) == []
    assert requests.share("1.1.2", last=200) == pytest.approx(0.3, abs=0.15)
    messages = [event.message for event in rollout.events("RouteRestored")]
    assert any("1.1.2 99 %" in message for message in messages), messages
    assert any("missing" in message for message in messages), messages


def edit_weights(rollout: Rollout) -> None:
    """As `kubectl edit` would: other weights in every rule that has them."""
    live: Object = rollout.world.kubectl.get("virtualservice", "digits", rollout.namespace)
    rules = live["spec"]["http"]
    for rule in rules:
        for share in rule["route"]:
            share["weight"] = EDITED[version_of(share)]
    rollout.world.kubectl.patch("virtualservice", "digits", rollout.namespace, {"spec": {"http": rules}})


def restored_after(rollout: Rollout, wrong: Weights) -> float:
    """Seconds between a wrong route and the next right one, as the API server reported them."""
    routes = rollout.routes()
    index = next(place for place, (_, weights) in enumerate(routes) if weights == wrong)
    assert routes[index + 1][1] == DECIDED
    return routes[index + 1][0] - routes[index][0]
