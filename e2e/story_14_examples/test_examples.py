"""Story 14: the examples apply as they stand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from e2e.cluster.target import Target
from e2e.harness.manifest import fill
from e2e.harness.rollout import Rollout
from e2e.harness.world import World

HERE = Path(__file__).parent
EXAMPLES = sorted((HERE.parent.parent / "examples").glob("*.yaml"))
METRIC = "checkout_started_total"  # the last line of business-metrics.yaml
SCRAPED_SECONDS = 60.0


@pytest.fixture(scope="module")
def business(world: World, target: Target) -> Iterator[None]:
    """A shop whose counters Prometheus has: some examples judge by them."""
    with world.namespace("story-14-business") as namespace:
        world.kubectl.apply(fill(HERE / "business-metrics.yaml", **world.places(namespace)))
        deadline = time.monotonic() + SCRAPED_SECONDS
        query = {"query": f'{METRIC}{{namespace="{namespace}"}}'}
        while not requests.get(f"{target.prometheus_url_outside}/api/v1/query", query, timeout=5).json()["data"][
            "result"
        ]:
            assert time.monotonic() < deadline, f"Prometheus has no {METRIC}\n{world.explain(namespace)}"
            time.sleep(0.2)
        yield


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.usefixtures("business")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_is_accepted(world: World, example: Path) -> None:
    names = [
        body["metadata"]["name"] for body in yaml.safe_load_all(example.read_text()) if body["kind"] == "ModelRollout"
    ]
    assert names
    with world.namespace("story-14") as namespace:
        world.kubectl.run("apply", "-n", namespace, "-f", str(example))
        try:
            for name in names:
                rollout = Rollout(world, namespace, name)
                rollout.wait_for(lambda seen: seen.condition("Accepted")[0] != "Unknown", 30, "the operator has looked")
                assert rollout.condition("Accepted")[0] == "True", rollout.explain()
        finally:  # the next example may route the same host
            world.kubectl.run("delete", "modelrollouts,virtualservices", "--all", "-n", namespace)
