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
VERSION_HEADER = "x-model-version"
"""Response header that names the version that answered."""

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


CookieName = Annotated[
    str,
    Form(
        r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?",
        "{} is no name for this cookie; use letters, digits, hyphens and underscores",
    ),
    Field(max_length=64),
]
"""Nothing in it means anything in a regular expression; and none of a browser's prefixes, which ask for more."""


class Cookie(SpecModel):
    """A cookie that says which version its user got. It is of no use to anybody else, so no script may read it."""

    name: CookieName = Field(default="model-arm", description="Its name.")
    max_age: PositiveDuration = Field(default=86_400.0, description="How long a browser keeps it, at most.")
    secure: bool = Field(
        default=False, description="Whether browsers send it by HTTPS alone. Set it where users come by HTTPS."
    )


class Affinity(SpecModel):
    """How a user is known again, so that the next request goes to the version that answered the last one."""

    cookie: Cookie = Field(description="By a cookie, for browsers and whoever else sends back what was set.")


DecisionHeader = Annotated[
    str,
    Form(
        "[Xx]-[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?",
        "{} is no name for a header of this operator's own; use x- and letters, digits and hyphens",
    ),
    Field(max_length=128),
]
_NAMES_THE_VERSION = f"decisionHeader {VERSION_HEADER} names the version in every answer already; use another name"
_COOKIE_TWICE = (
    "match looks at the header cookie and affinity.cookie does, too, but Istio takes one condition for each header; "
    "use another header in match"
)


class Traffic(SpecModel):
    """Which requests the rollout routes, and who may see the candidate."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.affinity) || !has(self.match) || "
                "self.match.all(item, item.headers.all(name, name.lowerAscii() != 'cookie'))",
                _COOKIE_TWICE,
            ),
            rule(
                f"!has(self.decisionHeader) || self.decisionHeader.lowerAscii() != {text(VERSION_HEADER)}",
                _NAMES_THE_VERSION,
            ),
        )
    )
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
    affinity: Affinity | None = Field(
        default=None,
        description="Keeps a user at one version for as long as several versions share the requests and no share "
        "changes. None by default: each request is on its own.",
    )
    decision_header: DecisionHeader | None = Field(
        default=None,
        description="A header that every answer carries, for example x-model-decision, to be stored beside what was "
        "done with the answer. Its value is NAMESPACE/ROLLOUT/EPOCH/VERSION/SPLIT/TIME/REQUEST. None: no such header.",
    )

    @model_validator(mode="after")
    def _one_condition_for_each_header(self) -> Self:
        if self.affinity is not None and any("cookie" in item.headers for item in self.match):
            raise ValueError(_COOKIE_TWICE)
        return self

    @model_validator(mode="after")
    def _decision_is_not_the_version(self) -> Self:
        if self.decision_header is not None and self.decision_header.lower() == VERSION_HEADER:
            raise ValueError(_NAMES_THE_VERSION)
        return self
