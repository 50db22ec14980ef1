"""Starts the stand-in: load first, open the ports after that, serve until killed.

SIGTERM is not handled, on purpose, as in TensorFlow Serving: as process 1 of a container the server then
ignores it and serves on until it is killed, and the operator has to drain it. SIGINT gets its default back for
the same reason.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from e2e.tensorflow_serving.config import Flags, monitoring_path, parse_command_line
from e2e.tensorflow_serving.library import library
from e2e.tensorflow_serving.status import ServingError

log = logging.getLogger("tensorflow_model_server")
STAND_IN = "This is a STAND-IN for tensorflow/serving, not TensorFlow Serving. It serves SavedModels by TensorFlow {}."


def main(arguments: Sequence[str]) -> int:
    """Run the server with these flags; the exit code. 255 when it could not start, as the real one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.setswitchinterval(0.001)  # a request waits at most so long for another thread's Python code
    logging.basicConfig(format="%(asctime)s: %(levelname).1s %(name)s] %(message)s", level=logging.INFO)
    log.info(STAND_IN.format(library().TF_Version().decode()))
    try:
        line = parse_command_line(arguments)
        if line.flags.version:
            _print_version()
            return 0
        for name in line.ignored:
            log.warning("--%s has no effect in the stand-in", name)
        asyncio.run(_serve(line.flags))
    except ServingError as problem:
        print(f"Failed to start server. Error: {problem.status}", flush=True)
        return 255
    return 0


def _print_version() -> None:
    try:
        serving = version("tensorflow-serving-api")
    except PackageNotFoundError:
        serving = "unknown"
    print(f"TensorFlow ModelServer: stand-in, with the API of {serving}")
    print(f"TensorFlow Library: {library().TF_Version().decode()}")


async def _serve(flags: Flags) -> None:
    from e2e.tensorflow_serving.grpc_api import start_grpc
    from e2e.tensorflow_serving.rest import RestApi
    from e2e.tensorflow_serving.server_core import ServerCore

    core = ServerCore(flags)
    await asyncio.to_thread(core.start)
    keep: list[object] = [start_grpc(core)]
    log.info("Running gRPC ModelServer at 0.0.0.0:%d ...", flags.port)
    if flags.rest_api_port == flags.port:
        log.error("server_options.http_port cannot be same as grpc_port. Skipped exporting HTTP/REST API.")
    elif flags.rest_api_port:
        keep.append(await RestApi(core, monitoring_path(flags)).start())
        log.info("Exporting HTTP/REST API at:localhost:%d ...", flags.rest_api_port)
    await asyncio.Event().wait()
