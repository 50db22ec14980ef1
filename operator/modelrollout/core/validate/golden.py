"""The check of golden answers: the samples are answered with what is right, by number or by the order of scores."""

from __future__ import annotations

from typing import Any

from modelrollout.api.samples import Tolerance
from modelrollout.core.validate.answer import Answer, difference, ranking, score_lists
from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.told import some


def check_golden(case: Case) -> Finding | None:
    """The samples are answered with what is right."""
    samples, sent = case.settings.samples, case.answered
    if samples is None or sent is None or samples.golden is None:
        return None
    right, top_k = case.probed.golden, samples.golden.top_k
    unknown = [answer.sample for answer in sent.first if answer.sample not in right]
    if unknown:
        message = f"no golden answer is given for {unknown[0]}, and {len(unknown)} such samples are sent"
        return Finding("golden", Verdict.UNKNOWN, message, holds=True)
    wrong = [
        f"{answer.sample}: {words}"
        for answer in sent.first
        if (words := _otherwise(right[answer.sample], answer, samples.tolerance, top_k)) is not None
    ]
    if wrong:
        return Finding("golden", Verdict.FAIL, some(wrong, len(sent.first), "samples are not answered as golden says"))
    return Finding("golden", Verdict.PASS, f"all {len(sent.first)} samples were answered as golden says")


def _otherwise(right: Any, answer: Answer, tolerance: Tolerance, top_k: int | None) -> str | None:
    expected = Answer(answer.sample, value=right).outputs
    if top_k is None:
        return difference(expected, answer.outputs, tolerance)
    wanted, found = list(score_lists(expected)), list(score_lists(answer.outputs))
    if len(wanted) != len(found):
        return f"it has {len(found)} lists of scores, not {len(wanted)}"
    for one, other in zip(wanted, found, strict=True):
        if ranking(one, top_k) != ranking(other, top_k):
            return f"its highest scores are at {ranking(other, top_k)}, not at {ranking(one, top_k)}"
    return None
