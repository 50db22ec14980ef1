"""``modelrollout`` and ``kubectl modelrollout``: the group of all commands.

Each command's module is imported when that command runs, and not before: the operator's modules take most of a
second to import, and ``--help``, shell completion and a pipeline's ``lint`` should not wait for them. So the one-line
help of each command is written here (a test compares it with the command's own).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem

COMMANDS: Mapping[str, tuple[str, str]] = {
    "get": ("modelrollout.cli.get:get", "Show rollouts: a table, or one as a tree."),
    "describe": ("modelrollout.cli.describe:describe", "Show everything that is known of one rollout."),
    "promote": ("modelrollout.cli.act:promote", "Go on with a release that waits, or skip all that is left of it."),
    "skip": ("modelrollout.cli.act:skip", "End the present step or the bake, its clock too."),
    "abort": ("modelrollout.cli.act:abort", "Take all traffic back to the stable version."),
    "lower": ("modelrollout.cli.act:lower", "Give a candidate fewer requests, and hold it there."),
    "undo": ("modelrollout.cli.act:undo", "Go back to the version before, after a promotion."),
    "pause": ("modelrollout.cli.act:pause", "Hold the weights as they are."),
    "resume": ("modelrollout.cli.act:resume", "End a pause."),
    "retry": ("modelrollout.cli.act:retry", "Release a version again that failed or was taken back."),
    "wait": ("modelrollout.cli.wait:wait", "Wait for the end of a release; the exit code says how it ended."),
    "validate": ("modelrollout.cli.validate:validate", "Look at a version in a cluster, without a release."),
    "doctor": ("modelrollout.cli.doctor.command:doctor", "Check that a cluster has what releases need."),
    "lint": ("modelrollout.cli.lint:lint", "Check manifests without a cluster."),
    "simulate": ("modelrollout.cli.simulate:simulate", "Play a release of a manifest through, without a cluster."),
    "completion": ("modelrollout.cli.completion:completion", "Print the completion of a shell."),
    "operator": ("modelrollout.cli.operator:operator", "Run the operator."),
    "rewards": ("modelrollout.cli.rewards:rewards", "Run the reward gateway."),
    "compare": ("modelrollout.cli.compare:compare", "Run the comparer of a release."),
    "fetch": ("modelrollout.cli.fetch:fetch", "Fetch and check a model."),
}
"""Name -> where it is (``module:attribute``) and its help in one line."""

OTHER_WORDS: Mapping[str, str] = {
    "approve": "promote",
    "delete": "kubectl delete modelrollout",
    "help": "--help",
    "list": "get",
    "ls": "get",
    "rollback": "abort, or undo after a promotion",
    "status": "get, or describe",
    "version": "--version",
    "watch": "get --watch",
}
"""What other programs call it."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and lists commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table: what people use most comes first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported now; None for a name that is no command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As any group, but a word that is no command is answered with the one that may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            meant = OTHER_WORDS.get(args[0]) or next(iter(get_close_matches(args[0], COMMANDS, n=1, cutoff=0.7)), None)
            if meant is None:
                raise
            raise click.UsageError(f"there is no command {args[0]}; did you mean {meant}?", ctx) from error

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that begin so, from the table alone."""
        names = [(name, text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return [CompletionItem(name, help=text) for name, text in names] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in ``--help``, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="modelrollout")
def main() -> None:
    """Release machine-learning models safely on Kubernetes.

    The operator moves traffic to a new version step by step, judges it by evidence and takes the traffic back when
    it is worse. These commands show what it does, and tell it what to do.
    """
