"""What a watch reads: changes, to the first line that is none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import kubernetes.watch
import pytest
import yaml

from modelrollout.cli.access import Access
from modelrollout.cli.feed import Snapshot, follow

KUBECONFIG = {
    "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "a", "user": {"token": "a"}}],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    "current-context": "a",
}


def rollout(version: str) -> dict[str, Any]:
    metadata = {"name": "fraud", "namespace": "prod", "resourceVersion": version}
    return {"metadata": metadata, "spec": {"model": {"version": version}}}


class CutOff:
    """A connection that ends in the middle of a line: the client's package gives None for such a line."""

    def stream(self, *_: object, **__: object) -> Iterator[dict[str, Any] | None]:
        yield {"type": "MODIFIED", "object": rollout("2")}
        yield None
        yield {"type": "MODIFIED", "object": rollout("never read")}


def test_a_line_that_is_no_change_ends_the_watch_and_the_listing_has_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kubernetes.watch, "Watch", CutOff)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(KUBECONFIG))
    access = Access("prod", kubeconfig=str(kubeconfig))
    listings = iter(["1", "3"])

    def find(everywhere: bool = False, name: str | None = None) -> dict[str, Any]:
        version = next(listings)
        return {"metadata": {"resourceVersion": version}, "items": [rollout(version)]}

    monkeypatch.setattr(access, "find", find)
    seen = [news for news in islice(follow(access), 3) if isinstance(news, Snapshot)]
    assert [snapshot.bodies[0]["metadata"]["resourceVersion"] for snapshot in seen] == ["1", "2", "3"]
