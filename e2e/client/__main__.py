"""`python -m e2e.client --url http://IP/v1/models/digits:predict --host HOST --rate 100 --rows FILE --duration
60`."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from e2e.client.answer import write
from e2e.client.load import LoadClient, Target
from e2e.client.summary import summarize

EVERY = 5.0  # seconds between two lines about the progress


@click.command()
@click.option(
    "--url",
    required=True,
    help="Where to, by address: http://IP:PORT/v1/models/NAME:predict or grpc://IP:PORT/NAME?input=INPUT.",
)
@click.option("--host", help="The Host header, by which the gateway finds the route.")
@click.option("--rate", type=float, default=100.0, show_default=True, help="Requests a second.")
@click.option(
    "--rows", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="Bodies, one a line."
)
@click.option("--duration", type=float, default=60.0, show_default=True, help="Seconds; 0 goes on until Ctrl-C.")
@click.option("--timeout", type=float, default=5.0, show_default=True, help="Seconds until a request is given up.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="A further header; may be repeated.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write every answer as a line of JSON.")
def client(
    url: str,
    host: str | None,
    rate: float,
    rows: Path,
    duration: float,
    timeout: float,
    headers: tuple[str, ...],
    out: Path | None,
) -> None:
    """Send requests at a fixed rate and say every five seconds how it went."""
    target = Target(url, rate, host, timeout, dict(header.split("=", 1) for header in headers))
    bodies = [line.encode() for line in rows.read_text().splitlines() if line]
    with contextlib.suppress(KeyboardInterrupt), _opened(out) as file:
        asyncio.run(_send(LoadClient(target, bodies), duration, file))


@contextlib.contextmanager
def _opened(out: Path | None) -> Iterator[IO[str] | None]:
    if out is None:
        yield None
    else:
        with out.open("w") as file:
            yield file


async def _send(load: LoadClient, duration: float, file: IO[str] | None) -> None:
    started, told = time.monotonic(), 0
    try:
        async with load:
            while not duration or time.monotonic() - started < duration:
                left = duration - (time.monotonic() - started) if duration else EVERY
                await asyncio.sleep(min(EVERY, left))
                told = _tell(load, told, time.monotonic() - started, file)
    finally:
        _tell(load, told, time.monotonic() - started, file)
        print(f"total      {summarize(load.answers)}", flush=True)


def _tell(load: LoadClient, told: int, elapsed: float, file: IO[str] | None) -> int:
    """A line about the answers since the last one, and those answers into the file; how many are told of
    now."""
    news = load.answers[told:]
    if news:
        print(f"[{elapsed:6.1f} s] {summarize(news)}, {load.waiting} waiting", file=sys.stderr, flush=True)
    if file:
        write(file, news)
    return told + len(news)


if __name__ == "__main__":
    client(prog_name="python -m e2e.client")
