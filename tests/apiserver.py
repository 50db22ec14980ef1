"""A real etcd and kube-apiserver, alone: no node, no controllers, on free ports of the loopback interface.

What a CustomResourceDefinition means, only the API server knows: which CEL is too costly, what a user reads, what
server-side apply makes of a list. It is up in some seconds and lives in a temporary folder. The programs are those of
the local cluster (``python -m e2e.cluster`` builds them) or of KUBEBUILDER_ASSETS.
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from e2e.cluster.toolchain import Toolchain, toolchain

START_SECONDS = 120  # a machine busy with other work starts it slowly; an idle one takes five seconds
USER = "tester"
GROUPS = "system:masters"


class ApiServerError(Exception):
    """The programs are missing, or ended before they were ready."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said. ``message`` is what kubectl would print."""

    status: int
    body: Mapping[str, Any]

    @property
    def message(self) -> str:
        """The reason of a refusal, empty when there was none."""
        return str(self.body.get("message", "")) if self.body.get("kind") == "Status" else ""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where it is and how to sign in, as a member of system:masters."""

    url: str
    token: str
    certificate: Path
    kubeconfig: Path
    programs: Toolchain
    session: requests.Session

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content: str = "application/json",
        accept: str = "application/json",
        user: str | None = None,
        **query: str,
    ) -> Answer:
        """One request, in the name of ``user`` where one is given. ``body`` becomes JSON, which is YAML as well, as
        server-side apply wants it."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content, "Accept": accept}
        headers |= {"Impersonate-User": user} if user is not None else {}
        data = None if body is None else json.dumps(body)
        found = self.session.request(
            method, self.url + path, data=data, params=query, headers=headers, verify=str(self.certificate), timeout=30
        )
        return Answer(found.status_code, found.json() if found.content.startswith(b"{") else {})

    def apply(self, path: str, body: object, *, manager: str = "kubectl", **query: str) -> Answer:
        """Server-side apply, forced."""
        query = {"fieldManager": manager, "force": "true", **query}
        return self.ask("PATCH", path, body, content="application/apply-patch+yaml", **query)

    def run(self, program: str, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """A program of the toolchain (kubectl, helm) against this server."""
        command = [str(self.programs.program(program)), *arguments]
        environment = {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.kubeconfig.parent), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, input=given, env=environment, capture_output=True, text=True, timeout=120)


@contextmanager
def running(folder: Path, *arguments: str, users: Sequence[str] = ()) -> Iterator[ApiServer]:
    """An API server that is ready. Its files, logs included, are in ``folder``; ``arguments`` are more of
    kube-apiserver's own. Each of ``users`` may do everything, too, and has a file ``NAME.kubeconfig``."""
    programs = toolchain()
    for name in ("etcd", "kube-apiserver"):
        if not programs.program(name).exists():
            raise ApiServerError(
                f"{programs.program(name)} is missing; build it with `python -m e2e.cluster up`, or set "
                "KUBEBUILDER_ASSETS to a folder that has etcd and kube-apiserver"
            )
    client, peer, port = _free_ports(3)
    with ExitStack() as stack:
        server = _server(folder, programs, port, stack.enter_context(requests.Session()), users)
        stack.enter_context(process_of(folder, "etcd", _etcd(folder, programs, client, peer)))
        command = [*_kube_apiserver(folder, programs, client, port), *arguments]
        process = stack.enter_context(process_of(folder, "kube-apiserver", command))
        _wait_until_ready(server, process, folder / "kube-apiserver.log")
        yield server


def _server(folder: Path, programs: Toolchain, port: int, session: requests.Session, users: Sequence[str]) -> ApiServer:
    """The files that sign clients in."""
    tokens = {name: secrets.token_hex(16) for name in (USER, *users)}
    (folder / "tokens.csv").write_text("".join(f'{token},{who},{who},"{GROUPS}"\n' for who, token in tokens.items()))
    key = folder / "service-accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    url, certificate = f"https://127.0.0.1:{port}", folder / "certificates" / "apiserver.crt"
    for name, token in tokens.items():
        file = "kubeconfig" if name == USER else f"{name}.kubeconfig"
        (folder / file).write_text(yaml.safe_dump(_kubeconfig(url, certificate, name, token)))
    return ApiServer(url, tokens[USER], certificate, folder / "kubeconfig", programs, session)


def _kubeconfig(url: str, certificate: Path, user: str, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user, "namespace": "default"}}],
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "users": [{"name": user, "user": {"token": token}}],
    }


def _etcd(folder: Path, programs: Toolchain, client: int, peer: int) -> list[str]:
    here, there = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        str(programs.program("etcd")),
        *("--name", "test", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync", "--log-level", "warn"),
        *("--listen-client-urls", here, "--advertise-client-urls", here),
        *("--listen-peer-urls", there, "--initial-advertise-peer-urls", there, "--initial-cluster", f"test={there}"),
    ]


def _kube_apiserver(folder: Path, programs: Toolchain, etcd: int, port: int) -> list[str]:
    key = str(folder / "service-accounts.key")
    return [
        str(programs.program("kube-apiserver")),
        *("--etcd-servers", f"http://127.0.0.1:{etcd}", "--service-cluster-ip-range", "10.0.0.0/16"),
        *("--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", str(port)),
        *("--cert-dir", str(folder / "certificates"), "--token-auth-file", str(folder / "tokens.csv")),
        *("--authorization-mode", "RBAC", "--service-account-issuer", "https://kubernetes.default.svc"),
        *("--service-account-key-file", key, "--service-account-signing-key-file", key),
        # Of no use without controllers: it would refuse every pod for the want of a ServiceAccount's token.
        *("--disable-admission-plugins", "ServiceAccount", "--endpoint-reconciler-type", "none"),
    ]


@contextmanager
def process_of(
    folder: Path, name: str, command: list[str], environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The process of a command, ended at the end. Its output goes to ``NAME.log``."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(server: ApiServer, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if server.certificate.exists() and server.ask("GET", "/readyz").status == 200:
                return
        except (requests.ConnectionError, OSError):
            pass  # not listening yet
        time.sleep(0.1)
    raise ApiServerError(f"kube-apiserver did not get ready:\n{log.read_text(errors='replace')[-3000:]}")


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
