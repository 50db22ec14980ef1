"""``modelrollout lint``: manifests checked on a laptop or in a pipeline, with no cluster."""

from __future__ import annotations

import sys

import click

from modelrollout.api.printable import printable
from modelrollout.cli.check import check, is_rollout
from modelrollout.cli.files import file_arguments, several, shown, text_of
from modelrollout.cli.manifests_file import Document, Problem, read_documents
from modelrollout.cli.notes import notes
from modelrollout.cli.text import counted


@click.command()
@file_arguments()
def lint(files: tuple[str, ...], named: tuple[str, ...], recursive: bool) -> None:
    """Check manifests without a cluster.

    Reads YAML or JSON with any number of documents; a folder stands for the *.yaml, *.yml and *.json in it, `-` for the
    standard input, which sentences call <stdin>. The files are taken together, as one `kubectl apply` would: two
    rollouts of one name or one host are found, too. Objects of other kinds are let through.

    Exit code 0 when all is well, 1 with one line for each problem, 2 when a file cannot be read. Lines that begin with
    "note:" name settings that can do nothing; they change no exit code.
    """
    files = several(files, named, recursive, "lint")
    documents, problems = read_all(files)
    found = [document for document in documents if is_rollout(document)]
    problems += check(documents)
    if not found and not problems:
        problems = [Problem(" ".join(map(shown, files)), "there is no ModelRollout in here")]
    for problem in problems:
        click.echo(printable(str(problem)), err=True)
    for note in (note for document in found for note in notes(document)):
        click.echo(printable(f"note: {note}"), err=True)
    if problems:
        sys.exit(1)
    click.echo(f"{counted(len(found), 'ModelRollout')} in order")


def read_all(files: tuple[str, ...]) -> tuple[list[Document], list[Problem]]:
    """The documents of all files, and where they could not be read. Raises UsageError for a file that is not there."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for file in files:
        for item in read_documents(shown(file), text_of(file)):
            if isinstance(item, Document):
                documents.append(item)
            else:
                problems.append(item)
    return documents, problems
