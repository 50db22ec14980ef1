"""``spec.traffic``: which requests the rollout routes, and who may see the candidate."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.affinity import COOKIE_IN_CEL, Affinity, OwnHeader, echoed_in_cel, rules_on_header
from modelrollout.api.base import PositiveDuration, SpecModel
from modelrollout.api.match import RequestMatch
from modelrollout.api.rules import LABEL, Form, HeaderName, rule, rules, text

Host = Annotated[
    str,
    Form(rf"{LABEL}(\.{LABEL})*", "host {} is not a DNS name in lower case; write for example fraud.prod"),
    Field(max_length=253),
]
Gateway = Annotated[
    str,
    Form(
        rf"({LABEL}/)?{LABEL}(\.{LABEL})*",
        "gateway {} is neither mesh nor NAMESPACE/NAME of a Gateway; write for example istio-system/public",
    ),
    Field(max_length=317),
]
MESH = "mesh"
"""The gateway that is none: the proxies beside the callers."""

VERSION_HEADER = "x-model-version"
"""Response header that names the version that answered."""

# What Istio's own validation lets pass (pkg/config/validation/validation.go): Envoy's conditions for HTTP and gRPC, and
# the status codes that Go knows as errors. It takes no space between them.
_CONDITIONS = (
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
)
_STATUS_CODE = "4(0[0-9]|1[0-8]|2[1-689]|31|51)|5(0[0-8]|1[01])"
_CONDITION = f"({'|'.join(_CONDITIONS)}|{_STATUS_CODE})"
RetryOn = Annotated[
    str,
    Form(
        rf"{_CONDITION}(,{_CONDITION})*",
        "retryOn {} holds what Istio does not know; give status codes or conditions of Envoy, with commas and no "
        "spaces, for example connect-failure,refused-stream,503",
    ),
    Field(max_length=256),
]
_NEED_ATTEMPTS = "perTryTimeout and retryOn are of no use without attempts, and Istio refuses them; set attempts"


class Header(SpecModel):
    """A request header and its exact value."""

    name: HeaderName = Field(description="Its name; upper and lower case are the same.")
    value: str = Field(min_length=1, max_length=256, description="Its value, as a whole.")


class Retries(SpecModel):
    """Retries by the mesh, as in a VirtualService."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "(has(self.attempts) && self.attempts > 0) || !(has(self.perTryTimeout) || has(self.retryOn))",
                _NEED_ATTEMPTS,
            )
        )
    )
    attempts: int = Field(default=0, ge=0, le=10, description="How often a failed request is sent again.")
    per_try_timeout: PositiveDuration | None = Field(
        default=None, description="Of each attempt. None: that of the whole request."
    )
    retry_on: RetryOn | None = Field(default=None, description="For example connect-failure,refused-stream.")

    @model_validator(mode="after")
    def _has_attempts(self) -> Self:
        if self.attempts == 0 and (self.per_try_timeout is not None or self.retry_on is not None):
            raise ValueError(_NEED_ATTEMPTS)
        return self


_NAMES_THE_VERSION = "{} " + VERSION_HEADER + " names the version in every answer already; use another name"
_ONE_MARK_EACH = "decisionHeader and affinity.echo would write different things to one header; use another name for one"
_TWICE = (
    "match looks at the header {} and affinity.{} does, too, but Istio takes one condition for each header; use "
    "another header in match"
)

_LABELS_OF_A_GATEWAY = (
    "match looks at sourceLabels, and at a gateway these would be those of the gateway's own pods, whoever asks; give "
    "gateways: [mesh] alone, or match by headers"
)


def _is_not_matched(header: str) -> str:
    """In CEL: no match has a condition for a header."""
    no_cookie = "(!has(item.cookies) || size(item.cookies) == 0) && " if header == COOKIE_IN_CEL else ""
    no_header = f"(!has(item.headers) || item.headers.all(name, name.lowerAscii() != {header}))"
    return f"!has(self.match) || self.match.all(item, {no_cookie}{no_header})"


class Traffic(SpecModel):
    """Which requests the rollout routes, and who may see the candidate."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *rules_on_header("self.affinity", _TWICE, _is_not_matched),
            rule(
                "!has(self.match) || !has(self.gateways) || self.gateways.all(name, name == 'mesh') || "
                "self.match.all(item, !has(item.sourceLabels) || size(item.sourceLabels) == 0)",
                _LABELS_OF_A_GATEWAY,
            ),
            rule(
                f"!has(self.decisionHeader) || self.decisionHeader.lowerAscii() != {text(VERSION_HEADER)}",
                _NAMES_THE_VERSION.format("decisionHeader"),
            ),
            rule(
                "!has(self.affinity) || !has(self.affinity.echo) || !has(self.affinity.echo.header) || "
                f"self.affinity.echo.header.lowerAscii() != {text(VERSION_HEADER)}",
                _NAMES_THE_VERSION.format("affinity.echo.header"),
            ),
            rule(
                "!has(self.decisionHeader) || !has(self.affinity) || !has(self.affinity.echo) || "
                f"self.decisionHeader.lowerAscii() != {echoed_in_cel('self.affinity')}",
                _ONE_MARK_EACH,
            ),
        )
    )
    hosts: tuple[Host, ...] = Field(
        min_length=1, max_length=16, description="What clients call the model by, for example fraud.prod."
    )
    gateways: tuple[Gateway, ...] = Field(
        default=(MESH,), min_length=1, max_length=16, description="NAMESPACE/NAME of Gateways, or mesh."
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
    timeout: PositiveDuration | None = Field(default=None, description="Of a whole request. None: the mesh's own.")
    affinity: Affinity | None = Field(
        default=None,
        description="Keeps a user at one version for as long as several versions share the requests and no share "
        "changes. None by default: each request is on its own.",
    )
    decision_header: OwnHeader | None = Field(
        default=None,
        description="A header that every answer carries, for example x-model-decision, to be stored beside what was "
        "done with the answer. Its value is NAMESPACE/ROLLOUT/EPOCH/VERSION/SPLIT/TIME/REQUEST. None: no such header.",
    )

    @model_validator(mode="after")
    def _one_condition_for_each_header(self) -> Self:
        looks_at = self.affinity.chosen.looks_at if self.affinity is not None else ""
        if self.affinity is not None and any(item.asks_for(looks_at) for item in self.match):
            raise ValueError(_TWICE.format(looks_at, self.affinity.kind))
        return self

    @model_validator(mode="after")
    def _labels_are_those_of_callers(self) -> Self:
        if any(item.source_labels for item in self.match) and set(self.gateways) != {MESH}:
            raise ValueError(_LABELS_OF_A_GATEWAY)
        return self

    @model_validator(mode="after")
    def _each_header_of_answers_says_one_thing(self) -> Self:
        decision = self.decision_header.lower() if self.decision_header is not None else None
        echo = self.affinity.echo.looks_at if self.affinity is not None and self.affinity.echo is not None else None
        for field, header in (("decisionHeader", decision), ("affinity.echo.header", echo)):
            if header == VERSION_HEADER:
                raise ValueError(_NAMES_THE_VERSION.format(field))
        if decision is not None and decision == echo:
            raise ValueError(_ONE_MARK_EACH)
        return self
