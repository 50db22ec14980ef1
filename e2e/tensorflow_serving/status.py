"""The status codes that TensorFlow, gRPC and TensorFlow Serving share, and what HTTP makes of them."""

import logging
from dataclasses import dataclass
from enum import IntEnum

log = logging.getLogger(__name__)


class Code(IntEnum):
    """The canonical codes, with the numbers that TensorFlow's C library and gRPC both use."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


# As TensorFlow Serving's http_server.cc answers them.
HTTP = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


@dataclass(frozen=True, slots=True)
class Status:
    """A code with its message; `str` prints it as TensorFlow does, `NOT_FOUND: no such file`."""

    code: Code = Code.OK
    message: str = ""

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}" if self.code else "OK"


OK = Status()


class ServingError(Exception):
    """What ends a request, a load or a reload with a status other than OK."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.status = Status(code, message)


def invalid(message: str) -> ServingError:
    """INVALID_ARGUMENT, by far the most frequent one."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def status_of(problem: Exception) -> Status:
    """What any exception is for whoever asked. One that nobody foresaw is INTERNAL, and logged whole.

    Python stops where C++ goes on: at lists nested a thousand deep, and at numbers and memory that it cannot have.
    """
    match problem:
        case ServingError():
            return problem.status
        case RecursionError():
            return Status(Code.INVALID_ARGUMENT, "JSON Parse error: nested too deep for the stand-in")
        case MemoryError():
            return Status(Code.RESOURCE_EXHAUSTED, f"out of memory: {problem}")
    log.error("unforeseen: %r", problem, exc_info=problem)
    return Status(Code.INTERNAL, f"{type(problem).__name__}: {problem}")
