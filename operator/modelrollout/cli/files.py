"""The manifests that a command is given, named as for kubectl: by ``-f``, or by the name alone; ``-`` is the standard
input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

STANDARD_INPUT = "-"

Decorated = Callable[..., Any]


def file_arguments(metavar: str = "FILE...") -> Callable[[Decorated], Decorated]:
    """``FILE...`` and ``-f FILE``, as often as wanted, as the parameters ``files`` and ``named``."""
    file = click.Path(allow_dash=True)  # so that a shell completes names of files
    named = click.option(
        *("-f", "--filename", "--file", "named"),
        type=file,
        multiple=True,
        metavar="FILE",
        help="The same, as kubectl takes files.",
    )
    argument = click.argument("files", nargs=-1, metavar=metavar, type=file)
    return lambda command: argument(named(command))


def several(files: Sequence[str], named: Sequence[str], command: str) -> tuple[str, ...]:
    """All files that were given. Raises UsageError for none."""
    found = (*files, *named)
    if not found:
        raise click.UsageError(f"no file is named; write for example modelrollout {command} -f rollout.yaml")
    return found


def only_one(files: Sequence[str], named: Sequence[str], command: str) -> str:
    """The file that was given. Raises UsageError for none and for several."""
    first, *others = several(files, named, command)
    if others:
        raise click.UsageError(f"modelrollout {command} takes one manifest, not {len(others) + 1}")
    return first


def text_of(file: str) -> str:
    """What a file holds. Raises UsageError with the reason when it cannot be read."""
    try:
        if file == STANDARD_INPUT:
            return sys.stdin.read()
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise click.UsageError(f"cannot read {file}: {reason}") from error
