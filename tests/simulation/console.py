"""The commands that the pages show with what they print.

``python -m tests.simulation.console`` runs them all and writes their output into the pages; a test compares.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from modelrollout.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs" / "simulate.md",)
BLOCK = re.compile(r"^```console\n\$ modelrollout (.*)\n((?:.*\n)*?)```$", re.M)


def written(page: Path) -> str:
    """The page with the output of every command as it is now."""
    return BLOCK.sub(lambda block: f"```console\n$ modelrollout {block[1]}\n{output(block[1])}```", page.read_text())


def output(arguments: str) -> str:
    """What a command prints, from the root of the repository."""
    with chdir(ROOT):
        result = CliRunner().invoke(main, shlex.split(arguments))
    assert result.exit_code == 0, result.output
    return result.output


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page))
        print(os.path.relpath(page))
