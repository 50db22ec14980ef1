"""What is said of several things that are wrong: the first few that differ, and how many there are."""

from __future__ import annotations

import pytest

from modelrollout.core.validate.told import some

WRONG = {
    "one": (["request 1: status 400"], "1 of 4 fail: request 1: status 400"),
    "a request that failed both times is named once": (
        ["request 1: status 400", "request 1: status 400"],
        "2 of 4 fail: request 1: status 400",
    ),
    "one that failed otherwise the second time": (
        ["request 1: status 400", "request 1: status 503"],
        "2 of 4 fail: request 1: status 400; request 1: status 503",
    ),
    "the first two of those that differ": (["a", "a", "b", "c"], "4 of 4 fail: a; b"),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_once(wrong: list[str], said: str) -> None:
    assert some(wrong, 4, "fail") == said
