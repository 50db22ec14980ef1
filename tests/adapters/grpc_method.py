"""A gRPC server with one method of TensorFlow Serving, answered by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc


@asynccontextmanager
async def serving_method(
    path: str, answer: Callable[[Any, grpc.aio.ServicerContext], Awaitable[Any]], request: Any, response: Any
) -> AsyncIterator[str]:
    """The address of a server of ``/SERVICE/METHOD``; ``request`` and ``response`` are the types of its messages."""
    _, service, method = path.split("/")
    handler = grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=request.FromString, response_serializer=response.SerializeToString
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
