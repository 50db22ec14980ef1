"""The check of the form of the answers: types and shapes are those that the version's own signature says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelrollout.api.signature import Signature, Tensor
from modelrollout.core.validate.answer import COLUMNS, ROWS, Answer, is_number
from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.told import some

NAME = "form"
USUAL = "serving_default"


def check_form(case: Case) -> Finding | None:
    """None without samples, or where not all of them were answered."""
    sent = case.answered
    if sent is None:
        return None
    if case.probed.signatures is None:
        return Finding(NAME, Verdict.UNKNOWN, f"the signature is not known: {case.probed.unread}", holds=True)
    wrong = [f"{answer.sample}: {words}" for answer in sent.first if (words := problem(case, answer)) is not None]
    if wrong:
        return Finding(NAME, Verdict.FAIL, some(wrong, len(sent.first), "answers are not as the signature says"))
    return Finding(NAME, Verdict.PASS, f"all {len(sent.first)} answers are as the signature says")


def problem(case: Case, answer: Answer) -> str | None:
    """What is wrong with the form of one answer."""
    asked = case.probed.requests.get(answer.sample)
    name = str((asked.get("signature_name") if isinstance(asked, dict) else None) or USUAL)
    signature = (case.probed.signatures or {}).get(name)
    return of_another_form(signature, answer) if signature is not None else f"there is no signature {name[:60]}"


def of_another_form(signature: Signature, answer: Answer) -> str | None:
    """By row each output is told without its first size, which is the row's own; the name of a lone output is left
    out."""
    tensors = {name: Tensor.parse(text) for name, text in signature.outputs.items()}
    by_row = isinstance(answer.value, dict) and ROWS in answer.value
    for index, row in enumerate(answer.rows if by_row else [answer.outputs]):
        place = f"{ROWS}[{index}]" if by_row else COLUMNS
        if (words := _of_row(tensors, row, place, by_row)) is not None:
            return words
    return None


def _of_row(tensors: Mapping[str, Tensor], row: Any, place: str, by_row: bool) -> str | None:
    if len(tensors) == 1:
        ((_, tensor),) = tensors.items()
        return _of_tensor(tensor, row, place, by_row)
    if not isinstance(row, dict) or row.keys() != tensors.keys():
        return f"{place} does not hold the outputs {', '.join(sorted(tensors))}"
    found = (_of_tensor(tensor, row[name], f"{place}.{name}", by_row) for name, tensor in tensors.items())
    return next((words for words in found if words is not None), None)


def _of_tensor(tensor: Tensor, value: Any, place: str, by_row: bool) -> str | None:
    dims = tensor.dims[1:] if tensor.dims is not None and by_row else tensor.dims
    if not _fits(tensor.dtype, dims, value):
        return f"{place} is not as {tensor} says"
    return None


def _fits(dtype: str, dims: tuple[int | None, ...] | None, value: Any) -> bool:
    if dims is None:
        return all(_fits(dtype, None, item) for item in value) if isinstance(value, list) else _is_of(dtype, value)
    if not dims:
        return _is_of(dtype, value)
    if not isinstance(value, list) or dims[0] not in (None, len(value)):
        return False
    return all(_fits(dtype, dims[1:], item) for item in value)


def _is_of(dtype: str, value: Any) -> bool:
    """As TensorFlow Serving writes a type in JSON."""
    match dtype:
        case "DT_STRING":
            return isinstance(value, str | dict)
        case "DT_BOOL":
            return isinstance(value, bool)
        case _ if "INT" in dtype:
            return isinstance(value, int) and not isinstance(value, bool)
        case _:
            return is_number(value)
