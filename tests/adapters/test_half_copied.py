"""Models of which a part is missing: refused by the fetcher, where the server would answer each request with 400."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelrollout.adapters.storage.failure import FetchError
from modelrollout.adapters.storage.place import Order, fetch
from tests.adapters.predict import GRAPHS
from tests.adapters.store import Store, archive, order_of, write

WHOLE = {"variables/variables.index": b"index", "variables/variables.data-00000-of-00001": b"data"}


def graph(operation: str = "VarHandleOp", restore: str = "save/restore_all", assets: tuple[str, ...] = ()) -> bytes:
    """A saved_model.pb with one operation, a saver and assets; another MetaGraph is not for serving."""
    model = GRAPHS.SavedModel(saved_model_schema_version=1)
    training, serving = model.meta_graphs.add(), model.meta_graphs.add()
    training.meta_info_def.tags.append("train")
    training.asset_file_def.add(filename="labels.txt")
    serving.meta_info_def.tags.append("serve")
    serving.graph_def.node.add(name="constant", op="Const")
    serving.graph_def.node.add(name="weights", op=operation)
    serving.saver_def.restore_op_name = restore
    for name in assets:
        serving.asset_file_def.add(filename=name)
    return bytes(model.SerializeToString())


def fetched(tmp_path: Path, files: dict[str, bytes]) -> str:
    volume = write(tmp_path / "volume", files)
    return fetch(Order("pvc://models/half", tmp_path / "models", 1, volume, volume), lambda _: None)


HALF: dict[str, tuple[dict[str, bytes], str]] = {
    "the graph alone": (
        {"saved_model.pb": graph()},
        "variables/variables.index is missing, and its graph has variables",
    ),
    "of variables their data": (
        {"saved_model.pb": graph("VariableV2"), "variables/variables.data-00000-of-00001": b"data"},
        "variables/variables.index is missing, and its graph has variables",
    ),
    "no asset": (
        {"saved_model.pb": graph(assets=("words.txt",)), **WHOLE},
        "assets/words.txt is missing, and its graph reads that",
    ),
    "neither": (
        {"saved_model.pb": graph(assets=("a", "b", "c"))},
        "variables/variables.index, assets/a, assets/b and others are missing, and its graph has variables",
    ),
}


@pytest.mark.parametrize(("files", "words"), HALF.values(), ids=HALF)
def test_a_model_that_was_copied_in_half_is_not_put_in_place(
    tmp_path: Path, files: dict[str, bytes], words: str
) -> None:
    with pytest.raises(FetchError) as refused:
        fetched(tmp_path, files)
    way_out = "copy all of the model's folder there (spec.model.uri)"
    assert str(refused.value) == f"pvc://models/half is not whole: {words}; {way_out}"
    assert list((tmp_path / "models").iterdir()) == []


def test_an_archive_of_half_a_model_is_refused_too(store: Store, tmp_path: Path) -> None:
    store.files["/m.tar.gz"] = archive(write(tmp_path / "m", {"saved_model.pb": graph()}), tmp_path)
    with pytest.raises(FetchError, match=r"is not whole: variables/variables\.index is missing"):
        fetch(order_of(store, tmp_path), lambda _: None)


TAKEN: dict[str, dict[str, bytes]] = {
    "whole": {"saved_model.pb": graph(assets=("words.txt",)), "assets/words.txt": b"a", **WHOLE},
    "without variables": {"saved_model.pb": graph("Const")},
    "variables with values of their own": {"saved_model.pb": graph(restore="")},
    "without their data, as the server says itself": {"saved_model.pb": graph(), "variables/variables.index": b"index"},
    "a graph that is cut off, as the server says itself": {"saved_model.pb": graph()[:-3]},
    "an empty graph, as the server says itself": {"saved_model.pb": b""},
}


@pytest.mark.parametrize("files", TAKEN.values(), ids=TAKEN)
def test_all_else_is_the_servers_to_judge(tmp_path: Path, files: dict[str, bytes]) -> None:
    assert fetched(tmp_path, files).startswith("sha256:")
