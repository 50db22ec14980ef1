"""What the tests of users who stay share: a real Envoy that routes as the operator writes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW, Route
from modelrollout.manifests.meta import service_host
from tests import envoy_routes
from tests.envoy_routes import Gateway
from tests.manifests.test_stickiness import GONE, NEW, OLD, OTHER, written


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with everything that a route may lead to; of a version that is gone only the Service is there."""
    hosts = {
        service_host("fraud", "prod", version, split): version
        for version in (OLD, NEW, OTHER, GONE)
        for split in (EVERYBODY, MATCHED, PREVIEW)
    }
    with envoy_routes.running(tmp_path_factory.mktemp("envoy"), hosts, written(Route.to(OLD)), gone=[GONE]) as found:
        yield found
