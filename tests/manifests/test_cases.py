"""The objects of versions and routes: YAML in, YAML out, side by side in cases/."""

from __future__ import annotations

import pytest

from tests.manifests.render import CASES, load, render


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_the_objects_are_as_written(name: str) -> None:
    (case,) = load(CASES / name / "in.yaml")
    assert render(case) == load(CASES / name / "out.yaml")
