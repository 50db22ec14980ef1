"""What the images are built from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = ["Dockerfile", "e2e/tensorflow_serving/Dockerfile"]


def pinned(lock: str) -> dict[str, str]:
    """Packages of a lock file with their versions."""
    lines = (ROOT / lock).read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.lstrip().startswith("#"))


def test_image_holds_the_versions_that_the_tests_run_with() -> None:
    image, development = pinned("requirements.lock"), pinned("requirements-dev.lock")
    assert image
    assert {name: development.get(name) for name in image} == image


@pytest.mark.parametrize("package", ["tensorflow", "tensorflow-cpu", "scipy", "matplotlib", "pytest", "mypy"])
def test_image_is_without(package: str) -> None:
    assert package not in pinned("requirements.lock")


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-e2e.lock"])
def test_lock_names_no_place_to_download_from(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text()


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_what_is_copied_is_there_and_not_ignored(dockerfile: str) -> None:
    """.dockerignore ignores everything but a list, and that list is easily forgotten."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / dockerfile).read_text(), flags=re.MULTILINE)
    sources = [source.rstrip("/") for copy in copies for source in copy.split()]
    assert sources
    assert [source for source in sources if not list(ROOT.glob(source))] == []
    assert [source for source in sources if not any(f"{source}/".startswith(f"{name}/") for name in allowed)] == []
