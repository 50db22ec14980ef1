"""The check of agreement: on the same samples a version decides as the one that serves does, nearly always."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelrollout.api.samples import Tolerance
from modelrollout.core.validate.answer import Answer, difference, ranking, score_lists
from modelrollout.core.validate.finding import Case, Finding, Verdict


def check_agreement(case: Case) -> Finding | None:
    """Both versions decide the same for nearly all rows. None for the first version, which has nobody to agree with."""
    samples, sent = case.settings.samples, case.answered
    if samples is None or sent is None or samples.agreement is None or case.control is None:
        return None
    if sent.by_control is None:
        message = f"nothing is known of {case.control}'s answers: {case.probed.control_unsent}"
        return Finding("agreement", Verdict.UNKNOWN, message, holds=True)
    rows = list(_rows(sent.first, sent.by_control))
    if not rows:
        message = f"{case.control} answered no sample well, so there is nobody to agree with"
        return Finding("agreement", Verdict.UNKNOWN, message, holds=True)
    alike = sum(decides_the_same(ours, theirs, samples.tolerance) for ours, theirs in rows)
    share, needed = alike / len(rows), samples.agreement.with_control
    message = f"agrees with {case.control} on {alike} of {len(rows)} rows ({100 * share:.3g} %)"
    if share < needed:
        return Finding("agreement", Verdict.FAIL, f"{message}, and {100 * needed:.3g} % are needed")
    return Finding("agreement", Verdict.PASS, message)


def _rows(ours: tuple[Answer, ...], theirs: tuple[Answer, ...]) -> Iterator[tuple[Any, Any]]:
    """Of samples that stable answers well; a row that only one of them has is a row on which they differ."""
    for one, other in zip(ours, theirs, strict=True):
        if other.fault is not None:
            continue
        for index, row in enumerate(other.rows):
            yield (one.rows[index] if index < len(one.rows) else None), row


def decides_the_same(one: Any, other: Any, tolerance: Tolerance) -> bool:
    """Scores by the place of the highest; everything else by its value."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(decides_the_same(one[key], other[key], tolerance) for key in one)
    ours, theirs = list(score_lists(one)), list(score_lists(other))
    if ours and len(ours) == len(theirs) and all(len(scores) > 1 for scores in (*ours, *theirs)):
        return all(ranking(mine, 1) == ranking(yours, 1) for mine, yours in zip(ours, theirs, strict=True))
    return difference(other, one, tolerance) is None
