"""The digest that pods were made with can be read back from their Deployment."""

from __future__ import annotations

import pytest

from modelrollout.core.plan import DesiredVersion
from modelrollout.manifests.kept import pinned_digest
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment
from tests.manifests.render import CASES, load, rollout_of

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_it_is_read_back(digest: str | None) -> None:
    case = load(CASES / "orphaned" / "in.yaml")[0]
    rollout, spec = rollout_of(case["rollout"])
    version = DesiredVersion("2.4.1187", "pvc://models/fraud/1187", digest, 1)
    assert pinned_digest(deployment(rollout, spec, version, Platform(fetch_image="modelrollout:1"))) == digest


def test_of_something_else_nothing_is_read() -> None:
    assert pinned_digest({"spec": {"template": {"spec": {"initContainers": [{"name": "mesh"}]}}}}) is None
