"""Writes all models, their archives and the request rows into one folder, and skips the work when nothing has
changed.

    OUT/<model>/saved_model.pb, variables/...   what a `file://` or `pvc://` source names
    OUT/<model>.tar.gz                          the same for `https://`, its files at the top of the archive
    OUT/smoke/requests.json                     [{"instances": [...]}, ...], ten rows, one from every tenth of
    the ink OUT/rows/digits.jsonl                       200 ready REST bodies, one a line, for the load client
    OUT/rows/labels.json                           the digit that each of these rows shows
    OUT/models.json                             for each model its accuracy and the share of the rows that it
    spoils OUT/.stamp                                  hash of the sources that made it all
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.cluster.toolchain import locked

if TYPE_CHECKING:
    from e2e.models.graphs import Digits
    from e2e.models.train import Network

FAILING_SHARE = 0.2
SLOW_SHARE = 0.5
SLOW_MS = 160
LOAD_MS, LOAD_REQUESTS = 1000, 20  # of a request, and how many of them a server replays before it is ready
Graph = Callable[["Network"], "Digits"]


def build(out: Path, say: Callable[[str], None] = print) -> bool:
    """Bring `out` up to date. True when it was built, False when it was up to date already.

    The folder is built beside its final place and moved there whole, so an interrupted build never looks
    finished.
    """
    if (out / ".stamp").is_file() and (out / ".stamp").read_text() == stamp():
        say(f"models in {out} are up to date")
        return False
    fresh = out.parent / f".{out.name}.{os.getpid()}"
    fresh.mkdir(parents=True)
    try:
        _fill(fresh, say)
        (fresh / ".stamp").write_text(stamp())
        if out.exists():
            shutil.rmtree(out)
        fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return True


def stamp() -> str:
    """A hash of these sources and of the packages that decide about the result."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    for package in ("tensorflow-cpu", "scikit-learn", "numpy"):
        digest.update(f"{package}=={version(package)}".encode())
    return digest.hexdigest()


def _fill(out: Path, say: Callable[[str], None]) -> None:
    started = time.monotonic()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    say("loading TensorFlow ...")
    facts = {}
    for name, model, accuracy, share in _models():
        _save(model, out / name)
        if name == "unloadable":
            _lose_the_variables(out / name)
        if name == "slow_to_load":
            _warm_up(out / name)
        _archive(out / name, out / f"{name}.tar.gz")
        facts[name] = {"accuracy": round(accuracy, 4), "spoiledShare": share}
        say(f"  {name:28} accuracy {accuracy:.3f}  spoils {share:.0%} of the rows  {time.monotonic() - started:5.1f} s")
    (out / "models.json").write_text(json.dumps(facts, indent=2) + "\n")
    _write_rows(out)


