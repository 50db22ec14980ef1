"""Recorded requests: files of PredictionLogs, as TensorFlow Serving's request logging and warm-up files have them.

A TFRecord file: for each record its length (8 bytes), a checksum of that, the content, and a checksum of that, little
endian; the checksum is CRC-32C, rotated and with a constant added.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import IO

from modelrollout.adapters.wire import NotProtobuf, messages, text

WARM_UP = "assets.extra/tf_serving_warmup_requests"
"""Where a model has its warm-up requests: TensorFlow Serving's saved_model_warmup_util.cc."""

_HEAD, _TAIL = 12, 4
_CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, bits reversed
_PREDICT_LOG, _REQUEST, _MODEL_SPEC, _SIGNATURE_NAME = (
    6,
    1,
    1,
    3,
)  # apis/prediction_log.proto, predict.proto, model.proto


class NoRecords(Exception):
    """It is no file of records, or a damaged one."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One PredictionLog."""

    record: bytes

    @property
    def is_predict(self) -> bool:
        """Whether it is a request to ``Predict``, and not one of the other calls."""
        try:
            return bool(messages(memoryview(self.record), _PREDICT_LOG))
        except NotProtobuf:
            return False

    @property
    def signature(self) -> str:
        """The name that it gives; empty for the usual one."""
        below = memoryview(self.record)
        for number in (_PREDICT_LOG, _REQUEST, _MODEL_SPEC):
            found = messages(below, number)
            if not found:
                return ""
            below = found[-1]
        return text(below, _SIGNATURE_NAME)


def is_records(data: bytes) -> bool:
    """Whether a file begins as one of records does."""
    return len(data) >= _HEAD and _masked(data[:8]) == struct.unpack("<I", data[8:_HEAD])[0]


def read_records(file: IO[bytes], longest: int) -> Iterator[Recorded]:
    """The records of a file in its order, but for those of more bytes than ``longest``. Raises NoRecords."""
    while head := file.read(_HEAD):
        if not is_records(head):
            raise NoRecords("it is no TFRecord file, or a damaged one")
        (length,) = struct.unpack("<Q", head[:8])
        if length > longest:
            file.seek(length + _TAIL, 1)
            continue
        content, checksum = file.read(length), file.read(_TAIL)
        if len(checksum) < _TAIL or _masked(content) != struct.unpack("<I", checksum)[0]:
            raise NoRecords("a record is damaged")
        yield Recorded(content)


def write_record(content: bytes) -> bytes:
    """One record of a file."""
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", _masked(length)) + content + struct.pack("<I", _masked(content))


@cache
def _table() -> list[int]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (_CASTAGNOLI if number & 1 else 0)
        table.append(number)
    return table


def _masked(data: bytes) -> int:
    table, value = _table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
