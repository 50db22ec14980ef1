"""What a model's own warm-up requests are, told by the pod that fetched it.

The operator cannot read a model: it may be on a volume of another namespace's, or be many gigabytes. The fetcher has
it in its hands, and a pod tells what its containers said last, the digest among it. So the first requests go the same
way, as many as fit: Kubernetes keeps 4096 bytes. No right, no container and no second fetch is needed for it, and it
is there as long as the pod is, whoever asks.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from modelrollout.adapters.records import WARM_UP, NoRecords, Recorded, read_records

MOST_BYTES = 2800  # compressed; in base64 it is a third more
MOST_RECORDS = 64
LONGEST = 64 * 1024  # bytes of a record that is looked at at all
_LENGTH = struct.Struct("<I")


def shown(model: Path) -> str | None:
    """The first predict requests of a model, as text; None where it has none that fit."""
    file = model / WARM_UP
    if not file.is_file():
        return None
    packed, found = b"", b""
    with file.open("rb") as content:
        for record in _first(content):
            longer = packed + _LENGTH.pack(len(record.record)) + record.record
            pressed = zlib.compress(longer, 9)
            if len(pressed) <= MOST_BYTES:
                packed, found = longer, pressed
    return base64.b64encode(found).decode() if found else None


def _first(content: io.BufferedReader) -> Iterator[Recorded]:
    """A damaged file ends here: the server says so, and loads nothing of it."""
    count = 0
    try:
        for record in read_records(content, LONGEST):
            if record.is_predict and count < MOST_RECORDS:
                count += 1
                yield record
    except NoRecords:
        return


def read_shown(text: str) -> list[Recorded]:
    """The requests again. Raises ValueError for what is none."""
    try:
        packed = zlib.decompressobj().decompress(base64.b64decode(text), MOST_RECORDS * LONGEST)
        found, offset = [], 0
        while offset < len(packed):
            (length,) = _LENGTH.unpack_from(packed, offset)
            offset += _LENGTH.size + length
            found.append(Recorded(packed[offset - length : offset]))
    except (zlib.error, struct.error) as error:
        raise ValueError(f"what a pod tells of its model's requests cannot be read: {error}") from error
    return found
