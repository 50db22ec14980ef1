"""What the stories share: one cluster with the operator in it, a namespace for each story, and clients.

Installed once for all stories, because it takes longer than most of them. A story leaves nothing behind but a
namespace that is going away.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.cluster.target import Target, find_target
from e2e.harness.kubectl import Kubectl
from e2e.harness.opening import kubectl_of, world_of
from e2e.harness.operator_pods import OperatorPods
from e2e.harness.rollout import Rollout
from e2e.harness.servers import Servers
from e2e.harness.traffic import Clients
from e2e.harness.world import STORY_LABEL, World
from e2e.installation import MODELS, Installation, install


@pytest.fixture(scope="session")
def target() -> Target:
    """The cluster: that of KUBECONFIG, or the local one."""
    return find_target()


@pytest.fixture(scope="session")
def installation(target: Target) -> Installation:
    """The operator, installed by its chart, with models and images that it can serve."""
    return install(target)


@pytest.fixture(scope="session")
def kubectl(target: Target) -> Kubectl:
    """kubectl against the cluster."""
    return kubectl_of(target)


@pytest.fixture(scope="session")
def world(installation: Installation, kubectl: Kubectl) -> World:
    """The cluster under a watch, without the remains of an earlier run that was interrupted."""
    kubectl.run("delete", "namespaces,persistentvolumes", "-l", STORY_LABEL, "--wait=false")
    return world_of(installation)


@pytest.fixture
def rollout(world: World, request: pytest.FixtureRequest) -> Iterator[Rollout]:
    """The ModelRollout `digits` of this story, in a namespace of its own. Not applied yet."""
    story = request.path.parent.name.removeprefix("story_").replace("_", "-")
    with world.namespace(f"story-{story}") as namespace:
        yield Rollout(world, namespace)


@pytest.fixture(scope="session")
def clients(target: Target, installation: Installation) -> Clients:
    """Clients that send the request rows through the gateway."""
    return Clients(target.gateway_url, MODELS / "rows" / "digits.jsonl")


@pytest.fixture
def operator_pods(installation: Installation, kubectl: Kubectl) -> OperatorPods:
    """The operator's own pods."""
    return OperatorPods(kubectl, installation)


@pytest.fixture
def servers(target: Target) -> Servers:
    """The cluster's own servers."""
    if target.cluster is None:
        pytest.skip("the servers of a cluster elsewhere are not ours to stop")
    return Servers(target.cluster)
