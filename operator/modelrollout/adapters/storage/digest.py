"""The digest of a model: of what is in its files and how they are called, and of nothing else.

The manifest of a folder has one line for each file, sorted by path: ``SHA256  SIZE  PATH``. The digest is the SHA-256
of the manifest. So it is the same for a folder, a volume and an archive of the same files, whatever their times,
owners and order, and a person can compute it: see docs/models.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_BLOCK = 1024 * 1024


def digest_of(folder: Path, without: str | None = None) -> str:
    """``sha256:...`` of all files below the folder but one. Raises OSError for what cannot be read."""
    manifest = "".join(f"{line}\n" for line in manifest_of(folder, without))
    return "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()


def manifest_of(folder: Path, without: str | None = None) -> Iterator[str]:
    """The lines of the manifest, sorted by path (as bytes of UTF-8)."""
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    for name, path in sorted(files, key=lambda item: item[0].encode()):
        if name != without:
            yield f"{_sha256(path)}  {path.stat().st_size}  {name}"


def _sha256(path: Path) -> str:
    content = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            content.update(block)
    return content.hexdigest()
