"""An archive of a model, unpacked within bounds.

Whoever may create a ModelRollout says what archive it is, so nothing of it is trusted: no path or link leads out of
the target, and neither bytes nor files nor headers nor time are more than allowed.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from modelrollout.adapters.storage.failure import FetchError
from modelrollout.adapters.storage.progress import Progress

MOST_FILES = 10_000
"""Files and folders of an archive, those too that only a path names: each takes a part of the disk, though it is
empty."""

DEEPEST = 64
"""Names in a path: far more than a model has, and few enough for whoever walks through folders by calling itself."""

_BLOCK = 1024 * 1024


def unpack(uri: str, archive: Path, target: Path, progress: Progress) -> None:
    """Unpack an archive into ``target``. Raises FetchError for one that is broken, too large or leads out, or takes too
    long."""
    try:
        with gzip.open(archive, "rb") as unzipped:
            bounded: IO[bytes] = _InBlocks(unzipped, progress)  # type: ignore[assignment]
            with tarfile.open(fileobj=bounded, mode="r:") as tar:
                _unpack_all(uri, tar, target, progress)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise FetchError(f"{uri} is no .tar.gz that can be unpacked: {error}") from error
    except RecursionError as error:  # a header may announce a header, without an end
        raise FetchError(f"{uri} is no .tar.gz that can be unpacked: its headers have no end") from error


class _InBlocks:
    """A file of which nobody reads more than a block at once: tarfile reads a header whole, and a header says itself
    how long it is. Each block is a moment to look at the clock."""

    def __init__(self, file: gzip.GzipFile, progress: Progress) -> None:
        self._file, self._progress = file, progress
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        """So many bytes, or the rest."""
        if not 0 <= size <= _BLOCK:
            raise tarfile.ReadError(f"a header of {size / 1e6:.1f} MB")
        self._progress.look_at_the_clock()
        return self._file.read(size)


@dataclass
class _Unpacked:
    """What an archive comes to so far."""

    uri: str
    progress: Progress
    size: int = 0  # bytes
    paths: set[PurePosixPath] = field(default_factory=set)

    def add(self, member: tarfile.TarInfo) -> PurePosixPath:
        """Where a file or folder goes. Raises FetchError for what there may not be, or for too much."""
        if not (member.isfile() or member.isdir()):
            raise FetchError(
                f"{self.uri}: {member.name} in the archive is neither file nor folder; pack links as what they point "
                "to: tar --dereference --hard-dereference"
            )
        if member.size < 0:  # which a header can say, and the sum would fall
            raise tarfile.ReadError(f"{member.name} has {member.size} bytes")
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts:
            raise FetchError(f"{self.uri}: {member.name} in the archive leads out of it")
        if len(path.parts) > DEEPEST:
            raise FetchError(f"{self.uri}: {len(path.parts)} folders within each other; pack the model alone")
        self.size += member.size
        self.paths.update((path, *path.parents))
        self._check()
        return path

    def _check(self) -> None:
        if self.size > self.progress.max_bytes:
            most = f"{self.progress.max_bytes / 1e6:.1f} MB"
            raise FetchError(f"{self.uri} unpacks to more than {most} (MODELROLLOUT_FETCH_MAX_BYTES)")
        if len(self.paths) > MOST_FILES:
            raise FetchError(f"{self.uri} has more than {MOST_FILES} files and folders; pack the model alone")


def _unpack_all(uri: str, tar: tarfile.TarFile, target: Path, progress: Progress) -> None:
    unpacked = _Unpacked(uri, progress)
    while (member := tar.next()) is not None:
        tar.members.clear()  # type: ignore[attr-defined]  # it keeps all of them, with their headers
        _unpack_one(tar, member, target / unpacked.add(member))


def _unpack_one(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """Content alone, no owner, mode or link. Python's own filter for this came with 3.11.4; Debian 12 has 3.11.2."""
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None, "a file has content"
    with content, path.open("wb") as writer:
        shutil.copyfileobj(content, writer)
