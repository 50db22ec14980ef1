"""What arms show before their first request of a user: to questions, to copies of requests, to smoke requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from modelrollout.adapters.cluster import PODS, Object
from modelrollout.core.plan import Questions
from modelrollout.core.validate.gate import digest_of
from modelrollout.core.validate.probed import Probed
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.given_samples import NotSent
from modelrollout.runtime.memory_limits import measured
from modelrollout.runtime.observer import Observer, guarded
from modelrollout.runtime.pods import brought
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.shadowing import Asked, Seen, absence
from modelrollout.runtime.smoke_way import smoke_way
from modelrollout.runtime.validating import Inquiry, Server
from modelrollout.runtime.workloads import addresses, ready_pods
from modelrollout.runtime.world import Snapshot
from modelrollout.strategies.base import SmokeCheck


async def before_traffic(
    rollout: ModelRollout, snapshot: Snapshot, asked: Questions, observer: Observer
) -> tuple[Mapping[str, Probed], Mapping[str, Probed], Seen]:
    """What arms show before their first request of a user."""
    return await asyncio.gather(
        guarded("smoke requests", partial(_smoke, rollout, asked, observer), lambda words: _not_sent(asked, words)),
        guarded("validation", partial(_validation, rollout, snapshot, asked, observer), lambda words: {}),
        guarded("comparer", partial(_compared, rollout, snapshot, asked, observer), lambda words: Seen(trouble=words)),
    )


async def _validation(
    rollout: ModelRollout, snapshot: Snapshot, asked: Questions, observer: Observer
) -> Mapping[str, Probed]:
    """What the servers of the arms that are to be validated said, by version; nothing of those that have not yet."""
    key, spec = (rollout.namespace, rollout.name), asked.spec
    observer.validations.keep_only(key, asked.validation)
    if spec is None or not asked.validation:
        return {}
    pods, stable, settings = list(snapshot.of(PODS).values()), rollout.status.stable, spec.asked_before_traffic
    samples = settings.samples
    compared = samples is not None and samples.agreement is not None
    ask_control = stable is not None and (compared or stable.signatures is None)
    control = _server(pods, stable.version) if stable is not None and ask_control else None
    against = spec.validate_only.against if spec.validate_only is not None else None
    weighed = settings.infrastructure.max_memory_fraction is not None
    inquiries = [
        Inquiry(
            namespace=rollout.namespace,
            model=spec.model.name,
            settings=digest_of(settings),
            arm=_server(pods, arm),
            control=control,
            samples=samples,
            against=against,
            memory=measured(rollout.namespace, pods, arm) if weighed else None,
        )
        for arm in asked.validation
    ]
    found = await asyncio.gather(*(observer.validations.of(key, inquiry) for inquiry in inquiries))
    return {arm: probed for arm, probed in zip(asked.validation, found, strict=True) if probed is not None}


async def _compared(rollout: ModelRollout, snapshot: Snapshot, asked: Questions, observer: Observer) -> Seen:
    """What the trial's comparer has counted. Nothing where there is none to be asked."""
    key = (rollout.namespace, rollout.name)
    if asked.shadow is None or asked.control is None:
        observer.comparisons.forget(key)
        return Seen()
    absent = absence(snapshot, rollout.name, observer.clock())
    if absent is not None:
        return Seen(trouble=absent)
    seen = await observer.comparisons.of(key, Asked((*key, asked.shadow), asked.control, asked.arms))
    return replace(seen, mirrors=True)


def _server(pods: Sequence[Object], version: str) -> Server:
    told = (brought(pod) for pod in ready_pods(pods, version))
    return Server(version, addresses(pods, version), next((found for found in told if found), None))


async def _smoke(rollout: ModelRollout, asked: Questions, observer: Observer) -> Mapping[str, Probed]:
    """The answers through the mesh of every arm that is to be asked so, by version; nothing of those that have not."""
    key, spec = (rollout.namespace, rollout.name), asked.spec
    observer.smokes.keep_only(key, asked.smoke)
    check = spec.strategy.chosen.smoke(spec.strategy.settings) if spec is not None and asked.smoke else None
    if spec is None or check is None:
        return {}
    try:
        inquiries = [_through_mesh(rollout, spec, check, version, observer.settings) for version in asked.smoke]
    except NotSent as error:
        return _not_sent(asked, str(error))
    found = await asyncio.gather(*(observer.smokes.of(key, inquiry) for inquiry in inquiries))
    return {version: probed for version, probed in zip(asked.smoke, found, strict=True) if probed is not None}


def _through_mesh(rollout: ModelRollout, spec: Spec, check: SmokeCheck, version: str, settings: Settings) -> Inquiry:
    """Another attempt is another question. Raises NotSent."""
    arm = rollout.status.arm(version)
    return Inquiry(
        namespace=rollout.namespace,
        model=spec.model.name,
        settings=f"{check.requests.model_dump_json()} {arm.smoke.attempts if arm is not None else 0}",
        arm=Server(version),
        control=None,
        samples=check.requests.samples,
        mesh=smoke_way(rollout, spec, settings, check.header, version),
    )


def _not_sent(asked: Questions, words: str) -> Mapping[str, Probed]:
    """No arm is at fault when its requests could not even be sent."""
    return {version: Probed(unsent=words) for version in asked.smoke}
