"""The check that it is known what serves, where that is another rollout's business: without it nothing is compared."""

from __future__ import annotations

from modelrollout.core.validate.finding import Case, Finding, Verdict


def check_stable(case: Case) -> Finding | None:
    """None where nobody has to be asked, or the answer is there."""
    why = case.probed.control_unknown
    if why is None:
        return None
    return Finding("stable", Verdict.UNKNOWN, f"it is not known what it would replace: {why}", holds=True)
