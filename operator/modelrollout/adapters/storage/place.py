"""One fetch from beginning to end: get the files, check them, put them in place in one step.

TensorFlow Serving loads whatever numbered folder it finds, complete or not. So the model is fetched and checked under
a name that the server does not look at, and renamed when all is well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelrollout.adapters.records import WARM_UP
from modelrollout.adapters.storage import sources
from modelrollout.adapters.storage.digest import digest_of
from modelrollout.adapters.storage.failure import FetchError
from modelrollout.adapters.storage.progress import Progress
from modelrollout.adapters.storage.whole import refuse_half

MONITORING = 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'


@dataclass(frozen=True)
class Order:
    """What to fetch and where to.

    ``source`` is the model's folder on a mounted volume (pvc://, file://), None for https://. ``target`` is the
    model's base folder, in which the version becomes the folder ``number``. ``digest`` is what it must have, if known.
    Trouble of the network is tried again for ``retry_for`` seconds. ``secret`` is a mounted one that a store over https
    knows us by.
    """

    uri: str
    target: Path
    number: int
    source: Path | None = None
    source_root: Path | None = None
    digest: str | None = None
    max_bytes: int = 20 * 1024**3
    time_limit: float = 1800.0
    retry_for: float = 30.0
    secret: Path | None = None

    @property
    def final(self) -> Path:
        """Where the model is in place."""
        return self.target / str(self.number)


def fetch(order: Order, say: Callable[[str], None] = print) -> str:
    """The digest of the model, which is in place then. Raises FetchError.

    A model that is in place already (the pod's containers were started again) is only checked.
    """
    final = order.final
    if not final.exists():
        order.target.mkdir(parents=True, exist_ok=True)
        partial = order.target / f".{order.number}.partial"
        sources.remove(partial)
        partial.mkdir()
        try:
            _bring(order, partial, say)
            found = sources.model_folder(order.uri, partial, order.number)
            refuse_half(order.uri, found)
            digest = _checked(order, found)
            sources.make_readable(partial)
            found.rename(final)
        finally:
            sources.remove(partial)
        say(f"{order.uri} is in place as {final}, {digest}")
        return digest
    say(f"{final} is in place already")
    return _checked(order, final)


def _bring(order: Order, folder: Path, say: Callable[[str], None]) -> None:
    progress = Progress(order.uri, order.max_bytes, order.time_limit, say=say)
    try:
        if order.source is None:
            sources.download_archive(order.uri, folder, progress, order.retry_for, order.secret)
        else:
            root = order.source_root or order.source
            sources.copy_folder(order.uri, order.source, root, folder, progress, order.number)
    except OSError as error:
        raise FetchError(f"{order.uri} cannot be fetched: {error}") from error
    say(progress.line())


def mark(order: Order) -> Path:
    """Is there once the samples were written into the model: that file is none of the model's own."""
    return order.target / f".{order.number}.warmed"


def _checked(order: Order, folder: Path) -> str:
    digest = digest_of(folder, without=WARM_UP if mark(order).exists() else None)
    if order.digest is not None and digest != order.digest:
        raise FetchError(
            f"{order.uri} has the digest {digest}, but {order.digest} is wanted: correct spec.model.digest if it was "
            "mistyped; if the files have changed, give the changed model a new version"
        )
    return digest
