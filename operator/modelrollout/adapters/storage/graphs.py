"""What a saved_model.pb says of its model, read past the operations themselves, which may be gigabytes."""

from __future__ import annotations

import mmap
from pathlib import Path

from modelrollout.adapters.wire import NotProtobuf, messages

_META_GRAPHS, _META_INFO, _TAGS = 2, 1, 4  # saved_model.proto, meta_graph.proto
_SERVE = b"serve"


def served_graphs(file: Path) -> list[memoryview]:
    """The MetaGraphs that a server loads: those for serving, or all where none says so. Raises NotProtobuf."""
    with file.open("rb") as opened:
        try:
            whole = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError as error:
            raise NotProtobuf("nothing is in it") from error
    graphs = messages(whole, _META_GRAPHS)
    return [graph for graph in graphs if _SERVE in _tags(graph)] or graphs


def _tags(graph: memoryview) -> list[bytes]:
    return [bytes(tag) for info in messages(graph, _META_INFO) for tag in messages(info, _TAGS)]
