"""What several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apiserver import ApiServer, running


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server for the whole run. Tests that use it have the mark ``apiserver``."""
    with running(tmp_path_factory.mktemp("apiserver")) as server:
        yield server
