"""What the tests of whole processes share."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kubernetes import Kubernetes
from tests.runtime.operating import Process, Start


@pytest.fixture
def namespace(kubernetes: Kubernetes) -> str:
    return kubernetes.namespace()


@pytest.fixture
def start(kubernetes: Kubernetes, namespace: str, tmp_path: Path) -> Iterator[Start]:
    """Starts operators that watch the namespace, and ends them with the test."""
    with ExitStack() as stack:

        def one(name: str, kubeconfig: Path = kubernetes.server.kubeconfig, **settings: str) -> Process:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                address = f"127.0.0.1:{free.getsockname()[1]}"
            chosen = {"namespaces": namespace, "prometheus_url": "http://127.0.0.1:9", "listen": address, **settings}
            environment = {
                **os.environ,
                "KUBECONFIG": str(kubeconfig),
                **{f"MODELROLLOUT_{key.upper()}": value for key, value in chosen.items()},
            }
            log = tmp_path / f"{name}.log"
            command = [sys.executable, "-c", "from modelrollout.cli.main import main; main()", "operator"]
            with log.open("wb") as output:
                process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return Process(process, address, log)

        yield one
