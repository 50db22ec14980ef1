"""What several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apiserver import ApiServer, running
from tests.kubernetes import Kubernetes, prepared


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server for the whole run. Tests that use it have the mark ``apiserver``."""
    with running(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="session")
def kubernetes(api_server: ApiServer) -> Kubernetes:
    """The same with our type and Istio's in it, and a client of ours. Tests that use it have the mark ``apiserver``."""
    return prepared(api_server)
