"""What the pages show works: every manifest in them is accepted, every command in them exists, every link leads on."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import yaml

from modelrollout.resource.rollout import parse_spec
from modelrollout.resource.spec import Spec

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md"), *ROOT.glob("e2e/**/README.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"(?:^|`)(?:kubectl )?modelrollout ([a-z]+)\b(?! \|)", re.M)


def manifests() -> list[tuple[str, dict[str, object]]]:
    """Every ModelRollout in a fenced block of YAML."""
    found = []
    for page in PAGES:
        for language, text in FENCE.findall(page.read_text()):
            if language == "yaml":
                documents = [item for item in yaml.safe_load_all(text) if isinstance(item, dict)]
                found += [(page.name, item) for item in documents if item.get("kind") == "ModelRollout"]
    return found


@pytest.mark.parametrize(("page", "manifest"), manifests(), ids=lambda value: value if isinstance(value, str) else "")
def test_manifest_is_accepted(page: str, manifest: dict[str, object]) -> None:
    spec = parse_spec(manifest["spec"])
    assert isinstance(spec, Spec), spec


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    local = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    missing = [link for link in local if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    from modelrollout.cli.main import main

    assert isinstance(main, click.Group)
    known = set(main.list_commands(click.Context(main)))
    assert set(COMMAND.findall(page.read_text())) <= known
