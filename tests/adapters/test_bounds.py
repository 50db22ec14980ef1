"""Bucket bounds: what all histograms of a version have, and how often Prometheus is asked for them."""

from __future__ import annotations

import asyncio
import re

import pytest

from modelrollout.adapters.metrics.base import Target
from modelrollout.adapters.metrics.bounds import bounds_of
from modelrollout.adapters.metrics.envoy import ENVOY
from modelrollout.adapters.metrics.scraping import Scraping
from modelrollout.adapters.prometheus import Series

HOST = "fraud-2-4-1187.prod.svc.cluster.local"


def counted(host: str = HOST, port: int = 8501, **bounds: int) -> list[Series]:
    """By bound in milliseconds (``_75``; ``_inf``), how many histograms have it."""
    cluster = f"outbound|{port}||{host}"
    labels = {name: "+Inf" if name == "_inf" else name.removeprefix("_") for name in bounds}
    return [Series({"cluster_name": cluster, "le": labels[name]}, ((10.0, count),)) for name, count in bounds.items()]


FOUND: dict[str, tuple[list[Series], dict[float, str]]] = {
    "one histogram": (counted(_50=1, _100=1, _inf=1), {0.05: "50", 0.1: "100"}),
    "one of three has a bound more": (counted(_50=3, _75=1, _100=3, _inf=3), {0.05: "50", 0.1: "100"}),
    "REST has one that gRPC has not": (
        [*counted(_50=2, _75=2, _inf=2), *counted(port=8500, _50=1, _inf=1)],
        {0.05: "50"},
    ),
    "no bound that all have": (counted(_50=1, _60=1, _inf=2), {}),
}


@pytest.mark.parametrize(("series", "expected"), FOUND.values(), ids=FOUND)
def test_only_what_all_histograms_of_a_version_have(series: list[Series], expected: dict[float, str]) -> None:
    assert bounds_of(series, ENVOY) == {HOST: pytest.approx(expected)}


class Asked:
    """Stands for Prometheus: every version that it is asked for has two buckets, but the silent one."""

    def __init__(self) -> None:
        self.hosts: list[set[str]] = []

    def here(self, expression: str) -> str:
        return expression

    async def query(self, expression: str, at: float | None = None) -> list[Series]:
        hosts = {
            found.replace("\\", "")
            for found in re.findall(r"[a-z0-9-]+\\\.prod\\\.svc\\\.cluster\\\.local", expression)
        }
        self.hosts.append(hosts)
        return [one for host in hosts if "silent" not in host for one in counted(host, _50=1, _inf=1)]


def test_what_is_known_is_read_again_after_a_while_and_not_all_of_it_at_once() -> None:
    """Each has dozens of them; with hundreds of releases the answer would be read for longer than anything may wait."""
    asked, now = Asked(), [0.0]
    scraping = Scraping(asked, 5.0, lambda: now[0])  # type: ignore[arg-type]
    targets = [Target("prod", f"fraud{number}", "2.4.1187") for number in range(150)]

    def questions() -> list[int]:
        found = asyncio.run(scraping.bounds(ENVOY, [*targets, Target("prod", "silent", "2.4.1187")]))
        assert found.keys() == {target.host for target in targets}
        asked.hosts, before = [], asked.hosts
        return [len(hosts) for hosts in before]

    assert questions() == [151], "all that is not known, as a release must be seen at once"
    assert questions() == [1], "what had no request yet"
    now[0] = 601.0
    assert [questions(), questions(), questions()] == [[101], [51], [1]]
