"""``ModelRollout.spec`` as types. One model for each part; the CRD is generated from them.

A field that does nothing yet is not here. What a user can get wrong in one field is refused by the field's own type;
what takes two fields to see is refused by the validators below, and by the same rule in CEL at apply time where CEL
can say it (``schema.py``).
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from modelrollout.api.analysis import Analysis
from modelrollout.api.base import Duration, SpecModel
from modelrollout.api.strategy import BlueGreen, Canary
from modelrollout.api.version import VERSION_PATTERN, ModelVersion

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
HOST_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
URI_SCHEMES = ("pvc", "file", "https")


class Model(SpecModel):
    """The model and the version of it that shall serve. Changing ``version`` starts a release."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$",
        description="TensorFlow Serving's model name: the last part of /v1/models/NAME.",
    )
    version: str = Field(
        pattern=VERSION_PATTERN,
        max_length=34,
        description="MAJOR.MINOR.PIPELINE, for example 2.4.1187.",
    )
    uri: str = Field(
        min_length=1,
        max_length=1024,
        description="Where the SavedModel directory is: pvc://CLAIM/PATH, file:///PATH (below a root that the "
        "operator allows) or https://HOST/PATH.tar.gz.",
    )
    digest: str | None = Field(
        default=None,
        pattern=DIGEST_PATTERN,
        description="sha256: of the model's sorted file manifest. Without it, the digest is recorded at the first "
        "fetch and holds from then on.",
    )

    @field_validator("uri")
    @classmethod
    def _uri_is_known(cls, uri: str) -> str:
        parts = urlsplit(uri)
        if parts.scheme not in URI_SCHEMES:
            raise ValueError(f"scheme {parts.scheme!r} of {uri!r} is unknown; use pvc://, file:// or https://")
        if ".." in parts.path.split("/"):
            raise ValueError(f"{uri!r} climbs out of its volume; remove the '..'")
        if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
            raise ValueError(f"{uri!r} must have three slashes and an absolute path: file:///models/fraud/1187")
        if parts.scheme != "file" and not parts.netloc:
            raise ValueError(f"{uri!r} names no {'claim' if parts.scheme == 'pvc' else 'host'}")
        return uri

    @property
    def parsed_version(self) -> ModelVersion:
        """The version as numbers."""
        return ModelVersion.parse(self.version)


class Serving(SpecModel):
    """How each version is served: one Deployment and one Service of its own for each version."""

    image: str = Field(default="tensorflow/serving:2.19.1", min_length=1, max_length=512)
    image_pull_policy: str = Field(default="IfNotPresent", pattern="^(Always|IfNotPresent|Never)$")
    replicas: int = Field(default=1, ge=1, le=1000, description="Pods of each version that has traffic.")
    resources: dict[str, Any] | None = Field(
        default=None, description="Of the serving container, as in a Pod: requests and limits."
    )
    args: tuple[str, ...] = Field(default=(), max_length=64, description="Further flags of tensorflow_model_server.")
    template: dict[str, Any] | None = Field(
        default=None,
        description="A partial pod template (metadata, spec), merged over the operator's own: lists of containers, "
        "volumes and variables by name, everything else replaced.",
    )
    load_timeout: Duration = Field(default=600.0, description="A version that is not ready after this time has failed.")
    drain: Duration = Field(
        default=20.0, description="Time between the last request routed to a version and the end of its pods."
    )


class StringMatch(SpecModel):
    """How a header must look. Exactly one of the three."""

    exact: str | None = Field(default=None, max_length=512)
    prefix: str | None = Field(default=None, max_length=512)
    regex: str | None = Field(default=None, max_length=512, description="RE2, the whole value.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.exact, self.prefix, self.regex)) != 1:
            raise ValueError("give exactly one of exact, prefix and regex")
        return self


class RequestMatch(SpecModel):
    """Requests that a rule is for. All the given headers must match."""

    headers: dict[str, StringMatch] = Field(min_length=1, max_length=16)


class Retries(SpecModel):
    """Retries by the mesh, as in a VirtualService."""

    attempts: int = Field(default=0, ge=0, le=10)
    per_try_timeout: Duration | None = None
    retry_on: str | None = Field(
        default=None, max_length=256, description="For example connect-failure,refused-stream."
    )


class Traffic(SpecModel):
    """Which requests the rollout routes, and who may see the candidate."""

    hosts: tuple[str, ...] = Field(min_length=1, max_length=16)
    gateways: tuple[str, ...] = Field(
        default=("mesh",), min_length=1, max_length=16, description="NAMESPACE/NAME of Gateways, or mesh."
    )
    match: tuple[RequestMatch, ...] = Field(
        default=(),
        max_length=16,
        description="Only requests that match one of these may see the candidate; weights hold among them. "
        "Empty: all requests.",
    )
    retries: Retries = Field(
        default=Retries(),
        description="None by default: a retry hides the candidate's errors from the evidence and doubles the load "
        "of a sick version.",
    )
    timeout: Duration | None = Field(default=None, description="Of a whole request. None: the mesh's own.")

    @field_validator("hosts")
    @classmethod
    def _hosts_are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if len(host) > 253 or not re.match(HOST_PATTERN, host):
                raise ValueError(f"host {host!r} is not a DNS name in lower case")
        return hosts


class Strategy(SpecModel):
    """How traffic moves from the stable version to the candidate. Exactly one."""

    canary: Canary | None = None
    blue_green: BlueGreen | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in ("canary", "blueGreen") if getattr(self, _FIELD[name]) is not None]
        if len(given) != 1:
            what = "none is given" if not given else f"{' and '.join(given)} are given"
            raise ValueError(f"exactly one strategy is needed, {what}; keep one of canary, blueGreen")
        return self


_FIELD = {"canary": "canary", "blueGreen": "blue_green"}


class Rollback(SpecModel):
    """What happens after a rollback."""

    keep_failed_for: Duration = Field(
        default=600.0,
        description="How long the pods of a failed version are kept, without traffic, for its logs.",
    )


class DeletionPolicy(StrEnum):
    """What becomes of the serving objects when the ModelRollout is deleted."""

    DELETE = "Delete"
    ORPHAN = "Orphan"


class Spec(SpecModel):
    """What the user wants. The operator never writes it."""

    model: Model
    serving: Serving = Serving()
    traffic: Traffic
    strategy: Strategy
    analysis: Analysis = Analysis()
    rollback: Rollback = Rollback()
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.DELETE,
        description="Delete: Deployments, Services and the VirtualService go with the ModelRollout. Orphan: they "
        "stay and keep serving.",
    )
