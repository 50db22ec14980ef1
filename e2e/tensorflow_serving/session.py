"""One loaded SavedModel: TensorFlow's session, run by names of tensors with numpy arrays in and out.

`Session` is used by many threads at once; TensorFlow's own session is made for that. Whoever closes it has to
see to it that nobody runs it any more (servable.py counts).
"""

import ctypes
from collections.abc import Mapping, Sequence
from ctypes import c_char_p, c_int64, c_void_p
from functools import cache

import numpy as np
from numpy.typing import NDArray

from e2e.tensorflow_serving.data_types import type_name
from e2e.tensorflow_serving.library import Buffer, Output, StatusHolder, library
from e2e.tensorflow_serving.protobufs import config_pb2
from e2e.tensorflow_serving.status import Code, ServingError, invalid

Array = NDArray[np.generic]
FLOAT, STRING = 1, 7
STRING_SIZE = 24  # bytes of a TF_TString
MOST_DIMENSIONS = 64  # of numpy; TensorFlow holds 254, and next to none of its operations takes more than eight
# TensorFlow's DataType numbers for what numpy can hold. Strings are arrays of bytes objects.
NUMPY: dict[int, np.dtype[np.generic]] = {
    1: np.dtype(np.float32),
    2: np.dtype(np.float64),
    3: np.dtype(np.int32),
    4: np.dtype(np.uint8),
    5: np.dtype(np.int16),
    6: np.dtype(np.int8),
    STRING: np.dtype(np.object_),
    9: np.dtype(np.int64),
    10: np.dtype(np.bool_),
    17: np.dtype(np.uint16),
    19: np.dtype(np.float16),
    22: np.dtype(np.uint32),
    23: np.dtype(np.uint64),
}
TYPE = {dtype: number for number, dtype in NUMPY.items()}


class Session:
    """Made by `load`. `meta_graph` is the serialized MetaGraphDef that the signatures are read from."""

    def __init__(self, session: int, graph: c_void_p, meta_graph: bytes) -> None:
        self._session = c_void_p(session)
        self._graph = graph
        self._outputs: dict[str, Output] = {}
        self.meta_graph = meta_graph

    @classmethod
    def load(cls, folder: str, tags: Sequence[str], config: bytes) -> "Session":
        """Load the SavedModel in `folder`: graph, variables and initializers, by the loader of the C library.

        `config` is a serialized ConfigProto. Raises ServingError with the loader's own code and words.
        """
        tf = library()
        options, graph, meta = c_void_p(tf.TF_NewSessionOptions()), c_void_p(tf.TF_NewGraph()), tf.TF_NewBuffer()
        names = (c_char_p * len(tags))(*(tag.encode() for tag in tags))
        try:
            with StatusHolder() as status:
                tf.TF_SetConfig(options, config, len(config), status)
            with StatusHolder() as status:
                session = tf.TF_LoadSessionFromSavedModel(
                    options, None, folder.encode(), names, len(tags), graph, meta, status
                )
            return cls(session, graph, ctypes.string_at(meta.contents.data, meta.contents.length))
        except ServingError:
            tf.TF_DeleteGraph(graph)
            raise
        finally:
            tf.TF_DeleteBuffer(meta)
            tf.TF_DeleteSessionOptions(options)

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str], timeout_ms: int = 0) -> list[Array]:
        """The values of `fetches`, in order. Names as in a signature, `serving_default_pixels:0`.

        Raises ServingError with the failing operation's code; DEADLINE_EXCEEDED after `timeout_ms` (0: never).
        """
        tf = library()
        inputs: list[c_void_p] = []
        results = (c_void_p * len(fetches))()
        try:
            inputs.extend(map(_to_tensor, feeds.values()))
            with StatusHolder() as status:
                tf.TF_SessionRun(
                    self._session,
                    _run_options(timeout_ms),
                    (Output * len(inputs))(*(self._output(name) for name in feeds)),
                    (c_void_p * len(inputs))(*inputs),
                    len(inputs),
                    (Output * len(fetches))(*(self._output(name) for name in fetches)),
                    results,
                    len(fetches),
                    *(None, 0, None, status),
                )
            return [_to_array(c_void_p(result)) for result in results]
        finally:
            for result in results:
                tf.TF_DeleteTensor(result)
            for tensor in inputs:
                _delete(tensor)

    def close(self) -> None:
        """Free the graph and the variables."""
        with StatusHolder() as status:
            library().TF_CloseSession(self._session, status)
        with StatusHolder() as status:
            library().TF_DeleteSession(self._session, status)
        library().TF_DeleteGraph(self._graph)

    def _output(self, name: str) -> Output:
        if name not in self._outputs:
            operation, _, index = name.partition(":")
            found = library().TF_GraphOperationByName(self._graph, operation.encode())
            if not found:
                raise invalid(
                    f"Tensor {name}, specified in either feed_devices or fetch_devices was not found in the Graph"
                )
            self._outputs[name] = Output(found, int(index or 0))
        return self._outputs[name]


