"""Story 31: an autoscaler decides how many pods there are, within what a release needs."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"
OLD, NEW = "digits-1-0-1", "digits-1-1-2"


def test_a_share_gets_its_pods_first(rollout: Rollout, clients: Clients) -> None:
    kubectl = rollout.world.kubectl
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)
    kubectl.run("scale", "deployment", OLD, "-n", rollout.namespace, "--replicas=2")
    rollout.wait_for(lambda seen: ready(seen) == "2/2", INSTALL_SECONDS, "two pods of 1.0.1 are ready")

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_weight("1.1.2", 10)
        assert pods(rollout, NEW) == 1, "a tenth of two pods is one"
        rollout.wait_weight("1.1.2", 60)
        assert (pods(rollout, OLD), pods(rollout, NEW)) == (2, 2)
        rollout.wait_healthy("1.1.2")
        requests.wait_for_answers(100)

    assert requests.failed() == []
    assert any("needs 2 pods for 60 % of the requests" in status.message for status in rollout.statuses())
    rollout.wait_for(lambda seen: bounds(seen) == {NEW: 1}, RELEASE_SECONDS, "the old version's autoscaler is gone")
    assert rollout.events("ScaleUndone") == []


def ready(rollout: Rollout) -> str | None:
    """Pods of the version that serves."""
    stable = rollout.status.stable
    return stable.ready if stable is not None else None


def pods(rollout: Rollout, name: str) -> int:
    """How many a Deployment is to have."""
    found: int = rollout.world.kubectl.get("deployment", name, rollout.namespace)["spec"]["replicas"]
    return found


def bounds(rollout: Rollout) -> dict[str, int]:
    """The fewest pods that each autoscaler allows."""
    found = rollout.world.kubectl.list("horizontalpodautoscalers", rollout.namespace)
    return {item["metadata"]["name"]: item["spec"]["minReplicas"] for item in found}
