"""``modelrollout rewards``: the gateway for the outcomes by which versions are judged."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modelrollout.cli.options import Duration


@click.command()
@click.option(
    "--operator",
    "url",
    required=True,
    metavar="URL",
    help="The operator's own server, for example http://modelrollout:8080. It says what is on trial.",
)
@click.option("--listen", default="0.0.0.0:8080", show_default=True, metavar="HOST:PORT", help="Address of everything.")
@click.option(
    "--max-reward",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="What is larger counts as this, what is below 0 as 0.",
)
@click.option(
    "--window", type=Duration(), default="24h", show_default=True, metavar="DURATION", help="Later rewards are refused."
)
@click.option(
    "--remember",
    type=click.IntRange(min=1000),
    default=2_000_000,
    show_default=True,
    help="Ids of requests that are kept to refuse duplicates, some 70 bytes each. Then the oldest go.",
)
@click.option(
    "--hmac-key-file",
    type=click.Path(path_type=Path),
    help="Keys, one a line. With it each request is signed: X-Signature: sha256=HEX, the HMAC of its body.",
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
def rewards(
    url: str,
    listen: str,
    max_reward: float,
    window: float,
    remember: int,
    hmac_key_file: Path | None,
    drain: float,
    log_level: str,
    log_format: str,
) -> None:
    """Run the reward gateway.

    Applications send it what came of a decision, POST /v1/rewards {"decision": "...", "reward": 1}, and Prometheus
    scrapes the counts: docs/rewards.md. It needs no rights in the cluster.
    """
    import asyncio

    from modelrollout.adapters.listening import CannotServe
    from modelrollout.rewards.keys import BadKeys
    from modelrollout.rewards.process import run
    from modelrollout.rewards.settings import BadSetting, Settings
    from modelrollout.runtime.logs import configure

    try:
        settings = Settings(url, listen, max_reward, window, remember, hmac_key_file, drain)
        configure(log_level, log_format)
        asyncio.run(run(settings))
    except (BadKeys, BadSetting, CannotServe) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
