"""The reference of the command line, ``docs/cli.md``, generated from the commands' own help. ``make docs`` writes it.

python -m modelrollout.cli.reference docs/cli.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from modelrollout.cli.main import main

WIDTH = 100

HEADER = """\
<!-- Generated from operator/modelrollout/cli by `make docs`. Do not edit. -->
# The command line

`modelrollout` and `kubectl modelrollout` are the same program: kubectl finds `kubectl-modelrollout` on the `PATH`.
It uses your kubeconfig and your rights. Looking takes `get`, `list` and `watch` on `modelrollouts` (and `list` on
`pods` and `events` for the details); telling takes `patch` on `modelrollouts`. Colours are for terminals alone, and
`NO_COLOR=1` takes them away.

`promote`, `skip`, `abort`, `lower`, `pause`, `resume`, `undo` and `retry` never write the spec. They write one
annotation,

    modelrollout.dev/command: "VERB VERSION TOKEN REASON"

and wait until the operator has copied it to `status.lastCommand`, which it does in the same write as the effect. The
version says which release is meant, so a command that comes late cannot hit the next one; of several versions under
trial it names those that are meant, with commas between. Without this program,
`kubectl annotate --overwrite modelrollout fraud modelrollout.dev/command="abort 2.4.1187"` does the same. Once a
command is answered, carried out or not, the operator takes the annotation away again, if it still has that text, so
that the same words count a second time; the same words twice in a second count once. The token tells who waits for the
answer which one is his. The annotation belongs into no repository: what syncs it from there gives the command again
each time that it is taken away. An annotation that is not in the repository is no drift for Argo CD and Flux. The
verb of `promote --full` is `promote-full`, that of `abort --quarantine` is `abort-quarantine`; the reason
of `lower` begins with the weight: `lower 2.4.1187 TOKEN 5`; `pause` and `resume` take `-` for whatever release is
under way.

Exit codes of all commands but `wait`, `validate` and `doctor`, which have their own below: 0 done, 1 refused because it
makes no sense as things are (or, for `lint`, problems found), 2 wrong usage, or no such rollout or namespace, 3 sent
but not answered, or taken back but still in the live route, 4 the cluster could not be asked. To list no rollouts is no
failure. Who may not read namespaces is told of what is missing in one, and not that it is not there itself.
"""


def reference() -> str:
    """The whole page."""
    context = main.make_context("modelrollout", [], resilient_parsing=True)
    sections = [HEADER, _section("modelrollout", main, context)]
    return "\n".join([*sections, *_commands(context)])


def _commands(context: click.Context) -> Iterator[str]:
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        yield _section(
            f"modelrollout {name}", command, command.make_context(name, [], parent=context, resilient_parsing=True)
        )


def _section(title: str, command: click.Command, context: click.Context) -> str:
    """A heading and the help as a terminal shows it; of a group with its commands' own sections to follow."""
    context.max_content_width = context.terminal_width = WIDTH
    return f"## {title}\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