@cache
def _run_options(timeout_ms: int) -> "ctypes._Pointer[Buffer] | None":
    """A serialized RunOptions with `timeout_in_ms`, kept for ever: there are one or two values in a server's
    life."""
    if timeout_ms <= 0:
        return None
    serialized = config_pb2.RunOptions(timeout_in_ms=timeout_ms).SerializeToString()
    pointer: ctypes._Pointer[Buffer] = library().TF_NewBufferFromString(serialized, len(serialized))
    return pointer


def _to_tensor(array: Array) -> c_void_p:
    tf = library()
    number = TYPE.get(array.dtype)
    if number is None:
        raise ServingError(Code.UNIMPLEMENTED, f"tensors of {array.dtype} are not supported by the stand-in")
    size = array.size * (STRING_SIZE if number == STRING else array.itemsize)
    tensor = c_void_p(tf.TF_AllocateTensor(number, (c_int64 * array.ndim)(*array.shape), array.ndim, size))
    data = tf.TF_TensorData(tensor)
    if size and not data:
        tf.TF_DeleteTensor(tensor)
        shape = ",".join(map(str, array.shape))
        raise ServingError(
            Code.RESOURCE_EXHAUSTED, f"OOM when allocating tensor with shape[{shape}] and type {type_name(number)}"
        )
    if number == STRING:
        for place, text in enumerate(array.ravel().tolist()):
            tf.TF_StringInit(data + place * STRING_SIZE)
            tf.TF_StringCopy(data + place * STRING_SIZE, text, len(text))
    elif size:
        ctypes.memmove(data, np.ascontiguousarray(array).ctypes.data, size)
    return tensor


def _to_array(tensor: c_void_p) -> Array:
    tf = library()
    number = tf.TF_TensorType(tensor)
    shape = [tf.TF_Dim(tensor, axis) for axis in range(tf.TF_NumDims(tensor))]
    data, size = tf.TF_TensorData(tensor), tf.TF_TensorByteSize(tensor)
    if number == STRING:
        places = range(data or 0, (data or 0) + size, STRING_SIZE)
        texts = [ctypes.string_at(tf.TF_StringGetDataPointer(p), tf.TF_StringGetSize(p)) for p in places]
        strings = np.empty(len(texts), np.object_)
        strings[:] = texts
        return strings.reshape(shape)
    if number not in NUMPY:
        raise ServingError(
            Code.UNIMPLEMENTED, f"outputs of TensorFlow's DataType {number} are not supported by the stand-in"
        )
    return np.frombuffer(ctypes.string_at(data, size) if size else b"", NUMPY[number]).reshape(shape)


def _delete(tensor: c_void_p) -> None:
    tf = library()
    if tf.TF_TensorType(tensor) == STRING:
        data = tf.TF_TensorData(tensor)
        for place in range(0, tf.TF_TensorByteSize(tensor), STRING_SIZE):
            tf.TF_StringDealloc(data + place)
    tf.TF_DeleteTensor(tensor)
