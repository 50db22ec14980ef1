"""``modelrollout operator``: the process that does it all."""

from __future__ import annotations

import sys

import click


@click.command()
def operator() -> None:
    """Run the operator.

    Against the cluster of KUBECONFIG, or in a pod by its service account. All settings come from the environment,
    as MODELROLLOUT_...: docs/settings.md.
    """
    import asyncio

    from modelrollout.adapters.access import NoAccess
    from modelrollout.runtime.logs import configure
    from modelrollout.runtime.prerequisites import CannotStart
    from modelrollout.runtime.process import run
    from modelrollout.runtime.settings import BadSetting, from_environment

    try:
        settings = from_environment()
        configure(settings.log_level, settings.log_format)
        asyncio.run(run(settings))
    except (BadSetting, CannotStart, NoAccess) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
