"""The check of memory: a model server that fills its limit is killed by what it needs on its next busy day."""

from __future__ import annotations

from modelrollout.core.validate.finding import Case, Finding, Verdict

NAME = "memory"
MIB = 1024 * 1024


def check_memory(case: Case) -> Finding | None:
    """None where nobody wants to know."""
    allowed, found = case.settings.infrastructure.max_memory_fraction, case.probed.memory
    if allowed is None:
        return None
    if not found:
        why = case.probed.unmeasured or "Prometheus has not answered"
        return Finding(NAME, Verdict.UNKNOWN, f"it is not known how much memory its server needs: {why}", holds=True)
    worst = max(found, key=lambda item: item.used / item.limit)
    share = worst.used / worst.limit
    message = f"{worst.pod} has {_mib(worst.used)} of {_mib(worst.limit)} of memory in use ({_percent(share)})"
    if share > allowed:
        return Finding(NAME, Verdict.FAIL, f"{message}, maxMemoryFraction is {allowed:g}")
    return Finding(NAME, Verdict.PASS, message)


def _mib(size: float) -> str:
    return f"{size / MIB:.0f} MiB"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
