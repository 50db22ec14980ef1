"""The check of latency: after the warm-up no sample takes longer than ``maxLatency``. Cold and warm are told either
way: the first users of a model that was never called wait for the cold one."""

from __future__ import annotations

from modelrollout.api.base import format_duration
from modelrollout.core.validate.finding import Case, Finding, Verdict

NAME = "latency"


def check_latency(case: Case) -> Finding | None:
    """None without samples."""
    samples, sent = case.settings.samples, case.answered
    if samples is None or sent is None:
        return None
    slowest = max((*sent.first, *sent.second), key=lambda answer: answer.seconds, default=None)
    if slowest is None:
        return None
    cold = f"; the first request of all took {_shown(sent.cold)}" if sent.cold is not None else ""
    limit = samples.max_latency
    if limit is not None and slowest.seconds > limit:
        message = f"{slowest.sample} took {_shown(slowest.seconds)}, maxLatency is {format_duration(limit)}{cold}"
        return Finding(NAME, Verdict.FAIL, message)
    return Finding(NAME, Verdict.PASS, f"the slowest answer took {_shown(slowest.seconds)}{cold}")


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
