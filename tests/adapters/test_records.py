"""Recorded requests: their files, and what can be told of them without the generated messages."""

from __future__ import annotations

import io

import pytest

from modelrollout.adapters.records import NoRecords, Recorded, is_records, read_records, write_record
from modelrollout.adapters.wire import NotProtobuf, fields
from tests.adapters.predict import classify_log, predict_log

PUBLISHED = bytes.fromhex("0300000000000000b099490e6162636e57f121")
"""The record ``abc``, as TensorFlow writes it."""


def test_a_file_of_records() -> None:
    assert write_record(b"abc") == PUBLISHED
    file = write_record(b"one") + write_record(b"x" * 100) + write_record(b"two")
    assert [item.record for item in read_records(io.BytesIO(file), longest=50)] == [b"one", b"two"]
    assert is_records(file)
    assert not is_records(b'{"instances": [1]}')


DAMAGED = {
    "cut off in a record": PUBLISHED[:-1],
    "no record after one": PUBLISHED + b"no record",
    "another content": PUBLISHED.replace(b"abc", b"abd"),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_is_said(data: bytes) -> None:
    with pytest.raises(NoRecords):
        list(read_records(io.BytesIO(data), longest=50))


def test_what_a_record_is() -> None:
    predict = Recorded(predict_log(1.0, signature="scores"))
    assert (predict.is_predict, predict.signature) == (True, "scores")
    assert Recorded(predict_log(1.0)).signature == ""
    assert not Recorded(classify_log()).is_predict
    assert not Recorded(b"\xff\xff").is_predict


CUT = {"a number": b"\x08\xff", "a text": b"\x0a\x05abc", "eight bytes": b"\x09abc", "a group": b"\x0b"}


@pytest.mark.parametrize("message", CUT.values(), ids=CUT)
def test_what_is_no_message_is_said(message: bytes) -> None:
    with pytest.raises(NotProtobuf):
        list(fields(memoryview(message)))
