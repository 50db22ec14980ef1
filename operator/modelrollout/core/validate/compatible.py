"""The check of the signatures: callers of the control can call the arm, or its MAJOR says that they cannot."""

from __future__ import annotations

from modelrollout.api.validation import SignatureRule
from modelrollout.api.version import ModelVersion
from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.signature import additions, differences

NAME = "signature"
DIFFERENCES_TOLD = 3


def check_signature(case: Case) -> Finding | None:
    """None where nobody looks, or nothing serves that it could be compared with."""
    probed, rule = case.probed, case.settings.signature
    if rule is SignatureRule.IGNORE or case.control is None:
        return None
    required = rule is SignatureRule.REQUIRE_MAJOR_BUMP
    if probed.signatures is None or probed.of_control is None:
        why = probed.unread or "the servers have not answered"
        return Finding(NAME, Verdict.UNKNOWN, f"the signatures cannot be compared: {why}", holds=required)
    found = [difference.words for difference in differences(probed.of_control, probed.signatures)]
    if not found:
        added = additions(probed.of_control, probed.signatures)
        more = f"; new: {_told(added)}" if added else ""
        return Finding(NAME, Verdict.PASS, f"callers of {case.control} can call it{more}")
    old, new = ModelVersion.parse(case.control), ModelVersion.parse(case.version)
    if new.major > old.major:
        message = f"callers of {case.control} cannot call it, as MAJOR {new.major} says: {_told(found)}"
        return Finding(NAME, Verdict.PASS, message)
    message = f"callers of {case.control} cannot call it: {_told(found)}"
    if not required:
        return Finding(NAME, Verdict.REPORTED, message)
    way_out = f"release it as {old.major + 1}.0.{new.pipeline} if that is meant, or export the signature as it was"
    return Finding(NAME, Verdict.FAIL, f"{message}; {way_out}")


def _told(words: list[str]) -> str:
    more = len(words) - DIFFERENCES_TOLD
    return "; ".join(words[:DIFFERENCES_TOLD]) + (f"; and {more} more" if more > 0 else "")
