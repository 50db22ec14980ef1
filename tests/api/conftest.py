"""The API server with our CustomResourceDefinition in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from modelrollout.resource.crd import CRD_NAME, crd
from tests.apiserver import ApiServer

ROLLOUTS = "/apis/modelrollout.dev/v1alpha1/namespaces/default/modelrollouts"


@pytest.fixture(scope="session")
def server(api_server: ApiServer) -> ApiServer:
    """An API server that knows ModelRollouts."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD_NAME}"
    answer = api_server.apply(path, crd(), manager="test")
    assert answer.status in (200, 201), answer.message
    until(lambda: _is_established(api_server.ask("GET", path).body), "the CustomResourceDefinition is established")
    until(lambda: api_server.ask("GET", ROLLOUTS).status == 200, "ModelRollouts are served")
    return api_server


def until(happened: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Look until it has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"after {seconds} s still not true: {what}"
        time.sleep(0.1)


def _is_established(body: Any) -> bool:
    conditions = body.get("status", {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)
