"""Which version has which ids: 256 buckets, named by the last two hex digits of an id and dealt out by the shares.

Nothing is stored: who asks with the same salt and the same shares gets the same answer, so that a live route can be
read back to the letter. And yet few ids move when shares do. Every version ranks all buckets, by a hash of its own, and
every bucket all versions; the best pair of those that are left is taken, until a version has as many as its share is.
That is rendezvous hashing with limits, and (as both sides go by the same number) a stable matching.

Of two versions, one that rises keeps all that it had: a bucket goes to a version that got no enough by how much it is
wished for, and that order does not depend on the shares. Of three and more, no way to deal them out without a memory
can always move as few as possible; a version that leaves takes some buckets of others with it (``test_buckets.py`` has
the figures).
D. Thaler, C. Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Trans. Networking 6 (1998).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

BUCKETS = 256
ANY_ENDING = "(?i).*("
"""How an expression for endings begins, whichever they are."""

_DIGITS = "0123456789abcdef"
_BYTES = 8  # of a rank: no two of them are alike but by an accident that no one will see, and then the names decide


def dealt(salt: str, shares: Mapping[str, float]) -> Mapping[str, frozenset[int]]:
    """The buckets of each version. ``salt`` makes what one rollout does say nothing of another: else the same ids would
    be the first to try everything."""
    return _dealt(salt, tuple(sorted(shares.items())))


@lru_cache(maxsize=256)  # a pass asks for the same several times, and for each segment
def _dealt(salt: str, shares: tuple[tuple[str, float], ...]) -> Mapping[str, frozenset[int]]:
    left = quotas(dict(shares))
    owners: dict[int, str] = {}
    pairs = sorted(pair for version, _ in shares for pair in _wishes(salt, version))
    for _, bucket, version in pairs:
        if bucket not in owners and left[version]:
            owners[bucket] = version
            left[version] -= 1
    return {version: frozenset(b for b, owner in owners.items() if owner == version) for version, _ in shares}


def _wishes(salt: str, version: str) -> Iterator[tuple[bytes, int, str]]:
    """How much a version and each bucket are for each other: the lower, the more."""
    noise = hashlib.shake_256(f"{salt}/{version}".encode()).digest(BUCKETS * _BYTES)
    return ((noise[_BYTES * bucket : _BYTES * (bucket + 1)], bucket, version) for bucket in range(BUCKETS))


def quotas(shares: Mapping[str, float]) -> dict[str, int]:
    """How many buckets each version has: its percents of 256, rounded up for those that lose the most by rounding."""
    exact = {version: BUCKETS * round(100 * share) for version, share in shares.items()}  # of 10,000
    found = {version: share // 10_000 for version, share in exact.items()}
    most_lost = sorted(shares, key=lambda version: (-(exact[version] % 10_000), version))
    for version in most_lost[: BUCKETS - sum(found.values())]:
        found[version] += 1
    return found


def ending(buckets: Iterable[int]) -> str:
    """RE2 for whole values that end with the two hex digits of one of these, in upper or lower case."""
    seconds: dict[str, str] = {}
    for bucket in sorted(buckets):
        first, second = _DIGITS[bucket // 16], _DIGITS[bucket % 16]
        seconds[first] = seconds.get(first, "") + second
    return f"{ANY_ENDING}{'|'.join(first + _one_of(rest) for first, rest in seconds.items())})"


def _one_of(digits: str) -> str:
    """RE2 for one of some digits, which are in order: ``[0-36ac-f]``."""
    if len(digits) == 1:
        return digits
    return f"[{''.join(_run(run) for run in _runs(digits))}]"


def _runs(digits: str) -> Iterator[str]:
    """The digits cut where one is missing, and between 9 and a, which no range of characters goes across."""
    begin = 0
    for end in range(1, len(digits) + 1):
        if end == len(digits) or ord(digits[end]) != ord(digits[end - 1]) + 1:
            yield digits[begin:end]
            begin = end


def _run(digits: str) -> str:
    return digits if len(digits) < 3 else f"{digits[0]}-{digits[-1]}"
