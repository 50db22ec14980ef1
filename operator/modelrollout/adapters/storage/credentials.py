"""What a store knows the fetcher by: the keys of a Secret, mounted into the init container alone.

The Secret says itself for which host it is. Without that, whoever may write ``spec.model.uri`` could have any Secret of
the namespace sent to a host of theirs.
"""

from __future__ import annotations

import base64
import re
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from modelrollout.adapters.storage.failure import FetchError

FIELD = "spec.serving.storeSecret"
HOST, TOKEN, USERNAME, PASSWORD = "host", "token", "username", "password"
"""The keys: the host, and either a token or a user with a password, as in a Secret of kubernetes.io/basic-auth."""

_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?")
_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Credentials:
    """For one host; in words it is the Secret and its keys, never what is in them."""

    secret: str
    keys: str
    host: str
    authorization: str = field(repr=False)

    def sign(self, request: urllib.request.Request) -> bool:
        """Whether the request goes to the host that this is for. Only then it is signed; wherever that host redirects
        it to, it is not."""
        if request.host.lower() != self.host:
            return False
        request.add_unredirected_header("Authorization", self.authorization)
        return True

    def __str__(self) -> str:
        return f"{self.keys} of Secret {self.secret} ({FIELD})"


def read_credentials(folder: Path) -> Credentials:
    """Of a mounted Secret, which the folder is named after. Raises FetchError with the key that is missing or wrong."""
    host = _read(folder, HOST).lower()
    if _HOST.fullmatch(host) is None:
        raise _wrong(folder, HOST, "is no host; write it as in the address of the model: models.example.com")
    named, token = [(folder / key).is_file() for key in (USERNAME, PASSWORD)], (folder / TOKEN).is_file()
    if token == any(named):
        both, neither = f"both {TOKEN} and {USERNAME}", f"neither {TOKEN} nor {USERNAME}"
        raise FetchError(
            f"Secret {folder.name} has {both if token else neither}; give it one of them: "
            f"{TOKEN}, or {USERNAME} and {PASSWORD} ({FIELD})"
        )
    if token:
        return Credentials(folder.name, TOKEN, host, f"Bearer {_token(folder)}")
    return Credentials(folder.name, f"{USERNAME} and {PASSWORD}", host, f"Basic {_pair(folder)}")


def _token(folder: Path) -> str:
    token = _read(folder, TOKEN)
    if _PRINTABLE.fullmatch(token) is None:
        raise _wrong(folder, TOKEN, "holds a space, a line break or a character outside ASCII; a token has none")
    return token


def _pair(folder: Path) -> str:
    username, password = _read(folder, USERNAME), _read(folder, PASSWORD)
    if ":" in username:
        raise _wrong(folder, USERNAME, "holds a ':', which no user's name has over HTTP")
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def _read(folder: Path, key: str) -> str:
    """One key, without the line break that editors and echo put at the end."""
    try:
        value = (folder / key).read_text(encoding="utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise FetchError(f"Secret {folder.name} has no key {key} ({FIELD})") from None
    except UnicodeDecodeError:
        raise _wrong(folder, key, "is no text") from None
    if not value:
        raise _wrong(folder, key, "is empty")
    return value


def _wrong(folder: Path, key: str, words: str) -> FetchError:
    """What is in the key is never told."""
    return FetchError(f"Secret {folder.name}: its key {key} {words} ({FIELD})")
