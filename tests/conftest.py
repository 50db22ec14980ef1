"""What several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import prometheus_server
from tests.apiserver import ApiServer, running
from tests.kubernetes import Kubernetes, prepared
from tests.prometheus_server import Scraped

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("modelrollout", deadline=None)
settings.load_profile("modelrollout")


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server for the whole run. Tests that use it have the mark ``apiserver``."""
    with running(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="session")
def kubernetes(api_server: ApiServer) -> Kubernetes:
    """The same with our type and Istio's in it, and a client of ours. Tests that use it have the mark ``apiserver``."""
    return prepared(api_server)


@pytest.fixture(scope="session")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """A real Prometheus and its source. Tests that use it have the mark ``apiserver``: it is one of those programs."""
    with prometheus_server.running(tmp_path_factory.mktemp("prometheus")) as found:
        yield found
