"""What the servers said, into the status: the verdict of every check, and the signatures for the next release."""

from __future__ import annotations

import json
from dataclasses import replace

from modelrollout.api.base import to_json
from modelrollout.api.signature import Signatures
from modelrollout.api.status import Arm
from modelrollout.api.validation_status import ValidationStatus
from modelrollout.core.accept.references import SAMPLES, by_field, by_request
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.validate.agreement import check_agreement
from modelrollout.core.validate.answers import check_answers
from modelrollout.core.validate.compatible import check_signature
from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.form import check_form
from modelrollout.core.validate.gate import digest_of, is_due, is_first, is_shadowed
from modelrollout.core.validate.golden import check_golden
from modelrollout.core.validate.latency import check_latency
from modelrollout.core.validate.load import check_load_time
from modelrollout.core.validate.memory import check_memory
from modelrollout.core.validate.probed import Probed
from modelrollout.core.validate.same_twice import check_same_twice
from modelrollout.core.validate.stable import check_stable
from modelrollout.core.validate.varied import check_varied

CHECKS = (
    check_stable,
    check_load_time,
    check_signature,
    check_answers,
    check_form,
    check_golden,
    check_agreement,
    check_same_twice,
    check_varied,
    check_latency,
    check_memory,
)
"""In the order in which they are told: a new check is one file and one line here."""
KEPT_BYTES = 8192  # of signatures in the status; larger ones are read again when they are needed
MESSAGE_LENGTH = 1000  # characters of what one check says: names come from a server, which may say anything


def update_validation(state: Pass) -> Pass:
    """Every arm whose servers have answered, or could not be asked."""
    for arm in state.status.arms:
        if not is_due(state.spec, arm, first=is_first(state.spec, state.control)):
            continue
        state, probed = _begun(state, arm), state.seen.validation.get(arm.version)
        if probed is not None:
            state = _tell(_judged(_remembered(state, arm, probed), arm, probed), arm)
    return state


def _begun(state: Pass, arm: Arm) -> Pass:
    """By other settings everything is looked at anew, and has its time."""
    digest = digest_of(state.spec.asked_before_traffic)
    if arm.validation.by == digest:
        return state
    return state.change_arm(arm.version, validation=ValidationStatus(by=digest, since=state.now))


def _remembered(state: Pass, arm: Arm, probed: Probed) -> Pass:
    """The signatures of both versions, as long as they are small."""
    if probed.signatures is not None:
        state = state.change_arm(arm.version, signatures=kept(probed.signatures))
    control = state.control
    if control is not None and control.signatures is None and probed.of_control is not None:
        state = state.change(stable=control.model_copy(update={"signatures": kept(probed.of_control)}))
    return state


def kept(signatures: Signatures) -> Signatures | None:
    """None when they would fill the status."""
    written = json.dumps({name: to_json(signature) for name, signature in signatures.items()})
    return signatures if len(written) <= KEPT_BYTES else None


def _judged(state: Pass, arm: Arm, probed: Probed) -> Pass:
    settings, control = state.spec.asked_before_traffic, state.control
    if control is not None and probed.of_control is None:
        probed = replace(probed, of_control=control.signatures)
    probed = replace(probed, unsent=by_field(probed.unsent, settings.samples, SAMPLES))
    took = arm.load_seconds if arm.load_seconds is not None else state.workload(arm.version).load_seconds
    case = Case(settings, arm.version, control.version if control is not None else probed.control, probed, took)
    found = [finding for check in CHECKS if (finding := check(case)) is not None]
    findings = [
        replace(item, message=by_request(item.message, settings.samples, SAMPLES, failed=item.verdict is Verdict.FAIL))
        for item in found
    ]
    failed = [item.message for item in findings if item.verdict is Verdict.FAIL]
    held = [item.message for item in findings if item.holds]
    outcome = ValidationStatus(
        passed=not failed and not held,
        by=digest_of(settings),
        since=state.arm(arm.version).validation.since,
        failed=_short("; ".join(failed)) if failed else None,
        held=_short("; ".join(held)) if held and not failed else None,
        checks=tuple(shortened(item).row for item in findings),
    )
    return state.change_arm(arm.version, validation=outcome)


def _tell(state: Pass, before: Arm) -> Pass:
    """Events of what is new. A failure is told by safety, which takes the arm out in this very pass."""
    now, version = state.arm(before.version).validation, before.version
    if now.failed is not None:
        return state
    if now.held is not None:
        told = now.held == before.validation.held
        message = f"{version}: {now.held}; it gets no request before that is known"
        return state if told else state.say(Reason.VALIDATION_HELD, message, warning=True, cause=version)
    if state.spec.validate_only is not None:
        return state  # the end of it is told in this very pass, with the same words
    doubtful = any(item.verdict != Verdict.PASS for item in now.checks)
    words = "; ".join(f"{item.check}: {item.message}" for item in now.checks)
    goes_on = "may get requests" if is_shadowed(state, before) else "is compared in the shadow next"
    return state.say(Reason.VALIDATED, f"{version} {goes_on}: {words}", warning=doubtful)


def shortened(finding: Finding) -> Finding:
    """What one check may say in the status."""
    return Finding(finding.check, finding.verdict, _short(finding.message), finding.holds)


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_LENGTH else f"{text[: MESSAGE_LENGTH - 1]}…"
