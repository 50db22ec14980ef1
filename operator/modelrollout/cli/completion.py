"""``modelrollout completion``: what a shell needs to complete commands, options and the names of rollouts.

kubectl completes a plugin by a program of its own, ``kubectl_complete-modelrollout``, which is here, too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from modelrollout.cli.main import main

PROGRAM, VARIABLE = "modelrollout", "_MODELROLLOUT_COMPLETE"
NAMES_SECONDS = 2.0  # somebody waits at a prompt

WITH_FILES, WITHOUT_FILES = ":0", ":4"
"""What kubectl, as cobra, reads in the last line: whether the shell adds the names of files."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion of a shell.

    \b
    bash  source <(modelrollout completion bash)     in ~/.bashrc
    zsh   source <(modelrollout completion zsh)      in ~/.zshrc, after compinit
    fish  modelrollout completion fish | source      in ~/.config/fish/config.fish

    Names of rollouts are asked of the cluster. `kubectl modelrollout` completes by itself where kubectl does (1.26 and
    newer) and `kubectl_complete-modelrollout` is on the PATH, as after pip install.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, PROGRAM, VARIABLE).source())


def rollout_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The rollouts of the namespace that the line names so far; none where the cluster cannot be asked."""
    from modelrollout.cli.access import Access

    place = [context.params.get(name) for name in ("namespace", "context", "kubeconfig")]
    try:
        names = Access(place[0], place[1], place[2] or os.environ.get("KUBECONFIG")).names(NAMES_SECONDS)
    except click.ClickException:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def for_kubectl() -> None:
    """``kubectl_complete-modelrollout WORD...``: what may stand in place of the last word, a line each."""
    click.echo("\n".join(kubectl_lines(sys.argv[1:])))


def kubectl_lines(words: Sequence[str]) -> list[str]:
    """The lines, with the help of each behind a tab, and the directive in the last one."""
    *before, incomplete = words or [""]
    found = ShellComplete(main, {}, PROGRAM, VARIABLE).get_completions(before, incomplete)
    plain = [item for item in found if item.type == "plain"]
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in plain]
    return [*lines, WITH_FILES if len(plain) < len(found) else WITHOUT_FILES]
