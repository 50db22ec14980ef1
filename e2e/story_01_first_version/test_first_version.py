"""Story 1: the first version is installed and serves."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, Rollout
from e2e.harness.traffic import Clients

MANIFEST = Path(__file__).parent / "rollout.yaml"


def test_first_version_is_installed_and_serves(rollout: Rollout, clients: Clients) -> None:
    rollout.apply(MANIFEST)
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        requests.wait_for_answers(300)
    requests.none_failed()
    assert requests.share("1.0.1") == 1.0

    stable = rollout.status.stable
    assert stable is not None
    assert (stable.version, stable.weight, stable.ready) == ("1.0.1", 100, "1/1")
    assert stable.digest is not None
    assert stable.digest.startswith("sha256:")
    assert rollout.status.trial is None
    assert rollout.condition("Ready")[0] == "True"
    assert [entry.outcome for entry in rollout.status.history] == ["Installed"]
    assert [event.message for event in rollout.events("Installed")] == ["1.0.1 serves all requests"]
    # Before there is anybody to answer, the host is not in the mesh; afterwards the route is never touched again.
    assert [weights for _, weights in rollout.routes()] == [{"1.0.1": 100}]
