"""``spec.traffic``: which requests the rollout routes, and who may see the candidate."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from modelrollout.api.base import PositiveDuration, SpecModel
from modelrollout.api.rules import HEADER, LABEL, Form, HeaderName, rule, rules, text

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
_NO_REGEX = "regex cannot be read as RE2, which has no look-around and no back-references"


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


class StringMatch(SpecModel):
    """How a header must look. Exactly one of the three."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.exact), has(self.prefix), has(self.regex)].filter(given, given).size() == 1",
                "give exactly one of exact, prefix and regex",
            )
        )
    )
    exact: str | None = Field(default=None, max_length=512, description="The whole value.")
    prefix: str | None = Field(default=None, max_length=512, description="What the value begins with.")
    regex: str | None = Field(
        default=None,
        max_length=512,
        description="RE2, the whole value.",
        json_schema_extra=rules(rule("'x'.matches(self) in [true, false]", _NO_REGEX)),
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.exact, self.prefix, self.regex)) != 1:
            raise ValueError("give exactly one of exact, prefix and regex")
        return self

    @field_validator("regex")
    @classmethod
    def _regex_is_one(cls, regex: str | None) -> str | None:
        """Python's own syntax is wider than RE2's; what it has on top is refused by name."""
        try:
            re.compile(regex or "")
        except re.error as error:
            raise ValueError(f"{_NO_REGEX}: {error}") from error
        if regex and re.search(r"(?<!\\)(\\\\)*(\(\?[=!<(>]|\(\?P=|\\[1-9])", regex):
            raise ValueError(_NO_REGEX)
        return regex


class Header(SpecModel):
    """A request header and its exact value."""

    name: HeaderName = Field(description="Its name; upper and lower case are the same.")
    value: str = Field(min_length=1, max_length=256, description="Its value, as a whole.")


class RequestMatch(SpecModel):
    """Requests that a rule is for. All the given headers must match."""

    headers: dict[HeaderName, StringMatch] = Field(
        min_length=1,
        max_length=16,
        description="How each header must look, by its name.",
        json_schema_extra=rules(
            rule(
                f"self.all(name, name.matches({text(f'^({HEADER.pattern})$')}))",
                "there is no header of this name; use letters, digits and hyphens",
            )
        ),
    )

    @field_validator("headers")
    @classmethod
    def _in_lower_case(cls, headers: dict[str, StringMatch]) -> dict[str, StringMatch]:
        """As HTTP/2 and the mesh have them, so that a route that is read back is the one that was written."""
        return {name.lower(): match for name, match in headers.items()}


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


class Traffic(SpecModel):
    """Which requests the rollout routes, and who may see the candidate."""

    hosts: tuple[Host, ...] = Field(
        min_length=1, max_length=16, description="What clients call the model by, for example fraud.prod."
    )
    gateways: tuple[Gateway, ...] = Field(
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
    timeout: PositiveDuration | None = Field(default=None, description="Of a whole request. None: the mesh's own.")
