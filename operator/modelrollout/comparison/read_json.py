"""Answers of TensorFlow Serving's REST API: the rows of a body. Whatever a server may send, bad answers have words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelrollout.adapters.tensors import Unreadable
from modelrollout.comparison.reply import Ranked, Row
from modelrollout.core.validate.answer import COLUMNS, ROWS, is_number

RESULTS = "results"
_BYTES = {"b64"}  # the keys of a text that is no text; otherwise an object is outputs by name


def rows_of_json(body: bytes, only_rule: str | None) -> tuple[Row, ...]:
    """The rows of a body with status 200. ``only_rule`` names an output that comes without its name. Raises
    Unreadable."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is not JSON") from error
    if not isinstance(value, dict):
        raise Unreadable("it is no object")
    if isinstance(value.get(ROWS), list):
        return tuple(_named(row, only_rule or ROWS) for row in value[ROWS])
    if COLUMNS in value:
        return _of_columns(_named(value[COLUMNS], only_rule or COLUMNS))
    if isinstance(value.get(RESULTS), list):
        return tuple({RESULTS: _result(row)} for row in value[RESULTS])
    raise Unreadable(f"it has neither {ROWS} nor {COLUMNS} nor {RESULTS}")


def _named(value: Any, name: str) -> Row:
    """The name of a lone output is left out."""
    return value if isinstance(value, dict) and value.keys() != _BYTES else {name: value}


def _of_columns(columns: Mapping[str, Any]) -> tuple[Row, ...]:
    """By row where all outputs have as many; otherwise all of it is one row."""
    sizes = {len(column) if isinstance(column, list) else None for column in columns.values()}
    (size,) = sizes if len(sizes) == 1 else (None,)
    if size is None:
        return (columns,)
    return tuple({name: column[index] for name, column in columns.items()} for index in range(size))


def _result(row: Any) -> Any:
    """One row of what :classify answers, which are pairs of a label and a score, or of :regress, which is a number."""
    if not isinstance(row, list):
        return row
    if not all(isinstance(pair, list) and len(pair) == 2 and is_number(pair[1]) for pair in row):
        raise Unreadable("its results are no pairs of a label and a score")
    return Ranked.of([(str(label), score) for label, score in row])
