"""What the objects of a version take from the installation and not from the ModelRollout.

It is written down in the Deployment when its pods are made: an upgrade of the operator brings another image for the
fetcher, and must not restart every model in the cluster for it (``kept.py``).
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from modelrollout.api.model import Model
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import GROUP
from modelrollout.resource.spec import Spec

FILE_SCHEME = "file://"
_LATER = ("fetch_user", "fetch_memory")
PLATFORM_ANNOTATION = f"{GROUP}/platform"


@dataclass(frozen=True, slots=True)
class Platform:
    """``fetch_image`` is the operator's own image; ``file_root`` the only folder of a node that file:// may name
    (None: file:// is not allowed); ``fetch_max_bytes`` and ``fetch_timeout`` (seconds) bound one fetch; ``fetch_user``
    is who fetches over the network, where the pods' own user has none yet (``side_car.py``), and ``fetch_memory`` the
    fetcher's limit, a Kubernetes quantity."""

    fetch_image: str
    fetch_image_pull_policy: str = "IfNotPresent"
    file_root: str | None = None
    fetch_max_bytes: int = 20 * 1024**3
    fetch_timeout: float = 1800.0
    fetch_user: int | None = None
    fetch_memory: str | None = None

    def to_annotation(self) -> str:
        """As JSON. What came later is left out where it is None, so that Deployments from before are as they are
        wanted."""
        known = asdict(self)
        return json.dumps({name: known[name] for name in known if known[name] or name not in _LATER}, sort_keys=True)

    @classmethod
    def of(cls, deployment: Mapping[str, Any]) -> Platform | None:
        """What a Deployment was made with; None when it does not say so."""
        text = (deployment["metadata"].get("annotations") or {}).get(PLATFORM_ANNOTATION, "")
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


def file_root_problem(spec: Spec, platform: Platform) -> Refusal | None:
    """Why a file:// model may not be read from its node, or None."""
    return next(filter(None, (_file_problem(field, model, platform) for field, model in spec.versions())), None)


def _file_problem(field: str, model: Model, platform: Platform) -> Refusal | None:
    uri = model.uri
    if not uri.startswith(FILE_SCHEME):
        return None
    if platform.file_root is None:
        return Refusal(
            Reason.FILE_ROOT,
            f"{field}.uri: {uri} is a path of a node, and this installation allows none; use pvc:// or https://, "
            "or ask for the chart's value fileRoot (the operator's setting MODELROLLOUT_FILE_ROOT)",
        )
    path = posixpath.normpath(uri.removeprefix(FILE_SCHEME))
    if path == posixpath.normpath(platform.file_root):
        return Refusal(
            Reason.FILE_ROOT,
            f"{field}.uri: {uri} is the folder itself that this installation allows; name the model's folder below it",
        )
    if below(path, platform.file_root) is None:
        return Refusal(
            Reason.FILE_ROOT,
            f"{field}.uri: {uri} is outside of {platform.file_root}, the only folder of a node that this "
            "installation allows; move the model there",
        )
    return None


def below(path: str, root: str) -> str | None:
    """The part of ``path`` below ``root`` (``fraud/1187``), or None when it is not below it."""
    relative = posixpath.relpath(posixpath.normpath(path), posixpath.normpath(root))
    outside = relative == "." or relative == ".." or relative.startswith("../")
    return None if outside else relative
