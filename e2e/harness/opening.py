"""From an installation to the world that a story, the demo or a benchmark looks at."""

from __future__ import annotations

from e2e.cluster import toolchain
from e2e.cluster.target import Target
from e2e.harness.kubectl import Kubectl
from e2e.harness.world import Places, World
from e2e.installation import NAMESPACE, Installation


def kubectl_of(target: Target) -> Kubectl:
    """kubectl against a cluster."""
    return Kubectl(toolchain.toolchain().program("kubectl"), target.kubeconfig)


def world_of(installation: Installation) -> World:
    """The cluster under a watch."""
    places = Places(
        models=installation.models,
        models_folder=installation.models_folder,
        image=installation.serving_image,
        gateway=installation.gateway,
        provider=installation.provider,
    )
    return World(kubectl_of(installation.target), places, NAMESPACE)
