"""The one ModelRollout that a command is about, out of the files that it was given."""

from __future__ import annotations

from collections.abc import Sequence

import click

from modelrollout.cli.check import check_one, is_rollout
from modelrollout.cli.errors import NotTaken
from modelrollout.cli.files import several, shown
from modelrollout.cli.lint import read_all
from modelrollout.cli.manifests_file import Document


def one_manifest(files: Sequence[str], named: Sequence[str], recursive: bool, command: str) -> Document:
    """The only ModelRollout of the files; other kinds beside it are let through. Raises NotTaken with all that is wrong
    with it, each by file, document and field, and UsageError where there is none, or several."""
    given = several(files, named, recursive, command)
    documents, problems = read_all(given)
    found = [document for document in documents if is_rollout(document)]
    problems += [problem for document in found for problem in check_one(document)]
    if problems:
        raise NotTaken(*map(str, problems))
    if not found:
        raise click.UsageError(f"there is no ModelRollout in {' '.join(map(shown, given))}")
    if len(found) > 1:
        places = ", ".join(document.place for document in found)
        raise click.UsageError(f"modelrollout {command} takes one ModelRollout, and here are {len(found)}: {places}")
    return found[0]
