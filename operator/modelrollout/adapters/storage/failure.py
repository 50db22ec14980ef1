"""Why a model could not be fetched, in words that anybody may read."""

import re

_QUERY = re.compile(r"(https?://[^\s?]*)\?[^\s;,'\")]*")
_PASSWORD = re.compile(r"(https?://)[^\s/@]*@")

STORE_AWAY = "StoreAway"
"""The cause that the fetcher tells of beside its sentence, where the model is not at fault."""


class FetchError(Exception):
    """One clear sentence: what was to be fetched, what is wrong with it, and the way out where there is one."""


class StoreAway(FetchError):
    """Nobody answered, or only with trouble of the store's own, for as long as it was tried: no fault of the model."""


def without_secrets(text: str) -> str:
    """The text without the queries of addresses, which sign them, and without passwords in these."""
    return _PASSWORD.sub(r"\1...@", _QUERY.sub(r"\1?...", text))
