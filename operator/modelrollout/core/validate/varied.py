"""The check that a version looks at its requests: different ones are not all answered the same."""

from __future__ import annotations

from modelrollout.api.samples import Demand
from modelrollout.core.validate.answer import difference
from modelrollout.core.validate.finding import Case, Finding, Verdict, by_demand


def check_varied(case: Case) -> Finding | None:
    """Different requests are not all answered the same."""
    samples, sent = case.settings.samples, case.answered
    if samples is None or sent is None or samples.varied is Demand.IGNORE:
        return None
    rows = [row for answer in sent.first for row in answer.rows]
    if len(rows) < 2 or len({str(request) for request in case.probed.requests.values()}) < 2:
        return None
    if all(difference(rows[0], row, samples.tolerance) is None for row in rows[1:]):
        message = f"all {len(rows)} rows of the samples are answered the same"
        return Finding("varied", by_demand(samples.varied), message)
    return Finding("varied", Verdict.PASS, f"the {len(rows)} rows of the samples are not all answered the same")
