"""TensorFlow's C library, reached by ctypes: the same loader and session that TensorFlow Serving links.

`import tensorflow` takes seconds and half a gigabyte, and several stand-ins start at once on a small machine.
The C library of the same package is opened in a fifth of a second. Functions and their types are those of
tensorflow/c/c_api.h, tf_status.h, tf_tensor.h and tf_tstring.h; that interface is stable.
"""

import ctypes
import importlib.util
import os
import sys
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from functools import cache
from pathlib import Path

from e2e.tensorflow_serving.status import OK, Code, ServingError, Status


class Output(ctypes.Structure):
    """TF_Output: one result of one operation."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


class Buffer(ctypes.Structure):
    """TF_Buffer: bytes with their length."""

    _fields_ = [("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p)]


_FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "TF_NewStatus": (c_void_p, []),
    "TF_DeleteStatus": (None, [c_void_p]),
    "TF_GetCode": (c_int, [c_void_p]),
    "TF_Message": (c_char_p, [c_void_p]),
    "TF_Version": (c_char_p, []),
    "TF_NewBufferFromString": (POINTER(Buffer), [c_char_p, c_size_t]),
    "TF_NewBuffer": (POINTER(Buffer), []),
    "TF_DeleteBuffer": (None, [POINTER(Buffer)]),
    "TF_NewGraph": (c_void_p, []),
    "TF_DeleteGraph": (None, [c_void_p]),
    "TF_GraphOperationByName": (c_void_p, [c_void_p, c_char_p]),
    "TF_NewSessionOptions": (c_void_p, []),
    "TF_DeleteSessionOptions": (None, [c_void_p]),
    "TF_SetConfig": (None, [c_void_p, c_char_p, c_size_t, c_void_p]),
    "TF_LoadSessionFromSavedModel": (
        c_void_p,
        [c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int, c_void_p, POINTER(Buffer), c_void_p],
    ),
    "TF_SessionRun": (
        None,
        [
            *(c_void_p, POINTER(Buffer), POINTER(Output), POINTER(c_void_p), c_int),
            *(POINTER(Output), POINTER(c_void_p), c_int, c_void_p, c_int, c_void_p, c_void_p),
        ],
    ),
    "TF_CloseSession": (None, [c_void_p, c_void_p]),
    "TF_DeleteSession": (None, [c_void_p, c_void_p]),
    "TF_AllocateTensor": (c_void_p, [c_int, POINTER(c_int64), c_int, c_size_t]),
    "TF_DeleteTensor": (None, [c_void_p]),
    "TF_TensorType": (c_int, [c_void_p]),
    "TF_NumDims": (c_int, [c_void_p]),
    "TF_Dim": (c_int64, [c_void_p, c_int]),
    "TF_TensorByteSize": (c_size_t, [c_void_p]),
    "TF_TensorData": (c_void_p, [c_void_p]),
    "TF_StringInit": (None, [c_void_p]),
    "TF_StringCopy": (None, [c_void_p, c_char_p, c_size_t]),
    "TF_StringGetDataPointer": (c_void_p, [c_void_p]),
    "TF_StringGetSize": (c_size_t, [c_void_p]),
    "TF_StringDealloc": (None, [c_void_p]),
}


@cache
def tensorflow_folder() -> Path:
    """Where the installed package lies, found without running it."""
    if "tensorflow" in sys.modules:
        return Path(sys.modules["tensorflow"].__path__[0])
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package tensorflow-cpu is not installed: run `make venv-e2e`")
    return Path(spec.submodule_search_locations[0])


@cache
def library() -> ctypes.CDLL:
    """The opened library with the types of all functions above set. Calls through it release Python's lock."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # small models gain nothing; the same numbers everywhere
    # Not RTLD_GLOBAL: the library has a copy of OpenSSL's names that must not reach Python's own modules.
    opened = ctypes.CDLL(str(tensorflow_folder() / "libtensorflow_cc.so.2"))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(opened, name)
        function.restype, function.argtypes = result, arguments
    return opened


class StatusHolder:
    """A TF_Status for the length of a `with` block; leaving the block normally raises what the library
    reported."""

    def __enter__(self) -> c_void_p:
        self._held = c_void_p(library().TF_NewStatus())
        return self._held

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        status = self._read()
        library().TF_DeleteStatus(self._held)
        if kind is None and status.code:
            raise ServingError(status.code, status.message)

    def _read(self) -> Status:
        code = Code(library().TF_GetCode(self._held))
        return Status(code, library().TF_Message(self._held).decode(errors="replace")) if code else OK
