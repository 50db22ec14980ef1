"""``modelrollout compare``: the comparer of a shadow comparison."""

from __future__ import annotations

import sys

import click

from modelrollout.cli.options import Duration


@click.command()
@click.option("--namespace", required=True, metavar="NAMESPACE", help="Of the rollout; a label of all that is counted.")
@click.option("--rollout", required=True, metavar="NAME", help="Its name, another label.")
@click.option("--trial", required=True, metavar="NAME", help="What tells its trials apart, another label.")
@click.option(
    "--control",
    required=True,
    metavar="VERSION=HOST",
    help="The version that serves and where its model servers are, for example 1.0.0=fraud-1-0-0, or "
    "1.0.0=fraud-1-0-0:8501:8500 with the ports of REST and gRPC.",
)
@click.option(
    "--arm",
    "arms",
    required=True,
    multiple=True,
    metavar="VERSION=HOST",
    help="A version that is compared with it, in the same form; as often as there are such.",
)
@click.option(
    "--settings",
    "shadow",
    envvar="MODELROLLOUT_SHADOW",
    show_envvar=True,
    metavar="JSON",
    help="spec.validation.shadow of the rollout. Default: what holds where nothing is written.",
)
@click.option("--rest-port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Of a HOST without.")
@click.option("--grpc-port", type=click.IntRange(1, 65535), default=8500, show_default=True, help="Of a HOST without.")
@click.option(
    "--listen-rest", default="0.0.0.0:8501", show_default=True, metavar="HOST:PORT", help="Address for copies by REST."
)
@click.option(
    "--listen-grpc", default="0.0.0.0:8500", show_default=True, metavar="HOST:PORT", help="Address for copies by gRPC."
)
@click.option(
    "--listen", default="0.0.0.0:8080", show_default=True, metavar="HOST:PORT", help="Address of /metrics and /healthz."
)
@click.option(
    "--drain",
    type=Duration(),
    default="15s",
    show_default=True,
    metavar="DURATION",
    help="After SIGTERM /metrics is shown for so long; at least the scrape interval.",
)
@click.option(
    "--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default="INFO", show_default=True
)
@click.option("--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True)
def compare(
    namespace: str,
    rollout: str,
    trial: str,
    control: str,
    arms: tuple[str, ...],
    shadow: str | None,
    rest_port: int,
    grpc_port: int,
    listen_rest: str,
    listen_grpc: str,
    listen: str,
    drain: float,
    log_level: str,
    log_format: str,
) -> None:
    """Run the comparer of a release.

    The mesh sends it copies of users' requests. It replays each to the version that serves and to those that may
    follow it, compares what they answer, and counts. The operator starts it; it needs no rights in the cluster.
    """
    import asyncio

    from modelrollout.adapters.listening import CannotServe
    from modelrollout.comparison.process import run
    from modelrollout.comparison.settings import BadSetting, Settings
    from modelrollout.runtime.logs import about, configure

    addresses = {"listen": listen, "listen_rest": listen_rest, "listen_grpc": listen_grpc}
    names = {"namespace": namespace, "rollout": rollout, "trial": trial}
    try:
        settings = Settings.of_options(control, arms, (rest_port, grpc_port), shadow, drain=drain, **names, **addresses)
        configure(log_level, log_format)
        with about((namespace, rollout)):
            asyncio.run(run(settings))
    except (BadSetting, CannotServe) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
