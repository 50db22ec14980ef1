"""What a transport makes of one request, and what a transport is."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Reply:
    """HTTP status (None: no answer; `error` says why), the version that answered, whether all numbers are
    finite."""

    status: int | None = None
    version: str | None = None
    error: str | None = None
    finite: bool = True


class Transport(Protocol):
    """Sends bodies over kept-alive connections for as long as its block runs. `send` never raises for what the other
    side does or does not do."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def send(self, body: bytes) -> Reply: ...
