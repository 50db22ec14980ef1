"""Recipe: what the pods of a version are made from, as a short hash.

By it is known which pods are of an older recipe, whether a version that runs has the settings of the spec, and whether
what could not come up has been put right since.
"""

from __future__ import annotations

import json
from hashlib import sha256

from modelrollout.api.serving import Serving
from modelrollout.resource.spec import Spec

_LENGTH = 16  # hexadecimal digits
_NUMBERS = {"replicas", "autoscaling", "arm_replicas", "load_timeout"}
_NO_PART = _NUMBERS | {"drain"}
_OF_THE_SPEC = {"allow_downgrade"}  # is asked of a spec, and of no version that was accepted


def settings_of(serving: Serving) -> str:
    """Of what in ``spec.serving`` is part of the pods; how many there are and how long they may take is none of it."""
    told = serving.model_dump(mode="json", exclude=_NO_PART, exclude_defaults=True)
    return _hash(told)


def made_from(settings: str, uri: str, digest: str | None) -> str:
    """Of everything: the settings, the model's place, and the digest that the spec declares."""
    return _hash([settings, uri, digest])


def recipe_of(spec: Spec, version: str) -> str | None:
    """Of everything that the spec says of a version now; None where it does not name it."""
    for model in spec.strategy.chosen.models(spec.strategy.settings, spec.model):
        if model.version == version:
            return made_from(settings_of(spec.serving), model.uri, model.digest)
    return None


def pods_of(spec: Spec, version: str) -> str | None:
    """Of the settings alone; None where the spec does not name the version."""
    return settings_of(spec.serving) if recipe_of(spec, version) is not None else None


def word_of(spec: Spec, version: str) -> str | None:
    """Of the same, and of how many pods there are and how long they may take: what had no room or no time may be
    corrected by these, too."""
    recipe = recipe_of(spec, version)
    told = spec.serving.model_dump(mode="json", include=_NUMBERS, exclude_defaults=True)
    return _hash([recipe, told]) if recipe is not None else None


def asked_of(spec: Spec, version: str) -> str | None:
    """Of everything, and of what a version is asked for before any traffic and how long that may take."""
    recipe, times = (
        recipe_of(spec, version),
        (spec.serving.load_timeout, spec.analysis.max_blind, spec.analysis.max_hold),
    )
    asked = spec.asked_before_traffic.model_dump(mode="json", exclude=_OF_THE_SPEC, exclude_defaults=True)
    against = spec.validate_only.against if spec.validate_only is not None else None
    return _hash([recipe, times, asked, against]) if recipe is not None else None


def is_corrected(spec: Spec, version: str, tried: str) -> bool:
    """Whether the spec names a version and says something else of it than when it was tried."""
    now = tuple(word(spec, version) for word in (recipe_of, pods_of, word_of, asked_of))
    return None not in now and tried not in now


def _hash(told: object) -> str:
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:_LENGTH]
