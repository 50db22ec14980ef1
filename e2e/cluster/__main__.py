"""The command line of the local cluster: `python -m e2e.cluster --help`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from e2e.cluster import images, lifecycle, toolchain
from e2e.cluster.addresses import Cluster, cluster_name
from e2e.cluster.report import ClusterError, say
from e2e.cluster.status import status as status_of


@click.group()
def main() -> None:
    """A real one-node Kubernetes with Istio, Envoy and Prometheus on this machine.

    MODELROLLOUT_CLUSTER names the cluster (default: demo); several run side by side.
    """


def this_name() -> str:
    return cluster_name(os.environ)


def this_cluster() -> Cluster:
    cluster = lifecycle.find(this_name())
    if cluster is None:
        raise ClusterError(f"there is no cluster {this_name()}: `python -m e2e.cluster up` makes it")
    return cluster


@main.command()
@click.option("--scrape-interval", default=lifecycle.SCRAPE_INTERVAL, show_default=True, help="of Prometheus")
def up(scrape_interval: str) -> None:
    """Bring the cluster up, or back to health. Quick when all is well."""
    cluster = lifecycle.up(this_name(), scrape_interval)
    say(f"the cluster {cluster.name} is up")
    click.echo(f"  export KUBECONFIG={cluster.kubeconfig}")
    click.echo(f"  gateway     {cluster.gateway_url}\n  Prometheus  {cluster.prometheus_url}")


@main.command()
def status() -> None:
    """Say which programs run and are ready. Ends with 1 unless all are."""
    cluster = this_cluster()
    lines = status_of(cluster)
    click.echo(f"cluster {cluster.name}: {cluster.state}, network {cluster.link}")
    for line in lines:
        pid = str(line.pid or "-")
        click.echo(f"  {line.name:<24} {line.state:<10} pid {pid:>7}  {line.memory / 2**20:5.0f} MiB")
    click.echo(f"  gateway     {cluster.gateway_url}\n  Prometheus  {cluster.prometheus_url}")
    if any(line.state != "ready" for line in lines):
        raise ClusterError("not all is well: `python -m e2e.cluster up` repairs it")


@main.command()
def env() -> None:
    """Print what a shell needs to use the cluster: eval "$(python -m e2e.cluster env)"."""
    cluster = this_cluster()
    click.echo(f"export KUBECONFIG={cluster.kubeconfig}")
    click.echo(f"export PATH={toolchain.toolchain().folder}:$PATH")


@main.group()
def image() -> None:
    """Build container images on a local base and hand them to the cluster."""


@image.command("build")
@click.option("--dockerfile", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--context", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--tag", required=True, help="for example localhost/modelrollout/operator:dev")
@click.option("--build-arg", "arguments", multiple=True, metavar="NAME=VALUE")
@click.option("--target", help="the stage of a Dockerfile with several")
@click.option("--load", is_flag=True, help="load the image into the cluster, too")
def image_build(
    dockerfile: Path, context: Path, tag: str, arguments: tuple[str, ...], target: str | None, load: bool
) -> None:
    """Build an image and print the path of its archive. BASE is set to the local Python image."""
    values = dict(argument.split("=", 1) for argument in arguments)
    archive = images.build(dockerfile, context, tag, values, target)
    if load:
        images.load(this_cluster(), archive)
    click.echo(archive)


@image.command("load")
@click.argument("archives", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def image_load(archives: tuple[Path, ...]) -> None:
    """Load image archives into the cluster, those apart that it has."""
    for archive in archives:
        images.load(this_cluster(), archive)


@image.command("list")
def image_list() -> None:
    """List the images that the cluster has."""
    for name, digest in sorted(images.loaded(this_cluster()).items()):
        click.echo(f"{name}  {digest}")


@main.command()
@click.argument("name")
@click.argument("what", type=click.Choice(["stop", "kill", "start"]))
@click.option("--scrape-interval", default=lifecycle.SCRAPE_INTERVAL, show_default=True, help="of Prometheus")
def program(name: str, what: str, scrape_interval: str) -> None:
    """Stop one program, in peace or not, or start it again; what it has stored stays. `status` has the names."""
    lifecycle.program(this_cluster(), name, what, scrape_interval)


@main.command()
def down() -> None:
    """Remove the cluster with all that belongs to it."""
    found = lifecycle.down(this_name())
    say(f"the cluster {this_name()} is gone" if found else f"there is no cluster {this_name()}")


if __name__ == "__main__":
    try:
        main()
    except (ClusterError, ValueError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
