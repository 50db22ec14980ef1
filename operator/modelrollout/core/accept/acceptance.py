"""Which spec to go by: the new one when it is in order, else the last one that was.

A wrong spec must cost nothing: the stable version serves on, and a candidate that already has traffic is still judged
by the spec that was accepted for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from modelrollout.api.status import Status, VersionStatus
from modelrollout.api.version import ModelVersion
from modelrollout.core.observation import Observation, Refusal
from modelrollout.core.observed.places import is_same_model
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import ModelRollout, SpecError, parse_accepted
from modelrollout.resource.spec import Spec
from modelrollout.strategies import STRATEGIES

RESOLVED_REFS = "ResolvedRefs"
"""The condition that all that a spec names is there, as Gateway API calls it."""


def accept(rollout: ModelRollout, seen: Observation) -> tuple[Spec | None, Refusal | None]:
    """The spec to go by (None: none was ever accepted) and why the newest one is not it (None: it is)."""
    refusal = refuse(rollout, seen)
    if refusal is None and isinstance(rollout.spec, Spec):
        return rollout.spec, None
    return back_to_stable(rollout, last_accepted(rollout.status) or noted(rollout, seen)), refusal


def noted(rollout: ModelRollout, seen: Observation) -> Spec | None:
    """The spec that a trial was judged by when the status was lost, by the note beside the route."""
    if seen.note is None or seen.note.spec is None:
        return None
    try:
        found = parse_accepted({"acceptedSpec": json.loads(seen.note.spec)})
    except ValueError:
        return None
    return _as_admitted(found, rollout.spec) if found is not None else None


def _as_admitted(found: Spec, newest: Spec | SpecError) -> Spec:
    """What the API server lets people write into a ModelRollout it did not look at in the note: whoever may write
    VirtualServices may write one. So what else runs in pods, and as whom, is none of it. Pods that are up stay as their
    Deployments say."""
    allowed = {"template": newest.serving.template, "image": newest.serving.image} if isinstance(newest, Spec) else {}
    return found.model_copy(update={"serving": found.serving.model_copy(update={"template": None, **allowed})})


def back_to_stable(rollout: ModelRollout, accepted: Spec | None) -> Spec | None:
    """The accepted spec; with stable's model in it when the newest spec names that one. Whatever else is wrong with the
    newest, who goes back to what serves anyway needs nothing that could be refused."""
    newest, stable = rollout.spec, rollout.status.stable
    if accepted is None or stable is None or not isinstance(newest, Spec) or newest.model.version != stable.version:
        return accepted
    known = {"version": stable.version, "uri": stable.uri, "digest": stable.pinned}
    return accepted.model_copy(update={"model": accepted.model.model_copy(update=known)})


def refuse(rollout: ModelRollout, seen: Observation) -> Refusal | None:
    """Why the newest spec cannot be accepted, the nearest cause first."""
    if isinstance(rollout.spec, SpecError):
        return Refusal(Reason.INVALID_SPEC, rollout.spec.message)
    spec, status = rollout.spec, rollout.status
    return (
        validates_what_serves(spec, status)
        or changed_identity(spec, status)
        or changed_place(spec, status)
        or changed_strategy(spec, status)
        or downgrade(spec, status)
        or seen.refusal
    )


def validates_what_serves(spec: Spec, status: Status) -> Refusal | None:
    """What only validates never serves: an object that does is another one."""
    if spec.validate_only is None or status.stable is None:
        return None
    message = f"spec.validateOnly: {status.stable.version} serves here; validate by a ModelRollout of another name"
    return Refusal(Reason.INVALID_SPEC, message)


def is_accepted(status: Status, generation: int) -> bool:
    """Whether this generation of the spec has been accepted already."""
    accepted = any(item.type == "Accepted" and item.status == "True" for item in status.conditions)
    return accepted and status.observed_generation == generation


def is_unresolved(status: Status) -> bool:
    """Whether something that the spec names was not there, or nobody knows: it may have come since."""
    return any(item.type == RESOLVED_REFS and item.status != "True" for item in status.conditions)


def last_accepted(status: Status) -> Spec | None:
    """The last spec that was accepted, from the status."""
    return parse_accepted(status)


def changed_identity(spec: Spec, status: Status) -> Refusal | None:
    """A version is immutable: the same version with another digest is refused."""
    for field, model in spec.versions():
        for version, digest in known_digests(status):
            if version == model.version and model.digest and digest and digest != model.digest:
                return Refusal(
                    Reason.DIGEST_CHANGED,
                    f"{field}.digest: version {version} is already known with digest {digest}, not {model.digest}; "
                    "a version never changes: give the new model a new version",
                )
    return None


def changed_place(spec: Spec, status: Status) -> Refusal | None:
    """The spec's version that has come up is where it was fetched from; another place may hold another model, unless
    the spec declares the digest that it is known by. Further versions of a strategy that serve already stay as well,
    whatever place is written beside them."""
    model = spec.model
    item = next((item for item in settled_versions(status) if item.version == model.version), None)
    if item is None or item.uri == model.uri or is_same_model(item, model):
        return None
    ways = ["give the new model a new version"]
    if item.digest is not None:
        ways.insert(0, f"declare digest {item.digest} if it is the same model, and its pods move")
    said = f"spec.model.uri: version {item.version} was made from {item.uri}, not {model.uri}: {', or '.join(ways)}"
    return Refusal(Reason.URI_CHANGED, said)


def settled_versions(status: Status) -> Iterator[VersionStatus]:
    """Versions that are deployed and have come up: what they are is known."""
    if status.stable is not None:
        yield status.stable
    yield from (arm for arm in status.arms if arm.ready_at is not None)


def known_digest(status: Status, version: str) -> str | None:
    """What a version was when it was last fetched, as far as the status remembers it."""
    return next((digest for name, digest in known_digests(status) if name == version and digest), None)


def changed_strategy(spec: Spec, status: Status) -> Refusal | None:
    """The steps of a release may be edited under way; another kind of strategy would make its weights jump."""
    trial, wanted = status.trial, spec.strategy.name
    if trial is None or trial.strategy == wanted:
        return None
    models = {model.version for model in spec.strategy.chosen.models(spec.strategy.settings, spec.model)}
    staying = [arm.version for arm in trial.arms if arm.version in models]
    if not staying:
        return None
    names, one = " and ".join(staying), len(staying) == 1
    under_way = (
        f"while {names} {'is' if one else 'are'} being released; wait for the end, or abort {'it' if one else 'them'}"
    )
    if not has_end(trial.strategy):
        under_way = f"while {names} {'has' if one else 'have'} a share; abort {'it' if one else 'them'} first"
    return Refusal(
        Reason.STRATEGY_CHANGED, f"spec.strategy: cannot change from {trial.strategy} to {wanted} {under_way}"
    )


def downgrade(spec: Spec, status: Status) -> Refusal | None:
    """A version below the one that serves, or of an earlier run, is a mistake more often than not, unless it is known
    here: who goes back to what served is not asked why. Where several take part, an older one may be meant to."""
    control, version = status.stable, spec.model.version
    if control is None or spec.asked_before_traffic.allow_downgrade:
        return None
    several = len(spec.strategy.chosen.models(spec.strategy.settings, spec.model)) > 1
    if several or version in known_versions(status):
        return None
    why = backwards(spec.model.parsed_version, ModelVersion.parse(control.version))
    if why is None:
        return None
    way_out = "release the model as a higher version, or set spec.validation.allowDowngrade to true"
    return Refusal(Reason.DOWNGRADE, f"spec.model.version: {why}; {way_out}")


def backwards(new: ModelVersion, old: ModelVersion) -> str | None:
    """What of a version goes back, in words. MINOR begins anew with a higher MAJOR; the number of the pipeline run does
    not: a lower one is an older model, whatever stands before it."""
    if new < old:
        return f"{new} is below {old}, which serves, and never served here"
    if new.pipeline < old.pipeline:
        return f"PIPELINE {new.pipeline} of {new} is below that of {old}, which serves: the run is an older one"
    return None


def known_versions(status: Status) -> set[str]:
    """Those that were begun here and not forgotten, and those that have served."""
    begun = {arm.version for arm in status.arms} | {item.version for item in status.retiring}
    withheld = {item.version for item in status.withheld}
    served = {item.version for item in status.history if item.outcome in ("Installed", "Promoted", "Undone")}
    return begun | withheld | served


def has_end(strategy: str) -> bool:
    """Whether releases by this strategy come to an end by themselves. What was never judged has none."""
    return strategy not in STRATEGIES or STRATEGIES[strategy].judges


def known_digests(status: Status) -> Iterator[tuple[str, str | None]]:
    """Every version that the status remembers, with its digest. What is only declared of one that has not come up yet
    may be put right."""
    yield from ((item.version, item.digest) for item in settled_versions(status))
    yield from ((arm.version, arm.digest) for arm in status.arms if arm.ready_at is None and arm.pinned is None)
    yield from ((item.version, item.digest) for item in status.retiring)
    yield from ((item.version, item.digest) for item in status.withheld)
    yield from ((item.version, item.digest) for item in status.history)
    yield from ((item.version, item.digest) for item in status.identities)
