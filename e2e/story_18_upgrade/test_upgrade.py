"""Story 18: the operator is upgraded from 0.1 to the present version in the middle of a release."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from e2e.cluster import images
from e2e.harness.operator_pods import OperatorPods
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout, changes, verdicts
from e2e.harness.traffic import Clients
from e2e.installation import CHART, OPERATOR_IMAGE, TAG, Installation, install_operator
from modelrollout.api.status import Phase

HERE = Path(__file__).parent
CRD = Path("files") / "modelrollouts.modelrollout.dev.yaml"
FORMER = "0.1"
FORMER_FIELDS = {"candidate", "release", "weight", "analysis", "paused"}


@pytest.fixture
def former_operator(installation: Installation, operator_pods: OperatorPods, tmp_path: Path) -> Iterator[None]:
    """Version 0.1 of the operator, by its own chart; afterwards the present one, whatever happens."""
    present = {"BASE": f"{OPERATOR_IMAGE}:{TAG}"}
    installation.target.load_image(images.build(HERE / "Dockerfile", HERE, f"{OPERATOR_IMAGE}:{FORMER}", present))
    shutil.copytree(CHART, tmp_path / "chart")
    shutil.copy(HERE / "crd-0.1.yaml", tmp_path / "chart" / CRD)
    try:
        install_operator(installation, tag=FORMER, chart=tmp_path / "chart")
        yield
    finally:
        upgrade(installation, operator_pods)


@pytest.mark.usefixtures("former_operator")
def test_canary_goes_on_from_its_step(
    rollout: Rollout, clients: Clients, installation: Installation, operator_pods: OperatorPods
) -> None:
    manifest = HERE / "canary.yaml"
    rollout.apply(manifest, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(manifest, version="1.1.2", model="better")
        rollout.wait_weight("1.1.2", 30, RELEASE_SECONDS)
        upgrade_in_between(rollout, installation, operator_pods)
        assert rollout.route() == {"1.0.1": 70, "1.1.2": 30}, "the step was over before the upgrade; make it longer"
        rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
        requests.wait_for_answers(100)

    requests.none_failed()
    assert [weights.get("1.1.2", 0) for _, weights in rollout.routes()] == [0, 10, 30, 60, 100]
    assert rollout.weights("1.1.2") == [0, 10, 30, 60]
    assert len(remembered(rollout, "stepStartedAt", weight=30)) == 1, "the step began anew"
    assert_goes_on(rollout)


@pytest.mark.usefixtures("former_operator")
def test_blue_green_goes_on_baking(
    rollout: Rollout, clients: Clients, installation: Installation, operator_pods: OperatorPods
) -> None:
    manifest = HERE / "blue_green.yaml"
    rollout.apply(manifest, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(manifest, version="1.1.2", model="better")
        rollout.wait_for(lambda seen: seen.status.phase is Phase.BAKING, RELEASE_SECONDS, "green has all requests")
        upgrade_in_between(rollout, installation, operator_pods)
        assert rollout.status.phase is Phase.BAKING, "the bake was over before the upgrade; make it longer"
        rollout.wait_healthy("1.1.2", RELEASE_SECONDS)
        requests.wait_for_answers(100)

    requests.none_failed()
    assert [weights for _, weights in rollout.routes()] == [{"1.0.1": 100}, {"1.1.2": 100}]
    assert len(remembered(rollout, "bakeUntil", weight=100)) == 1, "the bake began anew"
    assert_goes_on(rollout)


def upgrade(installation: Installation, operator_pods: OperatorPods) -> None:
    """`helm upgrade` to the present version, as docs/install.md says."""
    install_operator(installation)
    operator_pods.wait_ready()


def upgrade_in_between(rollout: Rollout, installation: Installation, operator_pods: OperatorPods) -> None:
    """The upgrade, until the present operator has written its first status; no model pod is touched by it."""
    assert not raw_fields(rollout).isdisjoint(FORMER_FIELDS), "this is not the operator of 0.1"
    before = rollout.incarnations("1.0.1") | rollout.incarnations("1.1.2")
    upgrade(installation, operator_pods)
    rollout.wait_for(lambda seen: "trial" in raw_fields(seen), 30, "the present operator has written its status")
    assert raw_fields(rollout).isdisjoint(FORMER_FIELDS), "fields of 0.1 are left in the status"
    assert rollout.incarnations("1.0.1") | rollout.incarnations("1.1.2") == before, "a model pod was restarted"


def assert_goes_on(rollout: Rollout) -> None:
    """One release from its beginning to its end, with all the evidence, and nothing to be put right on the way."""
    history = [(entry.version, entry.outcome) for entry in rollout.status.history]
    assert history == [("1.0.1", "Installed"), ("1.1.2", "Promoted")]
    assert rollout.events("RouteRestored") == []
    assert rollout.events("StatusLost") == []
    assert len(rollout.events("ReleaseStarted")) == 2, "a release began anew"
    trials = [status.trial for status in rollout.statuses() if status.trial and status.stable]
    assert len({trial.started_at for trial in trials}) == 1
    for metric in ("errors", "latency"):
        found = [item for status in rollout.statuses() for item in verdicts(status) if item.metric == metric]
        counted = [item.candidate.requests for item in found]
        assert all(earlier <= later for earlier, later in pairwise(counted)), f"evidence on {metric} was lost"


def remembered(rollout: Rollout, name: str, weight: int) -> list[object]:
    """What the strategy remembered by this name while the new version had this weight, each change once."""
    trials = [status.trial for status in rollout.statuses() if status.trial]
    return changes(trial.memory.get(name) for trial in trials if trial.arms[0].weight == weight)


def raw_fields(rollout: Rollout) -> set[str]:
    """The fields of the status as they are stored, whoever wrote them."""
    return set((rollout.body or {}).get("status", ()))
