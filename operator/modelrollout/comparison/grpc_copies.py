"""Copies by gRPC: any method of any service, as bytes. Every call is answered at once with an empty message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import grpc.aio

from modelrollout.adapters.listening import CannotServe
from modelrollout.api.compared import Drop
from modelrollout.comparison.copy import REPLAYED, Copy, Protocol
from modelrollout.comparison.intake import Intake, method_of

_METADATA = 64 * 1024  # bytes; Envoy lets all headers together have 60 KiB


@dataclass(frozen=True, slots=True)
class Calls(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Takes every call."""

    intake: Intake

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Read as a stream: of a message that is too large a stream has none, and the library would not tell us of a
        single one at all."""
        method = method_of(handler_call_details.method)
        is_replay = any(key == REPLAYED for key, _ in handler_call_details.invocation_metadata)

        async def take(messages: AsyncIterator[bytes], _: grpc.aio.ServicerContext) -> bytes:
            self.intake.counts.receive(Protocol.GRPC)
            refusal = self.intake.refusal(is_replay, method is not None)
            given = [message async for message in messages]
            if refusal is not None:
                self.intake.counts.drop(refusal)
            elif len(given) != 1:
                self.intake.counts.drop(Drop.INCOMPLETE if given else Drop.TOO_LARGE)
            else:
                self.intake.take(Copy(Protocol.GRPC, method or "", given[0]))
            return b""

        return grpc.stream_unary_rpc_method_handler(take)


@asynccontextmanager
async def serve_grpc(listen: str, intake: Intake) -> AsyncIterator[int]:
    """Serve at ``host:port`` as long as the context is open; gives the port. Raises CannotServe."""
    options = [
        ("grpc.max_receive_message_length", intake.largest),
        ("grpc.max_metadata_size", _METADATA),
        ("grpc.so_reuseport", 0),  # or a port that is taken would be shared
    ]
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((Calls(intake),))
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError as error:
        raise CannotServe(f"--listen-grpc: {listen} cannot be served; is its port taken?") from error
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
