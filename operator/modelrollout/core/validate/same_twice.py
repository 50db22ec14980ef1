"""The check that a version is sure of its answers: the same request is answered the same when it is sent again."""

from __future__ import annotations

from modelrollout.api.samples import Demand
from modelrollout.core.validate.answer import difference
from modelrollout.core.validate.finding import Case, Finding, Verdict, by_demand
from modelrollout.core.validate.told import some


def check_same_twice(case: Case) -> Finding | None:
    """The same request is answered the same when it is sent again."""
    samples, sent = case.settings.samples, case.answered
    if samples is None or sent is None or samples.same_twice is Demand.IGNORE:
        return None
    pairs = list(zip(sent.first, sent.second, strict=True))
    wrong = [
        f"{one.sample}: {words} as before"
        for one, other in pairs
        if (words := difference(one.outputs, other.outputs, samples.tolerance)) is not None
    ]
    if wrong:
        message = some(wrong, len(pairs), "samples are answered otherwise when they are sent again")
        return Finding("sameTwice", by_demand(samples.same_twice), message)
    return Finding("sameTwice", Verdict.PASS, f"all {len(pairs)} samples were answered the same when sent again")
