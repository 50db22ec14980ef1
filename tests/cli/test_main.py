"""The group of commands: what it lists, and that listing costs nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from modelrollout.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
HEAVY = ("pydantic", "kubernetes", "kopf", "aiohttp", "numpy", "yaml", "urllib3")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_that_takes_long(arguments: list[str]) -> None:
    code = (
        "import sys; from modelrollout.cli.main import main; main(sys.argv[1:], standalone_mode=False); "
        f"print('imported:', sorted(set({HEAVY}) & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert "imported: []" in run.stdout


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    assert [name for name in COMMANDS if f"  {name} " not in shown] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_itself_says(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert COMMANDS[name][1] == command.get_short_help_str(limit=200)


def test_an_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["destroy"])
    assert result.exit_code == 2
    assert "No such command 'destroy'" in result.output


MEANT = {
    "misspelt": ("promot", "there is no command promot; did you mean promote?"),
    "as another program has it": ("status", "there is no command status; did you mean get, or describe?"),
    "a word for an option": ("version", "there is no command version; did you mean --version?"),
}


@pytest.mark.parametrize(("word", "said"), MEANT.values(), ids=MEANT.keys())
def test_a_command_that_was_meant_is_named(word: str, said: str) -> None:
    result = CliRunner().invoke(main, [word])
    assert result.exit_code == 2
    assert f"Error: {said}\n" in result.output


def test_kubectl_finds_it_as_a_plugin() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["kubectl-modelrollout"] == scripts["modelrollout"] == "modelrollout.cli.main:main"


def test_the_reference_is_up_to_date(tmp_path: Path) -> None:
    """In a process of its own: click remembers the help option of a command as it was first asked for."""
    page = tmp_path / "cli.md"
    subprocess.run([sys.executable, "-m", "modelrollout.cli.reference", str(page)], check=True)
    assert (ROOT / "docs" / "cli.md").read_text() == page.read_text(), "run `make docs`"
