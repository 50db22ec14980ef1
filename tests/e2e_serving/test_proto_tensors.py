"""TensorProtos are read as TensorFlow reads them: its own `TF_TensorFromProto` is asked as well."""

from collections.abc import Callable
from ctypes import POINTER, c_void_p
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

protobufs = pytest.importorskip("e2e.tensorflow_serving.protobufs")
import numpy as np  # noqa: E402 (after the check that the environment has TensorFlow)

from e2e.tensorflow_serving.library import Buffer, StatusHolder, library  # noqa: E402
from e2e.tensorflow_serving.proto_tensors import TensorProtos, fill_proto, from_proto  # noqa: E402
from e2e.tensorflow_serving.session import NUMPY, STRING, TYPE, _to_array  # noqa: E402
from e2e.tensorflow_serving.status import Code, ServingError, Status  # noqa: E402

FLOAT, COMPLEX = 1, 8


def tensor(number: int = FLOAT, shape: tuple[int, ...] = (2,), **fields: Any) -> Any:
    """A TensorProto."""
    proto = protobufs.predict_pb2.PredictRequest().inputs["x"]
    proto.dtype = number
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    for name, value in fields.items():
        setattr(proto, name, value) if name == "tensor_content" else getattr(proto, name).extend(value)
    return proto


def by_tensorflow(proto: Any) -> list[Any] | None:
    """The values that TensorFlow reads, nothing if it refuses."""
    tf = library()
    tf.TF_TensorFromProto.argtypes, tf.TF_TensorFromProto.restype = [POINTER(Buffer), c_void_p, c_void_p], None
    serialized = proto.SerializeToString()
    buffer, read = tf.TF_NewBufferFromString(serialized, len(serialized)), c_void_p(tf.TF_AllocateTensor(1, None, 0, 4))
    try:
        with StatusHolder() as status:
            tf.TF_TensorFromProto(buffer, read, status)
        return plain(_to_array(read))
    except ServingError:
        return None
    finally:
        tf.TF_DeleteBuffer(buffer)
        tf.TF_DeleteTensor(read)


def by_stand_in(proto: Any) -> list[Any] | None:
    try:
        return plain(from_proto("x", proto))
    except ServingError as problem:
        return None if problem.status == Status(Code.INVALID_ARGUMENT, "tensor parsing error: x") else [problem]


def plain(array: Any) -> list[Any]:
    return [TYPE[array.dtype], list(array.shape), [repr(value) for value in array.ravel().tolist()]]


CASES = [
    pytest.param(lambda: tensor(float_val=[1, 2]), [1.0, 2.0], id="as many values as asked for"),
    pytest.param(lambda: tensor(shape=(3,), float_val=[1, 2]), [1.0, 2.0, 2.0], id="fewer: the last repeats"),
    pytest.param(lambda: tensor(float_val=[1, 2, 3]), [1.0, 2.0], id="more: the first"),
    pytest.param(lambda: tensor(), [0.0, 0.0], id="none: zeros"),
    pytest.param(lambda: tensor(STRING), [b"", b""], id="none: empty strings"),
    pytest.param(lambda: tensor(STRING, string_val=[b"a"]), [b"a", b"a"], id="the last string repeats"),
    pytest.param(lambda: tensor(shape=(), float_val=[3]), [3.0], id="scalar"),
    pytest.param(lambda: tensor(double_val=[1, 2]), [0.0, 0.0], id="values in the field of another type"),
    pytest.param(lambda: tensor(4, int_val=[300, -1]), [44, 255], id="uint8 wraps"),
    pytest.param(lambda: tensor(17, int_val=[70000, -1]), [4464, 65535], id="uint16 wraps"),
    pytest.param(lambda: tensor(6, int_val=[200]), [-56, -56], id="int8 wraps"),
    pytest.param(lambda: tensor(19, half_val=[0x3C00]), [1.0, 1.0], id="half"),
    pytest.param(lambda: tensor(tensor_content=bytes(8), float_val=[7]), [0.0, 0.0], id="content before values"),
    pytest.param(lambda: tensor(tensor_content=bytes(7)), None, id="content too short"),
    pytest.param(lambda: tensor(tensor_content=bytes(12)), None, id="content too long"),
    pytest.param(lambda: tensor(STRING, tensor_content=b"\x01\x02abc"), [b"a", b"bc"], id="strings packed"),
    pytest.param(lambda: tensor(STRING, tensor_content=b"\x01\x02ab"), None, id="strings cut off"),
    pytest.param(lambda: tensor(STRING, tensor_content=b"\x81"), None, id="length cut off"),
    pytest.param(lambda: tensor(STRING, (1,), tensor_content=b"\x81\x01" + bytes(129)), [bytes(129)], id="long string"),
    pytest.param(lambda: tensor(STRING, (1,), tensor_content=b"\xff" * 9), None, id="length without end"),
    pytest.param(lambda: tensor(0), None, id="no type"),
    pytest.param(lambda: tensor(99), None, id="unknown type"),
    pytest.param(lambda: tensor(101, float_val=[1]), None, id="reference"),
    pytest.param(lambda: tensor(shape=(-1,), float_val=[1]), None, id="unknown size"),
    pytest.param(lambda: tensor(shape=(2**62, 4)), None, id="too many values to count"),
    pytest.param(lambda: tensor(shape=(2**46,)), None, id="too large for any memory"),
    pytest.param(lambda: tensor(shape=(1,) * 255), None, id="255 dimensions"),
]


