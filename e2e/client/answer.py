"""What became of one request, as a value and as a line of a file."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

VERSION_HEADER = "x-model-version"
"""The response header by which the mesh names the version that answered; TensorFlow Serving's REST API does
not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One request and its end.

    `at` is when the request was due, in seconds since the epoch; `seconds` is from then until the last byte of
    the answer or until it was given up. Counting from the due time keeps a stalled client or server from hiding
    the wait. `status` is None when no answer came, and `error` then says why. `version` is what the mesh said,
    None if it said nothing. `finite` is False for an answer that holds NaN or Infinity.
    """

    at: float
    seconds: float
    status: int | None
    version: str | None = None
    error: str | None = None
    finite: bool = True

    @property
    def failed(self) -> bool:
        """Whoever sent it got no prediction: HTTP 4xx (a route that was lost, a model that is not served by this name)
        or 5xx, no connection, no answer in time. The client sends nothing that a server may rightly refuse."""
        return self.status is None or self.status >= 400

    @property
    def done_at(self) -> float:
        """When the answer was complete, in seconds since the epoch."""
        return self.at + self.seconds

    def to_line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":")) + "\n"


def is_finite(body: bytes) -> bool:
    """Whether a JSON answer holds only finite numbers. TensorFlow Serving writes NaN and Infinity bare."""
    return b"NaN" not in body and b"Infinity" not in body


def write(file: IO[str], answers: Iterable[Answer]) -> None:
    """Append answers to an open file and see that they get there."""
    file.writelines(answer.to_line() for answer in answers)
    file.flush()


def read(path: Path) -> Iterator[Answer]:
    """The answers of a file that `write` made, in the order in which they ended."""
    with path.open() as file:
        for line in file:
            yield Answer(**json.loads(line))
