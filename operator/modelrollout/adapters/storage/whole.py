"""Whether a model has the files that its graph wants, or is what a copy left that broke off.

TensorFlow Serving takes a model without ``variables/variables.index`` for one without variables: it loads, is ready,
and answers each request with 400, which looks like the callers' fault. An asset that is missing may be found as late.
What the server itself says when it loads (the data of variables, a graph that is cut off) is left to it.
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/cc/saved_model/loader.cc (RunRestore)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelrollout.adapters.storage.failure import FetchError
from modelrollout.adapters.storage.graphs import served_graphs
from modelrollout.adapters.wire import NotProtobuf, messages, text

VARIABLES = "variables/variables.index"
_LISTED = 3  # names that a sentence can hold
_GRAPH, _SAVER, _ASSETS = 2, 3, 6  # meta_graph.proto
_NODES, _OPERATION, _RESTORE, _FILE = 1, 2, 3, 2  # graph.proto, node_def.proto, saver.proto, AssetFileDef
_OF_VARIABLES = {"VarHandleOp", "VariableV2", "Variable"}


def refuse_half(uri: str, model: Path) -> None:
    """Raises FetchError for a SavedModel that lacks files."""
    try:
        wanted = {file: why for graph in served_graphs(model / "saved_model.pb") for file, why in _wanted(graph)}
    except NotProtobuf:
        return  # its server says what is wrong with it
    missing = [file for file in wanted if not (model / file).is_file()]
    if missing:
        shown = ", ".join(missing[:_LISTED]) + (" and others" if len(missing) > _LISTED else "")
        raise FetchError(
            f"{uri} is not whole: {shown} {'is' if len(missing) == 1 else 'are'} missing, and {wanted[missing[0]]}; "
            "copy all of the model's folder there (spec.model.uri)"
        )


def _wanted(graph: memoryview) -> Iterator[tuple[str, str]]:
    """Each file, and why."""
    if _restores(graph) and _has_variables(graph):
        yield VARIABLES, "its graph has variables"
    for asset in messages(graph, _ASSETS):
        yield f"assets/{text(asset, _FILE)}", "its graph reads that"


def _restores(graph: memoryview) -> bool:
    """Whether its variables come from files. One without a saver gives them their values by itself."""
    return any(text(saver, _RESTORE) for saver in messages(graph, _SAVER))


def _has_variables(graph: memoryview) -> bool:
    nodes = (node for definition in messages(graph, _GRAPH) for node in messages(definition, _NODES))
    return any(text(node, _OPERATION) in _OF_VARIABLES for node in nodes)
