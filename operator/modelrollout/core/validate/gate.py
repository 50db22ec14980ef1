"""The gate before any traffic: an arm that is not validated rises in no split, by no strategy and no command.

An arm that has had requests is past it: what it does with them is judged, by more than was looked at before. So an edit
of ``spec.validation`` in the middle of a release counts for what has had none yet.

First its servers are asked (``update``); then it is in the shadow (``shadow``), if the spec wants that.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Protocol

from modelrollout.api.shadow import Shadow
from modelrollout.api.status import Arm, VersionStatus
from modelrollout.api.validation import SignatureRule, Validation
from modelrollout.core.pass_state import Pass
from modelrollout.core.validate.finding import Verdict
from modelrollout.resource.spec import Spec

LOAD_TIMEOUT, MAX_BLIND, MAX_HOLD = "loadTimeout", "maxBlind", "maxHold"
"""Fields of the spec that end a wait before any traffic."""


class Known(Protocol):
    """What the gate goes by beside the arm: a Pass knows it, and so does who asks what the next one has to look at."""

    @property
    def spec(self) -> Spec:
        """The one to go by."""

    @property
    def control(self) -> VersionStatus | None:
        """The version that serves."""


def asks_anything(settings: Validation, *, first: bool) -> bool:
    """Whether there is anything to look at. ``first``: nothing serves that a version could be compared with."""
    return asks_servers(settings, first=first) or (settings.shadow is not None and not first)


def asks_servers(settings: Validation, *, first: bool) -> bool:
    """Whether there is anything to ask its servers, or of them."""
    limits = settings.infrastructure
    if limits.max_load_time is not None or limits.max_memory_fraction is not None:
        return True
    return settings.samples is not None or (settings.signature is not SignatureRule.IGNORE and not first)


def is_first(spec: Spec, control: VersionStatus | None) -> bool:
    """Whether nothing serves that a version could be compared with, here or where ``validateOnly`` says."""
    return control is None and (spec.validate_only is None or spec.validate_only.against is None)


def digest_of(settings: Validation) -> str:
    """Names what servers were asked for: what was found by other settings does not count."""
    return sha256(settings.model_dump_json(exclude={"shadow"}).encode()).hexdigest()[:16]


def digest_of_shadow(settings: Shadow) -> str:
    """The same of what is compared in the shadow."""
    return sha256(settings.model_dump_json().encode()).hexdigest()[:16]


def shadow_of(spec: Spec, control: VersionStatus | None) -> Shadow | None:
    """What is to be compared in the shadow; None where nothing is, or nothing that would be compared with."""
    return spec.asked_before_traffic.shadow if control is not None and spec.validate_only is None else None


def has_had_requests(arm: Arm) -> bool:
    """A preview's are none."""
    return arm.weight_since is not None or arm.weight > 0


def is_due(spec: Spec, arm: Arm, *, first: bool) -> bool:
    """Whether its server has to be asked: it is loaded, has had no request, and has not passed."""
    settings = spec.asked_before_traffic
    if arm.ready_at is None or has_had_requests(arm) or not asks_servers(settings, first=first):
        return False
    known = arm.validation
    return known.by != digest_of(settings) or not (known.passed or known.failed)


def is_validated(state: Known, arm: Arm) -> bool:
    """Whether nothing stands in the way of its first request, as far as can be seen before it."""
    return is_asked(state, arm) and is_shadowed(state, arm)


def is_asked(state: Known, arm: Arm) -> bool:
    """Whether its servers have shown what is asked of them."""
    settings = state.spec.asked_before_traffic
    if has_had_requests(arm) or not asks_servers(settings, first=is_first(state.spec, state.control)):
        return True
    return arm.validation.passed and arm.validation.by == digest_of(settings)


def is_shadowed(state: Known, arm: Arm) -> bool:
    """Whether its answers were compared, where they are to be."""
    settings = shadow_of(state.spec, state.control)
    return settings is None or has_had_requests(arm) or has_passed_shadow(state, arm)


def has_passed_shadow(state: Known, arm: Arm) -> bool:
    """Whether they were compared and its first request is still to come."""
    settings = shadow_of(state.spec, state.control)
    if settings is None or has_had_requests(arm):
        return False
    return arm.shadow.passed and arm.shadow.by == digest_of_shadow(settings)


def is_in_shadow(state: Known, arm: Arm) -> bool:
    """Whether its answers are to be compared now."""
    if is_shadowed(state, arm) or arm.ready_at is None:
        return False
    return is_asked(state, arm) and failure(state, arm) is None


def failure(state: Known, arm: Arm) -> str | None:
    """What speaks against it, by the settings of now."""
    if has_had_requests(arm):
        return None
    known, shadow = arm.validation, shadow_of(state.spec, state.control)
    if shadow is not None and arm.shadow.failed is not None and arm.shadow.by == digest_of_shadow(shadow):
        return f"in the shadow: {arm.shadow.failed}"
    return known.failed if known.by == digest_of(state.spec.asked_before_traffic) else None


def waiting(state: Known, arm: Arm) -> str | None:
    """What is waited for, in words; None once it is validated."""
    if is_validated(state, arm):
        return None
    if is_asked(state, arm):
        return f"{arm.version} is in the shadow: {arm.shadow.message or 'its comparer is being started'}"
    known = arm.validation
    if known.held is not None and known.by == digest_of(state.spec.asked_before_traffic):
        return f"{arm.version} is held before any traffic: {known.held}"
    return f"{arm.version} is being validated, before any traffic"


def ends_at(state: Pass, arm: Arm) -> float | None:
    """Until when an arm may be held for what nobody could find out; None while something is found out, or requests are
    waited for."""
    if not is_asked(state, arm):
        is_by_these = arm.validation.by == digest_of(state.spec.asked_before_traffic)
        began = arm.validation.since if is_by_these else state.now
        return (began or arm.ready_at or state.now) + state.spec.serving.load_timeout
    if (since := arm.shadow.held_since) is not None:
        return since + longest_unseen(state, arm)
    since = arm.shadow.undecided_since
    return since + state.spec.analysis.max_hold if since is not None else None


def limit_of(state: Known, arm: Arm) -> str | None:
    """The field of the spec that ends the wait of an arm of which nobody could find out; None while something is found
    out, or a person holds it."""
    if is_validated(state, arm) or arm.ready_at is None or arm.paused:
        return None
    if not is_asked(state, arm):
        is_by_these = arm.validation.by == digest_of(state.spec.asked_before_traffic)
        return LOAD_TIMEOUT if is_by_these and arm.validation.held is not None else None
    if arm.shadow.held is not None:
        return LOAD_TIMEOUT if arm.shadow.since is None else MAX_BLIND
    return MAX_HOLD if arm.shadow.undecided_since is not None else None


def longest_unseen(state: Known, arm: Arm) -> float:
    """Seconds for which it may be unknown how an arm answers in the shadow: until its comparer is there, as long as a
    version may take to load."""
    return state.spec.serving.load_timeout if arm.shadow.since is None else state.spec.analysis.max_blind


def open_in_shadow(arm: Arm) -> str:
    """What the spec limits and its answers have not decided, in the words of the checks."""
    return "; ".join(row.message for row in arm.shadow.checks if row.verdict == Verdict.UNKNOWN)
