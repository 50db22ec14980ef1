"""A match by a cookie: the one expression for the whole header finds what it names, nothing else, and is read back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from modelrollout.api.cookies import pair
from modelrollout.api.match import CookieMatch, RequestMatch, StringMatch

VALUES = ("yes", "yes.", "yesterday", "no", "", "a=b", "beta=yes", "(yes)", "y+s", "%5B", "[1]", "\\d", "ye", "7")
FORMS: tuple[dict[str, str], ...] = (
    *({kind: value} for kind in ("exact", "prefix") for value in VALUES),
    *(
        {"regex": text}
        for text in (
            "yes|no",
            "y.*s",
            ".*",
            "[^y].*",
            "(?:ye|n)(s|o)?",
            r"\d+",
            "[0-9a-f]{1,2}",
            "[a-z-]+",
            r"yes\.",
            ".",
        )
    ),
)
forms = st.sampled_from(FORMS).map(CookieMatch.model_validate)
pairs = st.lists(
    st.tuples(st.sampled_from(("beta", "xbeta", "beta2", "be.ta", "a")), st.sampled_from(VALUES)), max_size=4
)


def is_meant(name: str, how: CookieMatch, sent: list[tuple[str, str]]) -> bool:
    """What a reader of the manifest expects, cookie by cookie."""
    values = [value for other, value in sent if other == name]
    if how.exact is not None:
        return how.exact in values
    if how.prefix is not None:
        return any(value.startswith(how.prefix) for value in values)
    return any(re.fullmatch(how.regex or "", value) for value in values)


@given(st.sampled_from(("beta", "be.ta")), forms, pairs, st.sampled_from(("; ", ";", ";  ")))
def test_name_and_value_are_of_the_same_cookie(
    name: str, how: CookieMatch, sent: list[tuple[str, str]], between: str
) -> None:
    header = between.join(f"{other}={value}" for other, value in sent)
    assert (re.fullmatch(pair(name, how.expression), header) is not None) == is_meant(name, how, sent)


@given(st.sampled_from(("beta", "be.ta", "__Host-beta")), forms)
def test_what_a_route_says_is_read_as_the_cookie(name: str, how: CookieMatch) -> None:
    header = {"regex": pair(name, how.expression)}
    wanted = RequestMatch(cookies={name: how})
    assert RequestMatch.model_validate({"headers": {"cookie": header}}) == wanted
    assert RequestMatch.model_validate(wanted.model_dump(by_alias=True, exclude_none=True)) == wanted


@pytest.mark.parametrize(
    "regex",
    [".*beta=yes.*", r"(.*;\s*)?beta=(yes;no)(;.*)?", r"(.*;\s*)?beta=(a.b)(;.*)?", "", r"(.*;\s*)?beta=a\-b(;.*)?"],
)
def test_an_expression_of_ones_own_stays_what_it_is(regex: str) -> None:
    own = StringMatch(regex=regex)
    assert RequestMatch(headers={"Cookie": own}).headers == {"cookie": own}


def test_the_longest_is_within_what_istio_takes() -> None:
    for form in ({"exact": "." * 200}, {"prefix": "." * 200}, {"regex": "." * 200}):
        assert len(pair("." * 64, CookieMatch.model_validate(form).expression)) <= 1024


@pytest.mark.parametrize(
    "regex",
    [
        "a;b",
        "[;]",
        "[+-~]",
        "[!-~]",
        r"\S",
        r"\W",
        r"\D",
        "[^",
        "(?i)yes",
        "(?=a)b",
        "a b",
        r"\x3b",
        r"[\W]",
        "[[:punct:]]",
    ],
)
def test_nothing_in_a_value_goes_beyond_it(regex: str) -> None:
    with pytest.raises(ValidationError, match=r"not taken for a cookie's value|cannot be read as RE2"):
        CookieMatch(regex=regex)


def test_what_is_not_looked_at_is_not_written() -> None:
    labels: dict[str, Any] = {"sourceLabels": {"app": "checkout"}}
    assert RequestMatch.model_validate(labels).model_dump(by_alias=True, exclude_none=True) == labels
