"""What a shell, and kubectl for its plugin, is told may come next."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelrollout.cli.completion import WITH_FILES, WITHOUT_FILES, kubectl_lines
from modelrollout.cli.main import main
from tests.apiserver import ApiServer
from tests.cli.conftest import Put
from tests.cli.worlds import installed

ROOT = Path(__file__).parents[2]

LINES = {
    "a command": (
        ["pro"],
        ["promote\tGo on with a release that waits, or skip all that is left of it.", WITHOUT_FILES],
    ),
    "none that begins so": (["nothing"], [WITHOUT_FILES]),
    "an option": (
        ["get", "--all"],
        ["--all-namespaces\tThe rollouts of all namespaces.", WITHOUT_FILES],
    ),
    "the words of an option": (["get", "-o", "y"], ["yaml", WITHOUT_FILES]),
    "a file": (["lint", "-f", ""], [WITH_FILES]),
    "a file without -f": (["simulate", ""], [WITH_FILES]),
    "a rollout, where there is no cluster": (["get", "--kubeconfig", "/nowhere", ""], [WITHOUT_FILES]),
}


@pytest.mark.parametrize(("words", "lines"), LINES.values(), ids=LINES.keys())
def test_what_kubectl_is_told(words: list[str], lines: list[str]) -> None:
    assert kubectl_lines(words) == lines


@pytest.mark.apiserver
def test_names_of_rollouts(server: ApiServer, namespace: str, put: Put) -> None:
    put(installed())
    place = ["--kubeconfig", str(server.kubeconfig), "-n", namespace]
    assert kubectl_lines(["get", *place, "fr"]) == ["fraud", WITHOUT_FILES]
    assert kubectl_lines(["promote", *place, "x"]) == [WITHOUT_FILES]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_calls_back(shell: str) -> None:
    script = CliRunner().invoke(main, ["completion", shell])
    assert script.exit_code == 0
    assert f"_MODELROLLOUT_COMPLETE={shell}_complete" in script.output


def test_an_unknown_shell_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["completion", "csh"]).exit_code == 2


def test_the_call_back_answers_without_the_modules_of_the_operator() -> None:
    """Somebody waits at a prompt: nothing but the table of commands is read."""
    code = (
        "import sys; from modelrollout.cli.main import main\n"
        "try: main(prog_name='modelrollout', complete_var='_MODELROLLOUT_COMPLETE')\n"
        "finally: print(sorted({'pydantic', 'numpy', 'kubernetes'} & set(sys.modules)))"
    )
    asked = {"_MODELROLLOUT_COMPLETE": "bash_complete", "COMP_WORDS": "modelrollout pro", "COMP_CWORD": "1"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **asked})
    assert run.stdout.splitlines() == ["plain,promote", "[]"]


def test_kubectl_finds_the_program_that_completes_its_plugin() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["kubectl_complete-modelrollout"] == "modelrollout.cli.completion:for_kubectl"
