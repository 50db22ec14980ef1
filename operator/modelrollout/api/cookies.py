"""One cookie of a request, as a regular expression for the whole header ``Cookie``, and back.

A request has all its cookies in one header, and Istio takes one condition for each header. So the expression says
where in the header the pair may stand, and name and value are of the same pair: no part of a value matches a semicolon,
which is what ends a pair.
https://www.rfc-editor.org/rfc/rfc6265#section-4.2.1
"""

from __future__ import annotations

import re

from modelrollout.api.rules import Form

COOKIE = "cookie"
"""The header with all the cookies of a request."""

_SINGLES = "A-Za-z0-9_.~%:/=@!#&'<>,+*?$(){}|"
_RANGE = "[0-9]-[0-9]|[A-Z]-[A-Z]|[a-z]-[a-z]"
_ESCAPE = r"\\[.|(){}*+?^$dw\[\]\\-]"
_CLASS = rf"\[\^?({_RANGE}|[{_SINGLES}]|{_ESCAPE})+-?\]"
_ATOM = rf"[A-Za-z0-9_~%:/=@!#&'<>,-]|{_ESCAPE}|\.|{_CLASS}|\)"
_TIMES = r"([?*+]|\{[0-9]{1,2}(,[0-9]{0,2})?\})\??"

VALUE = Form("[!-:<-~]*", "{} is no value of a cookie; use printable characters without blanks and semicolons")
EXPRESSION = Form(
    rf"(({_ATOM})({_TIMES})?|\((\?:)?|\|)+",
    "{} is not taken for a cookie's value, of which no part may match a semicolon; use characters, ., classes, groups, "
    "alternatives and repetitions, without blanks and flags",
)
"""What is left of RE2 when nothing in it can match a semicolon, but for what ``within_one`` takes from it."""

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_TOKEN = re.compile(r"\\.|\[\^?[^\]\\]*(?:\\.[^\]\\]*)*\]|.", re.S)
_ANY = "[^;]"


def pair(name: str, value: str) -> str:
    """RE2 for the whole header of requests that have a cookie whose value is of a form. ``value`` is RE2 as well."""
    return rf"(.*;\s*)?{quoted(name)}={value}(;.*)?"


def quoted(text: str) -> str:
    """RE2 for exactly this text. Escapes what means something and nothing else."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def beginning(prefix: str) -> str:
    """RE2 for values that begin so."""
    return f"{quoted(prefix)}{_ANY}*"


def within_one(expression: str) -> str:
    """RE2 for values of a form, none of which goes beyond its pair."""
    return f"({''.join(_kept_inside(token) for token in _TOKEN.findall(expression))})"


def _kept_inside(token: str) -> str:
    if token == ".":
        return _ANY
    return f"[^;{token[2:]}" if token.startswith("[^") else token


_PAIR = re.compile(r"\(\.\*;\\s\*\)\?(?P<name>[A-Za-z0-9_.\\-]+)=(?P<value>.*)\(;\.\*\)\?", re.S)


def asked_for(header: str) -> tuple[str, dict[str, str]] | None:
    """The cookie that an expression for the header asks for, as name and ``{exact, prefix or regex: text}``. None when
    it is not written as those of here are: then it is somebody's own."""
    if (found := _PAIR.fullmatch(header)) is None:
        return None
    name, value = _unquoted(found["name"]), found["value"]
    candidates = (
        ("regex", value[1:-1].replace(_ANY, ".").replace("[^;", "[^"), within_one),
        ("prefix", _unquoted(value.removesuffix(f"{_ANY}*")), beginning),
        ("exact", _unquoted(value), quoted),
    )
    written = ((kind, text) for kind, text, write in candidates if pair(name, write(text)) == header)
    return next(((name, {kind: text}) for kind, text in written if _is_taken(kind, text)), None)


def _is_taken(kind: str, text: str) -> bool:
    return (EXPRESSION if kind == "regex" else VALUE).accepts(text)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
