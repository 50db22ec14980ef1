"""What all objects of a rollout share: names, labels, owner, and the mark by which a change of mind is seen.

A child is named by the rollout and the version, so a name never changes its meaning: ``fraud`` at ``2.4.1187`` is
``fraud-2-4-1187`` for as long as it exists. The three numbers at the end make the name unambiguous, whatever dashes
the rollout's own name has. A version has one Deployment, and a Service for each split in which it may get requests, so
that proxies count its answers for each split apart: that for everybody has the plain name, ``fraud-2-4-1187-matched``
is another. It stays unambiguous, because each part of a split's name begins with a letter.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from modelrollout.api.model import Model
from modelrollout.api.route import EVERYBODY
from modelrollout.api.version import ModelVersion
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import API_VERSION, CLUSTER_DOMAIN, GROUP, KIND, ModelRollout
from modelrollout.resource.spec import DeletionPolicy, Spec

Object = dict[str, Any]
"""A Kubernetes object as plain JSON."""

OWNER_LABEL = f"{GROUP}/rollout"
VERSION_LABEL = f"{GROUP}/version"
SPLIT_LABEL = f"{GROUP}/split"
"""Of Services that are not for everybody: the split that they are for."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "modelrollout"
DESIRED_ANNOTATION = f"{GROUP}/desired"
TRAFFIC_MANAGER = "modelrollout-traffic"
SERVING_MANAGER = "modelrollout-serving"
"""Under which name the route is applied."""

NAME_LIMIT = 63
"""Of a Service's name and of a label's value (DNS label, RFC 1035)."""

_DNS_LABEL = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_UNAMBIGUOUS = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
_DIGEST_LENGTH = 10


def child_name(rollout: str, version: str, split: str = EVERYBODY) -> str:
    """Name of the Deployment of one version, and of its Service in a split: ``fraud-2-4-1187-matched``, for everybody
    ``fraud-2-4-1187``. A digest stands for what would make it too long or ambiguous."""
    plain = f"{rollout}-{ModelVersion.parse(version).slug}"
    if split == EVERYBODY:
        return plain
    name = f"{plain}-{split}"
    if len(name) <= NAME_LIMIT and _UNAMBIGUOUS.fullmatch(split):
        return name
    digest = hashlib.sha256(f"{rollout}/{version}/{split}".encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{plain[: NAME_LIMIT - _DIGEST_LENGTH - 2].rstrip('-')}-x{digest}"


def service_host(
    rollout: str, namespace: str, version: str, split: str = EVERYBODY, domain: str = CLUSTER_DOMAIN
) -> str:
    """The version's own host in a split: ``fraud-2-4-1187.prod.svc.cluster.local``."""
    return f"{child_name(rollout, version, split)}.{namespace}.svc.{domain}"


def selector_labels(rollout: str, version: str) -> dict[str, str]:
    """The two labels that tell the pods of one version from all others."""
    return {OWNER_LABEL: rollout, VERSION_LABEL: version}


def labels(rollout: str, version: str | None) -> dict[str, str]:
    """All labels of a child; those of the version only where it belongs to one."""
    common = {
        "app.kubernetes.io/name": rollout,
        MANAGED_BY_LABEL: MANAGED_BY,
        OWNER_LABEL: rollout,
    }
    if version is None:
        return common
    return common | {
        "app.kubernetes.io/instance": child_name(rollout, version),
        "app.kubernetes.io/version": version,
        VERSION_LABEL: version,
    }


def metadata(rollout: ModelRollout, spec: Spec, name: str, version: str | None, split: str = EVERYBODY) -> Object:
    """Metadata of a child. It belongs to the rollout, unless it shall outlive it."""
    of_split = {SPLIT_LABEL: split} if split != EVERYBODY else {}
    fields: Object = {
        "name": name,
        "namespace": rollout.namespace,
        "labels": labels(rollout.name, version) | of_split,
    }
    if spec.deletion_policy is DeletionPolicy.DELETE:
        fields["ownerReferences"] = [owner_reference(rollout)]
    return fields


def owner_reference(rollout: ModelRollout) -> Object:
    """Makes the garbage collector delete the child with its rollout, with no finalizer of ours."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": rollout.name,
        "uid": rollout.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def marked(desired: Object) -> Object:
    """The object with the hash of itself as an annotation.

    A field that we no longer want is not in the desired object, so it cannot be missed by comparing it with the live
    one; the hash of what was wanted last is how that is seen.
    """
    text = json.dumps(desired, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    described = desired["metadata"]
    annotations = {**described.get("annotations", {}), DESIRED_ANNOTATION: digest}
    return {**desired, "metadata": {**described, "annotations": annotations}}


def is_owned_by(live: Mapping[str, Any], rollout: str) -> bool:
    """Whether a live object says that it is a child of this rollout."""
    owner = (live["metadata"].get("labels") or {}).get(OWNER_LABEL)
    return bool(owner == rollout)


def is_ours(live: Mapping[str, Any], rollout: ModelRollout) -> bool:
    """Whether the live VirtualService of the rollout's name is the one that was made for it.

    One replaced by hand (``kubectl replace``, a label taken off) is still ours to restore: its owner says so, or, where
    it has none, its label or who applied it. One that another controller owns is not, whatever its label says.
    """
    described = live["metadata"]
    owners = described.get("ownerReferences") or []
    if any(owner.get("uid") == rollout.uid for owner in owners):
        return True
    ours = (KIND, rollout.name)  # of another uid: made for one of this name that was there before
    if any(owner.get("controller") and (owner.get("kind"), owner.get("name")) != ours for owner in owners):
        return False
    managers = {entry.get("manager") for entry in described.get("managedFields") or []}
    return is_owned_by(live, rollout.name) or TRAFFIC_MANAGER in managers


def models_of(spec: Spec) -> tuple[Model, ...]:
    """Every version that a spec wants, its own model first."""
    return spec.strategy.chosen.models(spec.strategy.settings, spec.model)


def name_problem(rollout: ModelRollout) -> Refusal | None:
    """Why children of this rollout cannot be named, or None. A spec that is wrong has its own message."""
    if not isinstance(rollout.spec, Spec):
        return None
    if not _DNS_LABEL.match(rollout.name):
        return Refusal(
            Reason.INVALID_SPEC,
            f"metadata.name: {rollout.name!r} cannot name a Service; use lower-case letters, digits and dashes, "
            "beginning with a letter",
        )
    return next(filter(None, (_too_long(rollout.name, model.version) for model in models_of(rollout.spec))), None)


def _too_long(rollout: str, version: str) -> Refusal | None:
    name = child_name(rollout, version)
    if len(name) <= NAME_LIMIT:
        return None
    return Refusal(
        Reason.NAME_TOO_LONG,
        f"metadata.name: {name!r}, the Service of version {version}, would have {len(name)} "
        f"characters of at most {NAME_LIMIT}; shorten the rollout's name by {len(name) - NAME_LIMIT}",
    )
