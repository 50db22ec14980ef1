"""Where a model comes from: a folder that is mounted into the pod, or an archive over https.

Each source puts the model's files into an empty folder and nothing else: no link is followed out of the source, no
path of an archive leads out of the target, and neither can be larger or take longer than allowed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from modelrollout.adapters.storage.archive import unpack
from modelrollout.adapters.storage.credentials import read_credentials
from modelrollout.adapters.storage.download import download, pour
from modelrollout.adapters.storage.failure import FetchError
from modelrollout.adapters.storage.progress import Progress

_LISTED = 8  # names that a sentence can hold


def copy_folder(uri: str, source: Path, root: Path, target: Path, progress: Progress, number: int) -> None:
    """Copy a mounted folder. ``root`` is where the volume is mounted; nothing outside of it is read. ``number`` is the
    version's, which is only looked for where it says what was meant."""
    if not source.is_dir():
        raise FetchError(f"{uri}: there is no such folder on the volume (spec.model.uri)")
    refuse_several(uri, source, number)
    files = [path for path in sorted(source.rglob("*")) if path.is_symlink() or not path.is_dir()]
    for path in (source, *files):
        if not path.resolve().is_relative_to(root.resolve()):
            raise FetchError(f"{uri}: {path.relative_to(root)} is a link that leads out of the volume")
        if not path.is_file() and path != source:
            raise FetchError(f"{uri}: {path.relative_to(root)} is a link to nothing, or no file at all")
    progress.expect(sum(path.stat().st_size for path in files))
    for path in files:
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as reader, copied.open("wb") as writer:
            pour(reader, writer, progress)


def download_archive(uri: str, target: Path, progress: Progress, retry_for: float, secret: Path | None) -> None:
    """Download a .tar.gz, as whom a mounted Secret says, and unpack it. Trouble of the network is tried again for
    ``retry_for`` seconds."""
    archive = target.with_name(target.name + ".tar.gz")
    credentials = read_credentials(secret) if secret is not None else None
    try:
        download(uri, archive, progress, retry_for, credentials)
        unpack(uri, archive, target, progress)
    finally:
        archive.unlink(missing_ok=True)


def model_folder(uri: str, folder: Path, number: int) -> Path:
    """The SavedModel in what was fetched: the folder itself, or the only folder in it (as archives often have)."""
    if (folder / "saved_model.pb").is_file():
        return folder
    inside = [path for path in folder.iterdir() if path.is_dir()]
    if len(inside) == 1 and (inside[0] / "saved_model.pb").is_file():
        return inside[0]
    refuse_several(uri, folder, number)
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:_LISTED]) or "nothing"
    raise FetchError(f"{uri} is no SavedModel: there is no saved_model.pb in it, but {found}")


def refuse_several(uri: str, folder: Path, number: int) -> None:
    """A base folder as TFX and TensorFlow Serving have it, with several versions in it: which one is meant is to be
    said, or another would be served as soon as it is pushed there. The one with the version's own ``number``, its
    PIPELINE, is most likely it."""
    if (folder / "saved_model.pb").is_file():
        return
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit() and path.is_dir())
    if len(numbers) < 2:
        return
    shown = ", ".join(map(str, numbers[-_LISTED:]))
    one, others = (number, "") if number in numbers else (numbers[-1], ", for example")
    way_out = f"write {uri.rstrip('/')}/{one}{others} (spec.model.uri)"
    if uri.startswith("https://"):
        way_out = f"pack {one}{', or another one,' if others else ''} alone (spec.model.uri)"
    raise FetchError(f"{uri} is a base folder with {len(numbers)} versions ({shown}), not one of them: {way_out}")


def make_readable(folder: Path) -> None:
    """The server may run as another user."""
    for path in (folder, *folder.rglob("*")):
        os.chmod(path, 0o755 if path.is_dir() else 0o644)


def remove(folder: Path) -> None:
    """The folder and all in it, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
