"""The check that every sample is answered: status 200, outputs, finite numbers. What could not be sent is not known."""

from __future__ import annotations

from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.told import some

NAME = "answers"


def check_answers(case: Case) -> Finding | None:
    """None without samples."""
    sent = case.probed.sent
    if case.settings.samples is None:
        return None
    if sent is None:
        why = case.probed.unsent or "the server has not answered"
        return Finding(NAME, Verdict.UNKNOWN, f"the samples could not be sent: {why}", holds=True)
    wrong: dict[str, str] = {}
    for answer in (*sent.first, *sent.second):
        if (words := answer.fault) is not None:
            wrong.setdefault(answer.sample, f"{answer.sample}: {words}")
    if wrong:
        return Finding(
            NAME, Verdict.FAIL, some(tuple(wrong.values()), len(sent.first), "requests are not answered well")
        )
    return Finding(NAME, Verdict.PASS, f"{_samples(len(sent.first))} answered well, {_each(len(sent.first))}twice")


def _samples(number: int) -> str:
    return "1 sample was" if number == 1 else f"{number} samples were"


def _each(number: int) -> str:
    return "" if number == 1 else "each of them "
