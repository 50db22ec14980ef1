"""``spec.traffic.affinity``: how a user is known again, so that the next request goes where the last one went.

Each way is one model here, one field of ``Affinity``, and one file in ``manifests/affinity``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.base import PositiveDuration, SpecModel
from modelrollout.api.cookies import COOKIE
from modelrollout.api.rules import HEADER, Form, rule, rules, text

ECHO_HEADER = "x-model-arm"
OwnHeader = Annotated[
    str,
    Form(
        "[Xx]-[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?",
        "{} is no name for a header of this operator's own; use x- and letters, digits and hyphens",
    ),
    Field(max_length=128),
]
"""One that answers carry."""

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

    @property
    def looks_at(self) -> str:
        """The request header by which users are known, in lower case."""
        return COOKIE


class HeaderMethod(StrEnum):
    """How the value of a header names a version."""

    HEX_SUFFIX = "HexSuffix"
    MESH_HASH = "MeshHash"


IdHeaderName = Annotated[
    str,
    HEADER,
    Form(
        "^([Cc][Oo][Oo][Kk][Ii][Ee]|[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Tt][Yy][Pp][Ee])$",
        "{} carries no id of a user; name the header that does, for example x-user-id, or use affinity.cookie",
        forbidden=True,
    ),
    Field(max_length=128),
]
"""Rules for gRPC have a condition for the content type already, and Istio takes one for each header."""


class IdHeader(SpecModel):
    """A request header with an id of the user."""

    name: IdHeaderName = Field(description="Its name; upper and lower case are the same.")
    method: HeaderMethod = Field(
        description="HexSuffix: by the last two hex digits of the value, for ids that end as if by chance, such as a "
        "UUID or a hash. MeshHash: by a hash that the proxies make of the value, whatever its form; the mesh needs a "
        "filter for that header (the chart's value meshHash). Requests without an id are drawn by the weights."
    )

    @property
    def looks_at(self) -> str:
        """The request header by which users are known, in lower case."""
        return self.name.lower()


class Echo(SpecModel):
    """A header that every answer carries while several versions share the requests, and that a caller sends back. For
    callers that are trusted: it chooses the version."""

    header: OwnHeader = Field(
        default=ECHO_HEADER, description="Its name, in answers and in requests. Its value is EPOCH.VERSION."
    )

    @property
    def looks_at(self) -> str:
        """The request header by which users are known, in lower case."""
        return self.header.lower()


Way = Cookie | IdHeader | Echo
"""What is given for the one that is chosen."""

COOKIE_IN_CEL = text(COOKIE)
_ECHOED = f"(has({{0}}.echo.header) ? {{0}}.echo.header.lowerAscii() : {text(ECHO_HEADER)})"
_LOOKS_AT = {"cookie": COOKIE_IN_CEL, "header": "{0}.header.name.lowerAscii()", "echo": _ECHOED}
_NAMES = f"{', '.join(list(_LOOKS_AT)[:-1])} and {list(_LOOKS_AT)[-1]}"
_ONE = f"give exactly one of {_NAMES}"
_GIVEN = ", ".join(f"has(self.{name})" for name in _LOOKS_AT)


class Affinity(SpecModel):
    """How a user is known again, so that the next request goes to the version that answered the last one. Exactly
    one way."""

    model_config = ConfigDict(json_schema_extra=rules(rule(f"[{_GIVEN}].filter(given, given).size() == 1", _ONE)))
    cookie: Cookie | None = Field(
        default=None, description="By a cookie, for browsers and whoever else sends back what was set."
    )
    header: IdHeader | None = Field(
        default=None, description="By an id that every request of a user carries, for services and gRPC clients."
    )

    echo: Echo | None = Field(
        default=None,
        description="By a header of the last answer that the caller sends back, for services and gRPC clients that are "
        "trusted.",
    )

    @property
    def kind(self) -> str:
        """The way that is chosen, by the name of its field."""
        return next(name for name in _LOOKS_AT if getattr(self, name) is not None)

    @property
    def chosen(self) -> Way:
        """What is given for it."""
        given: Way = getattr(self, self.kind)
        return given

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, name) is not None for name in _LOOKS_AT) != 1:
            raise ValueError(_ONE)
        return self


def rules_on_header(affinity: str, sentence: str, may_be: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    """Rules of the API server on the header that an affinity looks at, one for each way.

    ``affinity`` is a path to what may be absent; ``may_be`` says in CEL of a header in lower case that it is in order;
    ``sentence`` has a place for the header and one for the way.
    """
    for name, header in _LOOKS_AT.items():
        cel = header.format(affinity)
        entry = f"!has({affinity}) || !has({affinity}.{name}) || {may_be(cel)}"
        if cel == COOKIE_IN_CEL:
            yield rule(entry, sentence.format(COOKIE, name))
            continue
        shown = f" + {cel} + ".join(text(part) for part in sentence.format("{}", name).split("{}"))
        yield rule(entry, sentence.replace("the header {}", "a header").format(name), shown=shown)


def echoed_in_cel(affinity: str) -> str:
    """The header that is echoed, in lower case. ``affinity`` is a path to one with ``echo``."""
    return _ECHOED.format(affinity)
