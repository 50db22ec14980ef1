"""Which versions of a model are wanted, by the numbered folders below its base path and its version policy.

As TensorFlow Serving's file_system_storage_path_source.cc: names are read as numbers (00000123 is 123, others
are passed over), a completeness check does not exist, and a missing base path ends the whole poll, not just
that model's.
"""

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from e2e.tensorflow_serving.status import invalid

log = logging.getLogger(__name__)
_NUMBER = re.compile(r"\s*[+-]?\d+\s*")
Aspired = dict[str, dict[int, str]]
"""For each model the path of every version that should serve."""


def aspired_versions(models: Iterable[Any]) -> Aspired:
    """The wanted versions of all models of a ModelConfigList, from the file system as it is now.

    Raises ServingError (INVALID_ARGUMENT) if any base path is missing.
    """
    return {model.name: _aspired(model) for model in models}


def _aspired(model: Any) -> dict[int, str]:
    base = Path(model.base_path)
    if not base.exists():
        raise invalid(
            f"Could not find base path {base} for servable {model.name} with error NOT_FOUND: {base} not found"
        )
    found = _numbered(base)
    chosen = _chosen(model, found)
    if not chosen:
        log.warning(
            "No versions of servable %s found under base path %s. Did you forget to name your leaf directory as a"
            " number (eg. '/1/')?",
            *(model.name, base),
        )
    return {version: str(base / found[version]) for version in chosen}


def _chosen(model: Any, found: dict[int, str]) -> list[int]:
    policy = model.model_version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            return sorted(found)
        case "specific":
            for version in sorted(set(policy.specific.versions) - found.keys()):
                log.warning(
                    "Version %d of servable %s, which was requested to be served as a 'specific' version in the"
                    " servable's version policy, was not found in the file system",
                    *(version, model.name),
                )
            return sorted(set(policy.specific.versions) & found.keys())
        case _:
            return sorted(found)[-max(policy.latest.num_versions, 1) :]


def _numbered(base: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for name in sorted(child.name for child in base.iterdir()):
        if not _NUMBER.fullmatch(name):
            continue
        version = int(name)
        if version in found:
            log.warning(
                "Duplicate version directories detected. Version %d will be loaded from %s, %s will be ignored.",
                *(version, name, found[version]),
            )
        found[version] = name
    return found
