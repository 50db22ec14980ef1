"""Story 22: green fails in its bake; the requests go back, and blue shows whose fault it was."""

from __future__ import annotations

import re
from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients
from modelrollout.api.status import Phase
from modelrollout.manifests.serving import SERVER_CONTAINER

MANIFEST = Path(__file__).parent / "rollout.yaml"
SWITCH = "/dev/shm/modelrollout-turn-bad"  # the model is bad while this file is in its server's container


def test_green_fails_in_its_bake_and_blue_does_not(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        requests.wait_for_answers(1000)  # blue's record
        rollout.apply(MANIFEST, version="1.1.2", model="turns_bad")
        rollout.wait_for(lambda seen: seen.status.phase is Phase.BAKING, RELEASE_SECONDS, "green has all requests")
        requests.wait_for_answers(1000)
        blue = rollout.incarnations("1.0.1")
        turn_bad(rollout, "1.1.2")
        rollout.wait_route({"1.0.1": 100}, timeout=20)
        assert not rollout.status.quarantined, "it was held against green before blue had answered anything"
        rollout.wait_for(lambda seen: bool(seen.status.quarantined), RELEASE_SECONDS, "green is quarantined")
        requests.wait_for_answers(200)

    assert {answer.version for answer in requests.failed()} == {"1.1.2"}, "somebody else's request failed"
    assert requests.failed(last=200) == []
    assert [weights for _, weights in rollout.routes()] == [{"1.0.1": 100}, {"1.1.2": 100}, {"1.0.1": 100}]
    assert rollout.incarnations("1.0.1") == blue, "blue was not kept warm"
    message = rollout.status.quarantined[-1].message
    assert re.search(r"\d+ of \d+ answers failed .*; without it 0 of \d+ answers by 1\.0\.1 were bad", message), message
    assert len(rollout.events("RecalledForComparison")) == 1
    assert rollout.events("NotToBlame") == []


def turn_bad(rollout: Rollout, version: str) -> None:
    """A fifth of the version's answers are errors from now on."""
    [pod] = rollout.pods(version)
    name, kubectl = pod["metadata"]["name"], rollout.world.kubectl
    kubectl.run("exec", name, "-n", rollout.namespace, "-c", SERVER_CONTAINER, "--", "touch", SWITCH)
