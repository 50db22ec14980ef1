"""What the tests of the adapters share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.prometheus_server import Scraped, running


@pytest.fixture(scope="session")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """A real Prometheus and its source. Tests that use it have the mark ``apiserver``: it is one of those programs."""
    with running(tmp_path_factory.mktemp("prometheus")) as found:
        yield found
