"""Samples on users' way (``strategy.blueGreen.smoke``), before the first request of users: the same checks as of
those that went to a pod, and rows of the same table. What they add is the way: gateway, route and Service lead to this
version.

A set that fails is sent again, as often as ``attempts`` says: the route may need a moment. Then safety takes the arm
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelrollout.api.smoke import Smoke
from modelrollout.api.status import Arm
from modelrollout.api.traffic import MESH
from modelrollout.api.validation import SignatureRule, Validation
from modelrollout.api.validation_status import SmokeStatus
from modelrollout.core.accept.references import by_field, by_request
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.validate.answers import check_answers
from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.form import check_form
from modelrollout.core.validate.golden import check_golden
from modelrollout.core.validate.latency import check_latency
from modelrollout.core.validate.probed import Probed
from modelrollout.core.validate.same_twice import check_same_twice
from modelrollout.core.validate.update import shortened
from modelrollout.core.validate.varied import check_varied

CHECKS = (check_answers, check_form, check_golden, check_same_twice, check_varied, check_latency)
ROW = "smoke "  # what the names of the checks here begin with


def update_smoke(state: Pass) -> Pass:
    """Every arm whose answers have come back."""
    check = state.strategy.smoke(state.settings)
    for arm in state.status.arms:
        probed = state.seen.smoke.get(arm.version)
        if check is not None and probed is not None and not (arm.smoke.passed or arm.paused):
            state = _smoked(state, arm, check.requests, probed)
    return state


def _smoked(state: Pass, arm: Arm, settings: Smoke, probed: Probed) -> Pass:
    """What could not be sent, or did not come as far as the arm, is no attempt."""
    field = f"spec.strategy.{state.strategy.name}.smoke"
    found = _findings(arm, settings, replace(probed, unsent=by_field(probed.unsent, settings, field)))
    findings = [
        replace(item, message=by_request(item.message, settings, field, failed=item.verdict is Verdict.FAIL))
        for item in found
    ]
    failed = "; ".join(item.message for item in findings if item.verdict is Verdict.FAIL)
    held = "; ".join(item.message for item in findings if item.holds)
    if held and not failed:
        smoke = arm.smoke.model_copy(update={"at": state.now, "obstacle": held})
        return state.change_arm(arm.version, smoke=smoke)
    attempts, words = arm.smoke.attempts + 1, f"{_way(state)}: {failed}" if failed else None
    smoke = SmokeStatus(passed=not failed, attempts=attempts, at=state.now, failed=words)
    others = (row for row in arm.validation.checks if not row.check.startswith(ROW))
    rows = (*others, *(item.row for item in findings))
    state = state.change_arm(arm.version, smoke=smoke, validation=arm.validation.model_copy(update={"checks": rows}))
    return _tell(state, state.arm(arm.version), settings, findings)


def _way(state: Pass) -> str:
    """Where the requests entered: a person looks for the fault there as well."""
    return "through the mesh" if set(state.spec.traffic.gateways) == {MESH} else "through the gateway"


def _findings(arm: Arm, settings: Smoke, probed: Probed) -> Sequence[Finding]:
    """Nobody has to know the signature for them: where it is not known the form is not looked at."""
    asked = Validation(signature=SignatureRule.IGNORE, samples=settings.samples)
    case = Case(asked, arm.version, None, replace(probed, signatures=arm.signatures))
    checks = [check for check in CHECKS if check is not check_form or arm.signatures is not None]
    found = [shortened(finding) for check in checks if (finding := check(case)) is not None]
    return [replace(finding, check=f"{ROW}{finding.check}") for finding in found]


def _tell(state: Pass, arm: Arm, settings: Smoke, findings: Sequence[Finding]) -> Pass:
    smoke = arm.smoke
    if smoke.passed:
        doubtful = any(item.verdict is not Verdict.PASS for item in findings)
        words = "; ".join(f"{item.check}: {item.message}" for item in findings)
        return state.say(Reason.SMOKE_PASSED, f"{arm.version}, {_way(state)}: {words}", warning=doubtful)
    if smoke.attempts >= settings.attempts:
        return state  # safety takes it from here, and tells
    tried = f"attempt {smoke.attempts} of {settings.attempts}"
    return state.say(Reason.SMOKE_FAILED, f"{arm.version} {smoke.failed} ({tried}); sent again", warning=True)
