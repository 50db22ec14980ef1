"""Can callers of one version call another one? Pure, by the signatures alone.

A caller sends certain inputs and reads certain outputs. So an input may come to take more and never less, an output
may be told more exactly and never contradict what it was, and what is new must not be needed. What a version gives
besides disturbs nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelrollout.api.signature import Signature, Signatures, Tensor

OF_THE_LIBRARY = "__"  # begins the names of functions that a SavedModel has for itself, and no caller calls
NAME_SHOWN = 60  # characters; a name comes from a server, which may say anything


@dataclass(frozen=True, slots=True)
class Difference:
    """One reason why callers of ``old`` cannot use ``new``; in words, with the signature, the tensor and what both
    versions have."""

    words: str


def differences(old: Signatures, new: Signatures) -> list[Difference]:
    """All of them, in the order of the names. None: whoever calls the old version can call the new one."""
    return [Difference(words) for words in _differences(called(old), called(new))]


def additions(old: Signatures, new: Signatures) -> list[str]:
    """What is new and disturbs nobody, in words."""
    before, after = called(old), called(new)
    added = [f"signature {_short(name)}" for name in sorted(after.keys() - before.keys())]
    for name in sorted(before.keys() & after.keys()):
        more = after[name].outputs.keys() - before[name].outputs.keys()
        added += [f"output {_short(output)} of signature {_short(name)}" for output in sorted(more)]
    return added


def called(signatures: Signatures) -> Signatures:
    """Those that callers can call."""
    return {name: known for name, known in signatures.items() if not name.startswith(OF_THE_LIBRARY)}


def _differences(old: Signatures, new: Signatures) -> Iterator[str]:
    for name in sorted(old):
        if name in new:
            yield from _of_signature(_short(name), old[name], new[name])
        else:
            has = f"; there are {', '.join(map(_short, sorted(new)))}" if new else "; there is none"
            yield f"signature {_short(name)} is gone{has}"


def _of_signature(name: str, old: Signature, new: Signature) -> Iterator[str]:
    yield from _of_inputs(name, _parsed(old.inputs), _parsed(new.inputs))
    yield from _of_outputs(name, _parsed(old.outputs), _parsed(new.outputs))


def _of_inputs(name: str, old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        what = f"signature {name}: input {_short(key)}"
        before, after = old.get(key), new.get(key)
        if before is None and after is not None and not after.optional:
            yield f"{what} is new, {after}, and callers do not send it"
        elif before is not None and after is None:
            yield f"{what} is gone, which was {before}"
        elif before is not None and after is not None and (how := _of_input(before, after)):
            yield f"{what} {how}: it was {before} and is {after}"


def _of_input(before: Tensor, after: Tensor) -> str | None:
    if before.dtype != after.dtype:
        return "has another type"
    if before.optional and not after.optional:
        return "is needed now"
    if not _takes(after, before):
        return "takes other shapes" if _contradict(before, after) else "takes fewer shapes"
    return None


def _of_outputs(name: str, old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> Iterator[str]:
    for key, before in sorted(old.items()):
        what, after = f"signature {name}: output {_short(key)}", new.get(key)
        if after is None:
            yield f"{what} is gone, which was {before}"
        elif before.dtype != after.dtype:
            yield f"{what} has another type: it was {before} and is {after}"
        elif _contradict(before, after):
            yield f"{what} has another shape: it was {before} and is {after}"


def _takes(wide: Tensor, narrow: Tensor) -> bool:
    """Whether one takes every shape that the other takes."""
    if wide.dims is None:
        return True
    if narrow.dims is None or len(narrow.dims) != len(wide.dims):
        return False
    return all(size is None or size == other for size, other in zip(wide.dims, narrow.dims, strict=True))


def _contradict(one: Tensor, other: Tensor) -> bool:
    """Whether no shape is of both."""
    if one.dims is None or other.dims is None:
        return False
    if len(one.dims) != len(other.dims):
        return True
    return any(None not in (size, also) and size != also for size, also in zip(one.dims, other.dims, strict=True))


def _parsed(tensors: Mapping[str, str]) -> dict[str, Tensor]:
    return {key: Tensor.parse(text) for key, text in tensors.items()}


def _short(name: str) -> str:
    return name if len(name) <= NAME_SHOWN else f"{name[: NAME_SHOWN - 1]}…"
