"""``modelrollout fetch``: the init container of every version's pods.

The outcome goes to the termination message as one line of JSON, where the operator reads it from the pod's status:
``{"digest": "sha256:..."}``, with ``samples`` where they are asked for, or ``{"error": "one sentence"}``, with
``"cause": "StoreAway"`` where only the store was to blame.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from modelrollout.adapters.storage.place import Order

TERMINATION_LIMIT = 4096  # bytes, of Kubernetes


@click.command()
@click.option("--uri", required=True, help="Where the model is: pvc://, file:// or https://.")
@click.option("--source", type=click.Path(path_type=Path), help="The model's folder on the mounted volume.")
@click.option(
    "--source-root", type=click.Path(path_type=Path), default=Path("/source"), show_default=True, help="The volume."
)
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="The model's base folder.")
@click.option("--number", required=True, type=click.IntRange(min=0), help="The version's folder in it.")
@click.option("--digest", help="What the model must have: sha256:...")
@click.option(
    "--monitoring-config",
    type=click.Path(path_type=Path),
    help="Also write the server's monitoring configuration here.",
)
@click.option("--max-bytes", type=int, default=20 * 1024**3, show_default=True, help="The largest model.")
@click.option("--timeout", type=float, default=1800.0, show_default=True, help="Seconds for all of it.")
@click.option(
    "--retry-for", type=float, default=30.0, show_default=True, help="Seconds that a store may be away, over https."
)
@click.option(
    "--store-secret",
    "secret",
    type=click.Path(path_type=Path),
    help="A mounted Secret that a store over https wants, in a folder of its name: host and token, or host, username "
    "and password.",
)
@click.option("--show-samples", is_flag=True, help="Tell the model's own warm-up requests, as many as fit.")
@click.option(
    "--warm-up",
    "folder",
    type=click.Path(path_type=Path),
    help="Write samples into the model as its warm-up requests: those of this folder, which is a mounted ConfigMap.",
)
@click.option(
    "--samples",
    envvar="MODELROLLOUT_SAMPLES",
    help="The same of this list of bodies, in JSON, compressed by zlib and in base64.",
)
@click.option(
    "--result", type=click.Path(path_type=Path), default=Path("/dev/termination-log"), help="Where the outcome goes."
)
def fetch(
    uri: str,
    source: Path | None,
    source_root: Path,
    target: Path,
    number: int,
    digest: str | None,
    monitoring_config: Path | None,
    max_bytes: int,
    timeout: float,
    retry_for: float,
    secret: Path | None,
    show_samples: bool,
    folder: Path | None,
    samples: str | None,
    result: Path,
) -> None:
    """Fetch and check a model.

    The digest of a model is the SHA-256 of its manifest: one line for each file, SHA256, two spaces, size in bytes, two
    spaces, path; sorted by path. By hand, in the model's folder:

    \b
      find -L . -type f -printf '%P\\n' | LC_ALL=C sort | while read -r f; do
        echo "$(sha256sum "$f" | cut -c-64)  $(stat -Lc %s "$f")  $f"
      done | sha256sum
    """
    from modelrollout.adapters.storage.failure import STORE_AWAY, FetchError, StoreAway
    from modelrollout.adapters.storage.place import MONITORING, Order
    from modelrollout.adapters.storage.place import fetch as bring
    from modelrollout.adapters.storage.shown import shown

    order = Order(uri, target, number, source, source_root, digest, max_bytes, timeout, retry_for, secret)
    try:
        outcome = {"digest": bring(order, say=_say)}
        if monitoring_config is not None:
            monitoring_config.write_text(MONITORING)
        if show_samples and (found := shown(order.final)) is not None:
            outcome["samples"] = found
        _warm_up(order, folder, samples)
    except (FetchError, OSError) as error:
        words = _shown(str(error))
        outcome = {"error": words, **({"cause": STORE_AWAY} if isinstance(error, StoreAway) else {})}
        click.echo(f"error: {words}", err=True)
    _report(result, outcome)
    sys.exit(1 if "error" in outcome else 0)


def _warm_up(order: Order, folder: Path | None, inline: str | None) -> None:
    """Where a pod's containers are started again, the requests are in the model already."""
    if folder is None and inline is None:
        return
    # Messages of TensorFlow Serving, which who only fetches does not need.
    from modelrollout.adapters.storage.place import mark
    from modelrollout.adapters.storage.warm_up import read_samples, warm_up

    samples = (
        read_samples(folder) if folder is not None else json.loads(zlib.decompress(base64.b64decode(inline or "")))
    )
    if not mark(order).exists() and warm_up(order.final, order.target.name, samples, _say):
        mark(order).touch()


def _say(line: str) -> None:
    click.echo(_shown(line), err=True)


def _shown(words: str) -> str:
    """Fit for a pod's log, which kubectl shows as it is: archives' names and stores' reasons are others' words."""
    from modelrollout.adapters.storage.failure import without_secrets
    from modelrollout.api.printable import printable

    return printable(without_secrets(words))


def _report(result: Path, outcome: dict[str, str]) -> None:
    """The outcome as one line; a run by hand has no termination log, and prints it."""
    if "error" in outcome:
        outcome = {**outcome, "error": outcome["error"][: TERMINATION_LIMIT // 4]}
    line = json.dumps(outcome)
    try:
        result.write_text(line)
    except OSError:
        click.echo(line)
