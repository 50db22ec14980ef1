"""The options that the commands share, so that each of them means the same everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from modelrollout.api.base import parse_duration
from modelrollout.api.version import ModelVersion
from modelrollout.cli.errors import NotFound

if TYPE_CHECKING:
    from modelrollout.cli.access import Access

Decorated = Callable[..., Any]


class Duration(click.ParamType[float]):
    """``90s``, ``30m``, ``2h``: the form that durations have in a manifest, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Fails with the way out for any other form."""
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        assert isinstance(seconds, float)
        return seconds


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Imported when a shell asks."""
    from modelrollout.cli.completion import rollout_names

    return rollout_names(context, parameter, incomplete)


def name_argument(required: bool = False) -> Callable[[Decorated], Decorated]:
    """``NAME`` of a rollout, which a shell completes."""
    return click.argument("name", required=required, shell_complete=_names)


def cluster_options(command: Decorated) -> Decorated:
    """``-n``, ``--context`` and ``--kubeconfig``, as kubectl has them."""
    options = (
        click.option("-n", "--namespace", metavar="NAMESPACE", help="Default: the namespace of the context."),
        click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: the current one."),
        click.option(
            "--kubeconfig",
            metavar="FILE",
            envvar="KUBECONFIG",
            show_envvar=True,
            help="Default: ~/.kube/config; in a pod without one, its service account.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


output_option = click.option(
    "-o", "--output", type=click.Choice(["json", "yaml"]), help="The objects themselves, instead of the picture."
)


def as_version(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Callback of an argument or an option that takes a version; None when none is given."""
    try:
        return str(ModelVersion.parse(value)) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def dump(body: object, output: str) -> str:
    """An object as JSON or YAML, as kubectl writes it, with no line feed at the end."""
    if output == "json":
        return json.dumps(body, indent=2)
    import yaml

    return yaml.safe_dump(body, sort_keys=False, default_flow_style=False, allow_unicode=True).rstrip("\n")


def name_or_only_one(access: Access, name: str | None) -> str:
    """The name that was given, or that of the namespace's only rollout."""
    if name:
        return name
    names = sorted(item["metadata"]["name"] for item in access.find()["items"])
    if len(names) == 1:
        return str(names[0])
    if not names:
        access.check_namespace()
        raise NotFound(f"there is no modelrollout in namespace {access.namespace}")
    raise click.UsageError(f"name one of the modelrollouts of namespace {access.namespace}: {', '.join(names)}")
