"""A store of models over https, signed by itself, with all the troubles that stores have."""

from __future__ import annotations

import http.server
import socket
import ssl
import struct
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelrollout.adapters.storage.place import Order

FILES = {"saved_model.pb": b"graph", "variables/variables.index": b"index", "assets/words.txt": b"a b c"}

Handler = http.server.BaseHTTPRequestHandler
Answer = Callable[[Handler, bytes], None]
"""What is done with one request for a file of this content."""


@dataclass
class Store:
    """``first`` are the answers to the first requests, one each, ``always`` that to all others; then come files."""

    url: str
    listen: Callable[[], None]
    files: dict[str, bytes] = field(default_factory=dict)
    first: list[Answer] = field(default_factory=list)
    always: Answer | None = None

    def answer(self, path: str) -> Answer:
        if self.first:
            return self.first.pop(0)
        return self.always or (file if path in self.files else code(404))


def file(handler: Handler, content: bytes) -> None:
    """The whole of it."""
    _begin(handler, 200, {"Content-Length": str(len(content))})
    handler.wfile.write(content)


def code(number: int, **headers: str) -> Answer:
    """No file, but this; ``headers`` are written with ``_`` for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(handler: Handler, content: bytes) -> None:
        _begin(handler, number, {"Content-Length": "0", **named})

    return answer


def ends_halfway(handler: Handler, content: bytes) -> None:
    """As a proxy does that is stopped."""
    _begin(handler, 200, {"Content-Length": str(len(content))})
    handler.wfile.write(content[: len(content) // 2])


def drips(handler: Handler, content: bytes) -> None:
    """A byte now and then, which keeps a connection alive for days."""
    _begin(handler, 200, {"Content-Length": "1000000"})
    for _ in range(600):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        threading.Event().wait(0.1)


def ends_in_a_chunk(handler: Handler, content: bytes) -> None:
    """The same, of a body whose length nobody knew."""
    _begin(handler, 200, {"Transfer-Encoding": "chunked"})
    handler.wfile.write(b"%x\r\n" % len(content) + content[: len(content) // 2])


def resets_halfway(handler: Handler, content: bytes) -> None:
    ends_halfway(handler, content)
    threading.Event().wait(0.2)  # until it has been read
    reset(handler, content)


def reset(handler: Handler, content: bytes) -> None:
    """As a process that is killed."""
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def says_nothing(handler: Handler, content: bytes) -> None:
    """It closes the connection."""


def speaks_something_else(handler: Handler, content: bytes) -> None:
    handler.wfile.write(b"220 ready when you are\r\n")


def _begin(handler: Handler, number: int, headers: dict[str, str]) -> None:
    handler.send_response(number)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


@contextmanager
def running(folder: Path, *, listening: bool = True) -> Iterator[tuple[Store, Path]]:
    """The store and its certificate; one that does not listen refuses connections until it is told to."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    server = _Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.server_bind()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    begun = threading.Event()

    def listen() -> None:
        if not begun.is_set():
            begun.set()
            server.server_activate()
            threading.Thread(target=server.serve_forever, daemon=True).start()

    store = Store(f"https://localhost:{server.server_address[1]}", listen)
    server.RequestHandlerClass = _handler(store)
    if listening:
        listen()
    yield store, certificate
    if begun.is_set():
        server.shutdown()
    server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    def shutdown_request(self, request: Any) -> None:
        """At once, so that one that is to be reset says no good-bye."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that were ended on purpose are no news."""


def _handler(store: Store) -> type[Handler]:
    class OfStore(Handler):
        def do_GET(self) -> None:
            store.answer(self.path)(self, store.files.get(self.path, b""))

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return OfStore


def archive(folder: Path, tmp_path: Path, name: str = ".", **members: str) -> bytes:
    """A .tar.gz of a folder; ``members`` are further names and their targets, as links."""
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, arcname=name)
        for member, target in members.items():
            info = tarfile.TarInfo(member)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path.read_bytes()


def order_of(store: Store, tmp_path: Path) -> Order:
    """Fetch the store's archive as version 7."""
    return Order(uri=f"{store.url}/m.tar.gz", target=tmp_path / "models" / "fraud", number=7)


def write(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    """Files of a model."""
    for name, content in (FILES if files is None else files).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
