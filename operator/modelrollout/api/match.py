"""``spec.traffic.match``: which requests are meant, by their headers, by a cookie, and by the pod that sends them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from modelrollout.api.base import SpecModel
from modelrollout.api.cookies import COOKIE, EXPRESSION, VALUE, asked_for, beginning, quoted, within_one
from modelrollout.api.rules import HEADER, Form, HeaderName, rule, rules, text

_NO_REGEX = "regex cannot be read as RE2, which has no look-around and no back-references"
_READS_AS_RE2 = rules(rule("'x'.matches(self) in [true, false]", _NO_REGEX))
_ONE_OF_THREE = "give exactly one of exact, prefix and regex"
_HAS_ONE_OF_THREE = rules(
    rule("[has(self.exact), has(self.prefix), has(self.regex)].filter(given, given).size() == 1", _ONE_OF_THREE)
)
_LONGEST = 200
"""Characters of a cookie's value: Istio takes 1,024 for the whole expression, and . becomes four of them."""


class TextMatch(SpecModel):
    """How a text must look. Exactly one of the three."""

    model_config = ConfigDict(json_schema_extra=_HAS_ONE_OF_THREE)
    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.exact, self.prefix, self.regex)) != 1:
            raise ValueError(_ONE_OF_THREE)
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


class StringMatch(TextMatch):
    """How a header must look. Exactly one of the three."""

    exact: str | None = Field(default=None, max_length=512, description="The whole value.")
    prefix: str | None = Field(default=None, max_length=512, description="What the value begins with.")
    regex: str | None = Field(
        default=None, max_length=512, description="RE2, the whole value.", json_schema_extra=_READS_AS_RE2
    )


class CookieMatch(TextMatch):
    """How the value of a cookie must look. Exactly one of the three."""

    exact: Annotated[str, VALUE, Field(max_length=_LONGEST)] | None = Field(
        default=None, description="The whole value."
    )
    prefix: Annotated[str, VALUE, Field(max_length=_LONGEST)] | None = Field(
        default=None, description="What the value begins with; empty: whatever it is."
    )
    regex: Annotated[str, EXPRESSION, Field(max_length=_LONGEST)] | None = Field(
        default=None, description="RE2, the whole value; . is any character of it.", json_schema_extra=_READS_AS_RE2
    )

    @property
    def expression(self) -> str:
        """RE2 for its value, and for nothing beyond that."""
        if self.exact is not None:
            return quoted(self.exact)
        return beginning(self.prefix) if self.prefix is not None else within_one(self.regex or "")


# A pod may have any label that Kubernetes takes, but Istio looks at those that say something.
_LABEL_NAME = Form(
    r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?",
    "no pod has a label of the name {}; write it as the pods that send the requests have it, for example app",
)
_LABEL_VALUE = Form(
    r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?",
    "no label has the value {}; write it as the pods that send the requests have it, for example checkout",
)
LabelName = Annotated[str, _LABEL_NAME, Field(max_length=317)]
LabelValue = Annotated[str, _LABEL_VALUE, Field(max_length=63)]
_COOKIE_NAME = Form(
    "[A-Za-z0-9_.-]+", "match cannot look at a cookie of the name {}; use letters, digits, hyphens, dots, underscores"
)
CookieKey = Annotated[str, _COOKIE_NAME, Field(max_length=64)]


def _names(form: Form) -> Iterator[dict[str, Any]]:
    """For the API server: the names of a map are of a form."""
    message = form.sentence.replace("the name {}", "this name")
    yield rule(f"self.all(name, name.matches({text(f'^({form.pattern})$')}))", message)


_NOTHING = "a match looks at nothing; give headers, cookies or sourceLabels"
_ONE_COOKIE = "a match can look at one cookie, because Istio takes one condition for the header that has them all"
_COOKIE_TWICE = (
    "headers looks at cookie and cookies does, too, but Istio takes one condition for each header; use one of the two"
)


class RequestMatch(SpecModel):
    """Requests that a rule is for. All that is given must match."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.headers) && size(self.headers) > 0, has(self.cookies) && size(self.cookies) > 0, "
                "has(self.sourceLabels) && size(self.sourceLabels) > 0].exists(given, given)",
                _NOTHING,
            ),
            rule(
                "!has(self.headers) || !has(self.cookies) || size(self.cookies) == 0 || "
                "self.headers.all(name, name.lowerAscii() != 'cookie')",
                _COOKIE_TWICE,
            ),
        )
    )
    headers: dict[HeaderName, StringMatch] = Field(
        default={},
        max_length=16,
        description="How each header must look, by its name.",
        json_schema_extra=rules(*_names(HEADER)),
    )
    cookies: dict[CookieKey, CookieMatch] = Field(
        default={},
        max_length=16,
        description="How the value of a cookie must look, by the cookie's name; one cookie in each match.",
        json_schema_extra=rules(*_names(_COOKIE_NAME), rule("self.size() <= 1", _ONE_COOKIE)),
    )
    source_labels: dict[LabelName, LabelValue] = Field(
        default={},
        max_length=16,
        description="Labels of the pod that sends the request; needs gateways: [mesh].",
        json_schema_extra=rules(*_names(_LABEL_NAME)),
    )

    @model_validator(mode="before")
    @classmethod
    def _cookie_by_its_name(cls, given: Any) -> Any:
        """A condition for the header as ``cookies`` is written to a route is read as ``cookies``, wherever it stands:
        so a route that is read back is the one that was written."""
        headers = given.get("headers") if isinstance(given, Mapping) else None
        if not isinstance(headers, Mapping) or given.get("cookies"):
            return given
        rest = {name: how for name, how in headers.items() if str(name).lower() != COOKIE}
        written = [_regex_of(how) for name, how in headers.items() if name not in rest]
        found = asked_for(written[0]) if len(written) == 1 and written[0] is not None else None
        return {**given, "headers": rest, "cookies": dict([found])} if found is not None else given

    @field_validator("headers")
    @classmethod
    def _in_lower_case(cls, headers: dict[str, StringMatch]) -> dict[str, StringMatch]:
        """As HTTP/2 and the mesh have them, so that a route that is read back is the one that was written."""
        return {name.lower(): match for name, match in headers.items()}

    @field_validator("cookies")
    @classmethod
    def _of_one_name(cls, cookies: dict[str, CookieMatch]) -> dict[str, CookieMatch]:
        if len(cookies) > 1:
            raise ValueError(_ONE_COOKIE)
        return cookies

    @model_validator(mode="after")
    def _looks_at_something(self) -> Self:
        if not (self.headers or self.cookies or self.source_labels):
            raise ValueError(_NOTHING)
        if self.cookies and COOKIE in self.headers:
            raise ValueError(_COOKIE_TWICE)
        return self

    @model_serializer(mode="wrap")
    def _what_is_given(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is not looked at."""
        return {name: part for name, part in write(self).items() if part}

    def asks_for(self, header: str) -> bool:
        """Whether it has a condition for a header. ``header`` is in lower case."""
        return header in self.headers or (header == COOKIE and bool(self.cookies))


def _regex_of(how: Any) -> str | None:
    given = how.get("regex") if isinstance(how, Mapping) else getattr(how, "regex", None)
    return given if isinstance(given, str) else None
