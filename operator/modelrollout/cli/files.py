"""The manifests that a command is given, named as for kubectl: by ``-f``, or by the name alone; a folder stands for the
manifests in it, ``-`` for the standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

STANDARD_INPUT = "-"
STANDARD_INPUT_NAME = "<stdin>"  # in sentences
ENDINGS = (".json", ".yaml", ".yml")  # of what kubectl takes from a folder

Decorated = Callable[..., Any]


def file_arguments(metavar: str = "FILE...") -> Callable[[Decorated], Decorated]:
    """``FILE...`` and ``-f FILE``, as often as wanted, as the parameters ``files`` and ``named``; ``recursive`` is
    ``-R``."""
    file = click.Path(allow_dash=True)  # so that a shell completes names of files
    named = click.option(
        *("-f", "--filename", "--file", "named"),
        type=file,
        multiple=True,
        metavar="FILE",
        help="The same, as kubectl takes files.",
    )
    recursive = click.option("-R", "--recursive", is_flag=True, help="Of a folder, what is in its folders, too.")
    argument = click.argument("files", nargs=-1, metavar=metavar, type=file)
    return lambda command: argument(named(recursive(command)))


def several(files: Sequence[str], named: Sequence[str], recursive: bool, command: str) -> tuple[str, ...]:
    """All files that were given, those of folders one by one. Raises UsageError for none."""
    given = (*files, *named)
    if not given:
        raise click.UsageError(f"no file is named; write for example modelrollout {command} -f rollout.yaml")
    found = [name for file in given for name in _files_of(file, recursive)]
    return tuple(dict.fromkeys(found))


def _files_of(file: str, recursive: bool) -> Iterator[str]:
    """The file itself, or the manifests of a folder in the order of their names."""
    folder = Path(file)
    if file == STANDARD_INPUT or not folder.is_dir():
        yield file
        return
    inside = folder.rglob("*") if recursive else folder.iterdir()
    manifests = sorted(str(path) for path in inside if path.suffix in ENDINGS and path.is_file())
    if not manifests:
        way_out = "" if recursive else "; -R looks into its folders, too"
        raise click.UsageError(f"there is no *.yaml, *.yml or *.json in folder {file}{way_out}")
    yield from manifests


def shown(file: str) -> str:
    """What a file is called in sentences."""
    return STANDARD_INPUT_NAME if file == STANDARD_INPUT else file


def text_of(file: str) -> str:
    """What a file holds. Raises UsageError with the reason when it cannot be read."""
    try:
        if file == STANDARD_INPUT:
            return sys.stdin.read()
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise click.UsageError(f"cannot read {shown(file)}: {reason}") from error