def _models() -> Iterator[tuple[str, "Digits", float, float]]:
    """Name, graph, accuracy on rows it was not trained on, and the share of all rows that it spoils on
    purpose."""
    from e2e.models import graphs, wrong_graphs
    from e2e.models.data import ink_threshold, split
    from e2e.models.train import Recipe, accuracy, train

    training, held_out = split()
    failing, slow = ink_threshold(FAILING_SHARE), ink_threshold(SLOW_SHARE)
    better = Recipe(hidden=48, steps=200, seed=2)
    table: list[tuple[str, Recipe, float, Graph]] = [
        ("good", Recipe(hidden=0, steps=60, seed=1), 0.0, graphs.Digits),
        ("better", better, 0.0, graphs.Digits),
        ("third", Recipe(hidden=64, steps=200, seed=3), 0.0, graphs.Digits),
        ("low", Recipe(hidden=48, steps=200, seed=4, digits=(0, 1, 2, 3, 4)), 0.0, graphs.Digits),
        ("high", Recipe(hidden=48, steps=200, seed=5, digits=(5, 6, 7, 8, 9)), 0.0, graphs.Digits),
        ("failing", better, FAILING_SHARE, lambda network: graphs.Failing(network, failing)),
        ("turns_bad", better, 0.0, lambda network: graphs.TurnsBad(network, failing)),
        ("slow", better, SLOW_SHARE, lambda network: graphs.Slow(network, slow, SLOW_MS)),
        ("nan", better, FAILING_SHARE, lambda network: graphs.NotANumber(network, failing)),
        ("permuted", better, 1.0, wrong_graphs.Permuted),
        ("constant", better, 1.0, wrong_graphs.Constant),
        ("nondeterministic", better, 0.0, wrong_graphs.Nondeterministic),
        ("hungry", better, 0.0, wrong_graphs.Hungry),
        ("slow_to_load", better, 0.0, lambda network: graphs.Slow(network, -1.0, LOAD_MS)),
        ("retrained", Recipe(hidden=0, steps=60, seed=50), 0.0, graphs.Digits),
        ("other_signature_compatible", better, 0.0, wrong_graphs.CompatibleSignature),
        ("other_signature_incompatible", better, 1.0, wrong_graphs.IncompatibleSignature),
        ("unloadable", better, 1.0, graphs.Digits),
    ]
    trained: dict[Recipe, Network] = {}
    for name, recipe, share, graph in table:
        if recipe not in trained:
            trained[recipe] = train(recipe, training)
        model = graph(trained[recipe])
        yield name, model, accuracy(model.expected, held_out), share


def _save(model: "Digits", folder: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(model, str(folder), signatures=model.signatures())
    (folder / "fingerprint.pb").unlink()  # optional, and its random id would give every build another digest


def _lose_the_variables(folder: Path) -> None:
    """Leave the index and take the data, as a copy that broke off does: loading ends with NOT_FOUND.

    With the whole folder gone TensorFlow takes the model for one without variables, loads it, and fails at each
    request.
    """
    for data in (folder / "variables").glob("variables.data-*"):
        data.unlink()


def _warm_up(folder: Path) -> None:
    """Requests that the server replays before it is ready: 20 seconds of them, and no processor is used."""
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    from e2e.models.data import PIXELS
    from e2e.tensorflow_serving.warmup import write_record

    log = PredictionLog()
    tensor = log.predict_log.request.inputs["pixels"]
    tensor.dtype = 1
    for size in (1, PIXELS):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.append(8.0)
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    file.parent.mkdir()
    file.write_bytes(write_record(log.SerializeToString()) * LOAD_REQUESTS)


def _archive(folder: Path, archive: Path) -> None:
    """A .tar.gz whose bytes depend on the files alone: no times, owners or order of the file system in it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            info = tar.gettarinfo(path, arcname=str(path.relative_to(folder)))
            info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
            info.mode = 0o755 if path.is_dir() else 0o644
            with path.open("rb") if path.is_file() else io.BytesIO() as content:
                tar.addfile(info, content)
    with archive.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as zipped:
        zipped.write(packed.getvalue())


def _write_rows(out: Path) -> None:
    from e2e.models.data import request_labels, request_rows, rest_body

    (out / "smoke").mkdir()
    smoke = [json.loads(rest_body(row)) for row in request_rows(10)]
    (out / "smoke" / "requests.json").write_text(json.dumps(smoke, separators=(",", ":")) + "\n")
    (out / "rows").mkdir()
    (out / "rows" / "digits.jsonl").write_text("".join(rest_body(row) + "\n" for row in request_rows(200)))
    (out / "rows" / "labels.json").write_text(json.dumps(request_labels(200).tolist()) + "\n")


def main() -> None:
    """`python -m e2e.models build --out DIR`."""
    import click

    @click.group()
    def models() -> None:
        """The test models of the stories."""

    @models.command("build")
    @click.option(
        "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("build/models"), show_default=True
    )
    def build_command(out: Path) -> None:
        """Train and save all models, unless OUT is up to date."""
        with locked(out.absolute().with_suffix(".lock")):
            build(out.absolute(), lambda line: print(line, file=sys.stderr, flush=True))

    models(prog_name="python -m e2e.models")
