"""The check of the time to load: a server needs it again for every pod that is moved.

Who takes longer has failed as soon as it has (``safety/checks.py``), not once it is ready.
"""

from __future__ import annotations

from modelrollout.api.base import format_duration
from modelrollout.core.validate.finding import Case, Finding, Verdict

NAME = "loadTime"


def check_load_time(case: Case) -> Finding | None:
    """None where nobody wants to know."""
    limit, took = case.settings.infrastructure.max_load_time, case.load_seconds
    if limit is None:
        return None
    if took is None:
        message = "it is not known how long its server took to load: the kubelet does not say when it was started"
        return Finding(NAME, Verdict.UNKNOWN, message, holds=True)
    if took > limit:
        return Finding(NAME, Verdict.FAIL, f"it took {told(took)} to load, maxLoadTime is {format_duration(limit)}")
    return Finding(NAME, Verdict.PASS, f"it took {told(took)} to load")


def told(seconds: float) -> str:
    """In whole seconds, as the kubelet counts them."""
    return f"{seconds:.0f} s"