@pytest.mark.parametrize(("make", "expected"), CASES)
def test_read_as_by_tensorflow(make: Callable[[], Any], expected: list[Any] | None) -> None:
    read = by_stand_in(make())
    assert read == by_tensorflow(make())
    assert (read and read[2]) == (expected if expected is None else list(map(repr, expected)))


@pytest.mark.parametrize("shape", [(0,), (2**40, 0), (3, 0)])
@pytest.mark.parametrize("content", [b"", b"abc"])
def test_nothing_is_read_into_an_empty_tensor(shape: tuple[int, ...], content: bytes) -> None:
    """TensorFlow's function gives no tensor for these, so it is not asked."""
    read = from_proto("x", tensor(shape=shape, tensor_content=content, float_val=[3]))
    assert (read.shape, TYPE[read.dtype]) == (shape, FLOAT)


FIELDS = {1: "float_val", 3: "int_val", 4: "int_val", 9: "int64_val", 10: "bool_val", 7: "string_val"}


@given(st.data())
def test_any_content_is_read_as_by_tensorflow(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(sorted(FIELDS)))
    shape = data.draw(st.lists(st.sampled_from((-1, 1, 2, 3)), max_size=3))
    proto = tensor(number, tuple(shape), tensor_content=data.draw(st.binary(max_size=12)))
    kinds = {7: st.binary(max_size=3), 10: st.booleans(), 1: st.floats(width=32)}
    getattr(proto, FIELDS[number]).extend(data.draw(st.lists(kinds.get(number, st.integers(-300, 300)), max_size=6)))
    if number == 10:
        proto.tensor_content = bytes(byte & 1 for byte in proto.tensor_content)  # other bytes are no bool at all
    assert by_stand_in(proto) == by_tensorflow(proto)


def test_types_that_the_stand_in_lacks_are_named() -> None:
    with pytest.raises(ServingError) as caught:
        from_proto("x", tensor(COMPLEX))
    assert str(caught.value.status) == (
        "INVALID_ARGUMENT: tensor parsing error: x, the stand-in does not read tensors of complex64"
    )


def test_inputs_are_read_when_they_are_asked_for() -> None:
    inputs = TensorProtos({"good": tensor(), "bad": tensor(0)})
    assert (sorted(inputs), len(inputs)) == (["bad", "good"], 2)
    assert inputs["good"].tolist() == [0.0, 0.0]
    with pytest.raises(ServingError, match="tensor parsing error: bad"):
        inputs["bad"]


@pytest.mark.parametrize("number", NUMPY)
@pytest.mark.parametrize("as_content", [False, True])
def test_protobufs_carry_every_type(number: int, as_content: bool) -> None:
    values = [[b"a", b""]] if number == STRING else [[0, 1]]
    array = np.array(values, NUMPY[number])
    message = protobufs.predict_pb2.PredictRequest()
    fill_proto(message.inputs["x"], array, as_content)
    read = from_proto("x", message.inputs["x"])
    assert TYPE[read.dtype] == number
    assert read.tolist() == array.tolist()
