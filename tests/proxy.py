"""A TCP proxy in front of the API server, to cut its connections or to let them fall silent: a real break for whoever
watches through it."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Forwards connections of a free port of the loopback interface until they are cut, or fall silent."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._over = threading.Event()
        self._broken = threading.Event()
        self._silenced = 0  # times
        self._threads: list[threading.Thread] = []

    @classmethod
    @contextmanager
    def to(cls, url: str) -> Iterator[Proxy]:
        """A proxy to the host and port of a URL, for as long as the block runs."""
        parts = urlsplit(url)
        proxy = cls(str(parts.hostname), int(parts.port or 443))
        proxy._start(proxy._accept)
        try:
            yield proxy
        finally:
            proxy._over.set()
            for thread in proxy._threads:
                thread.join()
            proxy._listener.close()

    @property
    def url(self) -> str:
        """The proxy's own."""
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    @contextmanager
    def cut(self) -> Iterator[None]:
        """While the block runs, what is open is cut and whatever is opened, too."""
        self._broken.set()
        try:
            yield
        finally:
            self._broken.clear()

    def silence(self) -> None:
        """What is open stays open and carries nothing any more, as when a firewall forgets it. New ones are well."""
        self._silenced += 1

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                self._start(self._forward, client)

    def _forward(self, client: socket.socket) -> None:
        with closing(client), socket.create_connection(self._target) as server:
            pairs, born = {client: server, server: client}, self._silenced
            while not (self._over.is_set() or self._broken.is_set()):
                if self._silenced > born:
                    self._over.wait(0.05)
                    continue
                readable = select.select(list(pairs), [], [], 0.05)[0]
                for source in readable if self._silenced == born else ():
                    with suppress(ConnectionError):
                        data = source.recv(65536)
                        if not data:
                            return
                        pairs[source].sendall(data)
